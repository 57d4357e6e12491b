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
        fits = min(self.shape, default=0) >= 0 and prod(self.shape) == x.size
        expect(fits, f"{x.size} elements do not fit shape {self.shape}")
        if x.encoding is not None and not x.encoding.per_tensor:
            keeps_channels = x.encoding.axis == -1 and self.shape[-1:] == x.shape[-1:]
            expect(keeps_channels, "reshaping codes needs one common scale")
        return (TensorType(self.shape, x.encoding),)

    def describe(self) -> str:
        """The new shape."""
        return "x".join(map(str, self.shape))
