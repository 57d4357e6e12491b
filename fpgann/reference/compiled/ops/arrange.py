# SPDX-License-Identifier: Apache-2.0
"""Elements change places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import magnitude
from fpgann.reference.compiled.carried import Carried, carried
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Arrange)
def arrange(op: Arrange, result: TensorType, *operands: Operand) -> Carried | None:
    """In floats: nothing but the alignment computes."""
    del result
    assert op.alignment is not None
    kernel = carried(op, operands, op.alignment, magnitude(op.constants))
    if kernel is None:
        return None
    constants = np.asarray(op.constants.astype(kernel.gives.dtype))  # others would widen everything
    return replace(kernel, op=replace(op, constants=constants))
