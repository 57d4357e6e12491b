# SPDX-License-Identifier: Apache-2.0
"""Reinterpretation."""

from __future__ import annotations

from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.numerics.integers import IntArray
from fpgann.reference.tables import ON_CODES


@ON_CODES.register(Reinterpret)
def reinterpret_codes(op: Reinterpret, x: IntArray) -> IntArray:
    """Codes stay as they are."""
    del op
    return x
