# SPDX-License-Identifier: Apache-2.0
"""Sums, maxima and minima over axes."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.numerics.integers import FloatArray, IntArray, fits_int64, magnitude
from fpgann.reference.tables import ON_CODES, ON_VALUES

_FUNCTIONS = {Reduction.SUM: np.add, Reduction.MAXIMUM: np.maximum, Reduction.MINIMUM: np.minimum}


@ON_VALUES.register(Reduce)
def reduce_values(op: Reduce, x: FloatArray) -> FloatArray:
    """In float64."""
    return np.asarray(_FUNCTIONS[op.reduction].reduce(x, axis=op.axes, keepdims=True))


@ON_CODES.register(Reduce)
def reduce_codes(op: Reduce, x: IntArray) -> IntArray:
    """Exact."""
    wide = op.reduction is Reduction.SUM and not fits_int64(magnitude(x) * max(1, x[0].size))
    return reduce_values(op, x.astype(object) if wide else x)
