# SPDX-License-Identifier: Apache-2.0
"""Scaling and shifting with constants."""

from __future__ import annotations

import numpy as np

from fpgann.ir.alignment import pad_axes
from fpgann.ir.ops.affine import Affine
from fpgann.numerics.integers import FloatArray
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(Affine)
def affine_values(op: Affine, x: FloatArray) -> FloatArray:
    """In float64; constants may have more axes than the operand."""
    rank = max(c.ndim for c in (op.multiplier, op.divisor, op.addend))
    x = pad_axes(x, max(rank, x.ndim - 1))
    return np.asarray(x * op.multiplier / op.divisor + op.addend)
