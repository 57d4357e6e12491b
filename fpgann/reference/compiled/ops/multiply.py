# SPDX-License-Identifier: Apache-2.0
"""Products of two computed tensors."""

from __future__ import annotations

from math import prod

from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, magnitudes, shifted
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Multiply)
def multiply(op: Multiply, result: TensorType, *operands: Operand) -> Carried | None:
    """In floats if they hold every product."""
    del result
    alignment = shifted(operands, op.zeros)
    return carried(op, operands, alignment, prod(magnitudes(operands, alignment)))
