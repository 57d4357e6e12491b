# SPDX-License-Identifier: Apache-2.0
"""The greatest or least elements along an axis."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.top_k import TopK
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(TopK)
def top_k_values(op: TopK, x: FloatArray) -> FloatArray:
    """In float64; positions are numbers too."""
    return top_k_codes(op, x).astype(np.float64)


@ON_CODES.register(TopK)
def top_k_codes(op: TopK, x: IntArray) -> IntArray:
    """A stable sort keeps equal elements in order."""
    order = np.argsort(-x if op.greatest else x, axis=op.axis, kind="stable")
    positions = np.take(order, np.arange(op.count), axis=op.axis)
    return np.asarray(positions if op.positions else np.take_along_axis(x, positions, op.axis))
