# SPDX-License-Identifier: Apache-2.0
"""Matrix products of two computed tensors."""

from __future__ import annotations

from math import prod

from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, magnitudes, shifted
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(MatrixProduct)
def matrix_product(op: MatrixProduct, result: TensorType, *operands: Operand) -> Carried | None:
    """In floats if they hold every partial sum."""
    del result
    alignment = shifted(operands, op.zeros)
    terms = operands[0].type.shape[-1]
    return carried(op, operands, alignment, prod(magnitudes(operands, alignment)) * max(1, terms))
