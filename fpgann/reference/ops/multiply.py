# SPDX-License-Identifier: Apache-2.0
"""Products of two computed tensors."""

from __future__ import annotations

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.multiply import Multiply
from fpgann.numerics.integers import FloatArray, IntArray, fits_int64, magnitude, multiply_add
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Multiply)
def multiply_values(op: Multiply, x: FloatArray, y: FloatArray) -> FloatArray:
    """In float64."""
    del op
    rank = max(x.ndim, y.ndim) - 1
    return np.asarray(pad_axes(x, rank) * pad_axes(y, rank))


@ON_CODES.register(Multiply)
def multiply_codes(op: Multiply, x: IntArray, y: IntArray) -> IntArray:
    """Exact."""
    x, y = (multiply_add(codes, 1, -zero) for codes, zero in zip((x, y), op.zeros, strict=True))
    rank = max(x.ndim, y.ndim) - 1
    if not fits_int64(max(1, magnitude(x)) * max(1, magnitude(y))):
        x, y = x.astype(object), y.astype(object)
    return np.asarray(pad_axes(x, rank) * pad_axes(y, rank))
