# SPDX-License-Identifier: Apache-2.0
"""Choice by a condition."""

from __future__ import annotations

import numpy as np

from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.select import Select
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Select)
def select(op: Select, result: TensorType, *operands: Operand) -> Carried | None:
    """In floats: nothing but the alignment of the choices computes."""
    del result
    assert op.alignment is not None
    one, zero = np.ones((), np.int64), np.zeros((), np.int64)
    alignment = Alignment((one, *op.alignment.coefficients), (zero, *op.alignment.constants))
    return carried(op, operands, alignment, 0)
