# SPDX-License-Identifier: Apache-2.0
"""Quantization as the model file defines it."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.rounding import round_values
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(Quantize)
def quantize_values(op: Quantize, x: FloatArray) -> FloatArray:
    """In float64; numbers within a few units in the last place of a tie may fall to either side."""
    if op.bipolar:
        return np.where(x >= 0, 1.0, -1.0) * op.scale
    codes = np.clip(round_values(x / op.scale + op.zero_point, op.rounding), op.low, op.high)
    return np.asarray((codes - op.zero_point) * op.scale)
