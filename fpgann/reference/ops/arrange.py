# SPDX-License-Identifier: Apache-2.0
"""Elements change places."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.arrange import Arrange
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Arrange)
def arrange_values(op: Arrange, *operands: FloatArray) -> FloatArray:
    """Elements of all operands, then the constants."""
    samples = operands[0].shape[0]
    constants = np.broadcast_to(op.constants.reshape(-1), (samples, op.constants.size))
    pool = np.concatenate([*(x.reshape(samples, -1) for x in operands), constants], axis=1)
    return np.asarray(pool[:, op.index])


@ON_CODES.register(Arrange)
def arrange_codes(op: Arrange, *operands: IntArray) -> IntArray:
    """The same on aligned codes."""
    assert op.alignment is not None
    return arrange_values(op, *op.alignment.apply(operands))
