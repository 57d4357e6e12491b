# SPDX-License-Identifier: Apache-2.0
"""Softmax over one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Operator):
    """exp(x) / sum(exp(x)) over one axis, or its logarithm, real numbers only.

    Args:
        axis: the axis, counted from the end (negative).
        log: the logarithm of it.
    """

    name: ClassVar[str] = "softmax"

    axis: int = -1
    log: bool = False

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of the operand."""
        (x,) = operands
        expect(x.encoding is None, "softmax has no meaning on codes yet")
        expect(-len(x.shape) <= self.axis < 0, f"axis {self.axis} does not exist in shape {x.shape}")
        return (TensorType(x.shape),)

    def describe(self) -> str:
        """The axis."""
        return f"axis: {self.axis}" + (", logarithm" if self.log else "")
