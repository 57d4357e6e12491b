# SPDX-License-Identifier: Apache-2.0
"""Sums of computed tensors."""

from __future__ import annotations

from fpgann.ir.ops.add import Add
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, magnitudes
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Add)
def add(op: Add, result: TensorType, *operands: Operand) -> Carried | None:
    """In floats if they hold every partial sum."""
    del result
    assert op.alignment is not None
    return carried(op, operands, op.alignment, sum(magnitudes(operands, op.alignment)))
