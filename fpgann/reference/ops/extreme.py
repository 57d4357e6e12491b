# SPDX-License-Identifier: Apache-2.0
"""Element-wise maximum and minimum."""

from __future__ import annotations

from functools import reduce

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.extreme import Extreme
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Extreme)
def extreme_values(op: Extreme, *operands: FloatArray) -> FloatArray:
    """In float64."""
    rank = max(x.ndim for x in operands) - 1
    return reduce(np.maximum if op.greatest else np.minimum, [pad_axes(x, rank) for x in operands])


@ON_CODES.register(Extreme)
def extreme_codes(op: Extreme, *operands: IntArray) -> IntArray:
    """Exact."""
    assert op.alignment is not None
    return extreme_values(op, *op.alignment.apply(operands))
