# SPDX-License-Identifier: Apache-2.0
"""The order of a softmax."""

from __future__ import annotations

from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, unchanged
from fpgann.reference.compiled.carrier import largest
from fpgann.reference.compiled.kernel import FAST, Operand
from fpgann.reference.tables import ON_CODES


@FAST.register(KeepWinner)
def keep_winner(op: KeepWinner, result: TensorType, x: Operand, y: Operand) -> Carried | None:
    """The evaluator of codes in floats: it takes one away from the greatest code."""
    del result
    return carried(op, (x, y), unchanged((x, y)), largest(x.type.codes.range) + 1, ON_CODES[KeepWinner])
