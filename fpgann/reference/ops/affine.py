# SPDX-License-Identifier: Apache-2.0
"""Scaling and shifting with constants."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.affine import Affine
from fpgann.numerics.integers import FloatArray
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(Affine)
def affine_values(op: Affine, x: FloatArray) -> FloatArray:
    """In float64."""
    return np.asarray(x * op.multiplier / op.divisor + op.addend)
