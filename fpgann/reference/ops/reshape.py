# SPDX-License-Identifier: Apache-2.0
"""Reshape."""

from __future__ import annotations

from fpgann.ir.ops.reshape import Reshape
from fpgann.numerics.integers import IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Reshape)
@ON_CODES.register(Reshape)
def reshape(op: Reshape, x: IntArray) -> IntArray:
    """Row-major order is kept."""
    return x.reshape(x.shape[0], *op.shape)
