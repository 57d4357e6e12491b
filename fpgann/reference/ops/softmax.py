# SPDX-License-Identifier: Apache-2.0
"""Softmax."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.softmax import Softmax
from fpgann.numerics.integers import FloatArray
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(Softmax)
def softmax_values(op: Softmax, x: FloatArray) -> FloatArray:
    """In float64, shifted by the maximum."""
    shifted = x - x.max(axis=op.axis, keepdims=True)
    exponentials = np.exp(shifted)
    if op.log:
        return np.asarray(shifted - np.log(exponentials.sum(axis=op.axis, keepdims=True)))
    return np.asarray(exponentials / exponentials.sum(axis=op.axis, keepdims=True))
