# SPDX-License-Identifier: Apache-2.0
"""Activation functions."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.activation import Activation, Function
from fpgann.numerics.integers import FloatArray
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(Activation)
def activation_values(op: Activation, x: FloatArray) -> FloatArray:
    """In float64, without overflow for large arguments."""
    match op.function:
        case Function.RELU:
            return np.maximum(x, 0.0)
        case Function.SIGMOID:
            return np.asarray(0.5 * (np.tanh(0.5 * x) + 1.0))
        case Function.TANH:
            return np.tanh(x)
