# SPDX-License-Identifier: Apache-2.0
"""Comparisons."""

from __future__ import annotations

from fpgann.ir.ops.compare import Compare
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Compare)
def compare(op: Compare, result: TensorType, *operands: Operand) -> Carried | None:
    """In floats: nothing but the alignment computes."""
    del result
    assert op.alignment is not None
    return carried(op, operands, op.alignment, 0)
