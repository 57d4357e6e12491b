# SPDX-License-Identifier: Apache-2.0
"""Transpose."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.integers import IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Transpose)
@ON_CODES.register(Transpose)
def transpose(op: Transpose, x: IntArray) -> IntArray:
    """The sample axis stays in front."""
    return np.transpose(x, (0, *(axis + 1 for axis in op.permutation)))
