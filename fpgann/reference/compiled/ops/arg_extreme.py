# SPDX-License-Identifier: Apache-2.0
"""Positions of maxima and minima."""

from __future__ import annotations

from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, unchanged
from fpgann.reference.compiled.carrier import largest
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(ArgExtreme)
def arg_extreme(op: ArgExtreme, result: TensorType, x: Operand) -> Carried | None:
    """In floats: nothing is computed but positions."""
    return carried(op, (x,), unchanged((x,)), largest(result.codes.range))
