# SPDX-License-Identifier: Apache-2.0
"""Requantization: a staircase on every code."""

from __future__ import annotations

from fpgann.ir.ops.requantize import Requantize
from fpgann.numerics.integers import IntArray
from fpgann.reference.tables import ON_CODES


@ON_CODES.register(Requantize)
def requantize_codes(op: Requantize, x: IntArray) -> IntArray:
    """Exact."""
    return op.map.apply(x, op.axis)
