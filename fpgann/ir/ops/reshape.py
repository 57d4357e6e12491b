# SPDX-License-Identifier: Apache-2.0
"""The same elements in another shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Operator):
    """Keep the row-major order of elements, change the shape.

    Args:
        shape: the new shape, batch axis included.
    """

    name: ClassVar[str] = "reshape"

    shape: tuple[int, ...]

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The new shape with the operand's encoding."""
        (x,) = operands
        expect(prod(self.shape) == x.size, f"{x.size} elements do not fit shape {self.shape}")
        expect(x.encoding is None or x.encoding.per_tensor or self.shape[-1] == x.shape[-1], "reshaping codes needs one common scale")
        return (TensorType(self.shape, x.encoding),)

    def describe(self) -> str:
        """The new shape."""
        return "x".join(map(str, self.shape))
