# SPDX-License-Identifier: Apache-2.0
"""Elements taken at computed positions."""

from __future__ import annotations

from fpgann.ir.ops.gather import Gather
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, unchanged
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Gather)
def gather(op: Gather, result: TensorType, x: Operand, position: Operand) -> Carried | None:
    """In floats: nothing is computed but positions."""
    del result
    return carried(op, (x, position), unchanged((x, position)), x.type.shape[1])
