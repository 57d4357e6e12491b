# SPDX-License-Identifier: Apache-2.0
"""Choice by a condition."""

from __future__ import annotations

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.select import Select
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Select)
def select_values(op: Select, condition: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """In float64."""
    del op
    rank = max(condition.ndim, x.ndim, y.ndim) - 1
    return np.asarray(np.where(pad_axes(condition, rank) != 0, pad_axes(x, rank), pad_axes(y, rank)))


@ON_CODES.register(Select)
def select_codes(op: Select, condition: IntArray, x: IntArray, y: IntArray) -> IntArray:
    """Exact."""
    assert op.alignment is not None
    return select_values(op, condition, *op.alignment.apply((x, y)))
