# SPDX-License-Identifier: Apache-2.0
"""Keep the order of a softmax where rounding would make its winner equal to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.alignment import encodings_of
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class KeepWinner(Operator):
    """x, but on codes an element whose argument y is below the largest stays below the largest x.

    y is the argument of an increasing function that x has been rounded from, such as the logits of a softmax:
    result = x where y equals max(y), else min(x, max(x) - 1), but never below the least code of x. On real
    numbers nothing changes.

    Args:
        axis: the axis, counted from the end (negative).
        low: least code of x.
    """

    name: ClassVar[str] = "keep_winner"
    inputs: ClassVar[int] = 2

    axis: int
    low: int = 0

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of x."""
        x, y = operands
        expect(x.shape == y.shape, f"shapes {x.shape} and {y.shape} differ")
        expect(-len(x.shape) <= self.axis < 0, f"axis {self.axis} does not exist in shape {x.shape}")
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(x.shape),)
        expect(all(e.per_tensor and e.scale[0] > 0 for e in encodings), "comparing codes needs one positive scale")
        expect(encodings[0].range.low == self.low, "the least code is not that of the operand")
        return (TensorType(x.shape, encodings[0]),)

    def describe(self) -> str:
        """The axis."""
        return f"axis: {self.axis}"
