# SPDX-License-Identifier: Apache-2.0
"""Sums, maxima and minima over axes."""

from __future__ import annotations

from math import prod

from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carried import Carried, carried, unchanged
from fpgann.reference.compiled.carrier import largest
from fpgann.reference.compiled.kernel import FAST, Operand


@FAST.register(Reduce)
def reduce(op: Reduce, result: TensorType, x: Operand) -> Carried | None:
    """In floats if they hold every partial sum."""
    del result
    terms = prod(x.type.shape[axis] for axis in op.axes) if op.reduction is Reduction.SUM else 1
    return carried(op, (x,), unchanged((x,)), largest(x.type.codes.range) * max(1, terms))
