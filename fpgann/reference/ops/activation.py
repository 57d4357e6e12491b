# SPDX-License-Identifier: Apache-2.0
"""Element-wise functions."""

from __future__ import annotations

from fpgann.ir.ops.activation import Activation
from fpgann.numerics.float_functions import evaluate_floats
from fpgann.numerics.integers import FloatArray
from fpgann.reference.tables import ON_VALUES


@ON_VALUES.register(Activation)
def activation_values(op: Activation, x: FloatArray) -> FloatArray:
    """In float64; infinite at poles, the nearest point's value outside the domain."""
    return evaluate_floats(op.function, x, *op.parameters)
