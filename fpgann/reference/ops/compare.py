# SPDX-License-Identifier: Apache-2.0
"""Comparisons."""

from __future__ import annotations

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES

_HOLDS = {
    Relation.GREATER: np.greater,
    Relation.GREATER_EQUAL: np.greater_equal,
    Relation.EQUAL: np.equal,
    Relation.NOT_EQUAL: np.not_equal,
}


@ON_VALUES.register(Compare)
def compare_values(op: Compare, x: FloatArray, y: FloatArray) -> FloatArray:
    """1.0 or 0.0."""
    rank = max(x.ndim, y.ndim) - 1
    return np.asarray(_HOLDS[op.relation](pad_axes(x, rank), pad_axes(y, rank)).astype(np.float64))


@ON_CODES.register(Compare)
def compare_codes(op: Compare, x: IntArray, y: IntArray) -> IntArray:
    """1 or 0."""
    assert op.alignment is not None
    left, right = op.alignment.apply((x, y))
    return compare_values(op, left, right).astype(np.int64)
