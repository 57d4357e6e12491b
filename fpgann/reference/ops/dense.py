# SPDX-License-Identifier: Apache-2.0
"""Dense layers."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.dense import Dense
from fpgann.numerics.integers import FloatArray, IntArray, grouped, matmul, multiply_add
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Dense)
def dense_values(op: Dense, x: FloatArray) -> FloatArray:
    """Matrix product in float64."""
    y = grouped(np.matmul, x, op.weight.values, op.groups)
    return np.asarray(y if op.bias is None else y + op.bias.values)


@ON_CODES.register(Dense)
def dense_codes(op: Dense, x: IntArray) -> IntArray:
    """Exact accumulators."""
    y = grouped(matmul, x, op.weight.data, op.groups)
    return y if op.bias is None else multiply_add(y, 1, op.bias.data)
