# SPDX-License-Identifier: Apache-2.0
"""The order of a softmax."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(KeepWinner)
def keep_winner_values(op: KeepWinner, x: FloatArray, y: FloatArray) -> FloatArray:
    """Real numbers need no help."""
    del op, y
    return x


@ON_CODES.register(KeepWinner)
def keep_winner_codes(op: KeepWinner, x: IntArray, y: IntArray) -> IntArray:
    """Losers stay one below the largest."""
    limit = np.maximum(x.max(axis=op.axis, keepdims=True) - 1, op.low)
    wins = y == y.max(axis=op.axis, keepdims=True)
    return np.where(wins, x, np.minimum(x, limit))
