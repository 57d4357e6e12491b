# SPDX-License-Identifier: Apache-2.0
"""Positions of maxima and minima."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(ArgExtreme)
def arg_extreme_values(op: ArgExtreme, x: FloatArray) -> FloatArray:
    """The position as a number."""
    return _position(op, x).astype(np.float64)


@ON_CODES.register(ArgExtreme)
def arg_extreme_codes(op: ArgExtreme, x: IntArray) -> IntArray:
    """The position."""
    return _position(op, x)


def _position(op: ArgExtreme, x: IntArray) -> IntArray:
    find = np.argmax if op.greatest else np.argmin
    if not op.last:
        return np.asarray(find(x, axis=op.axis, keepdims=True))
    return np.asarray(x.shape[op.axis] - 1 - find(np.flip(x, op.axis), axis=op.axis, keepdims=True))
