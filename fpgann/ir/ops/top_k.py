# SPDX-License-Identifier: Apache-2.0
"""The greatest or least elements along an axis, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class TopK(Operator):
    """The k greatest or least elements along an axis, the first of equal ones first; or their positions.

    Args:
        count: how many.
        axis: the axis, counted from the end (negative).
        greatest: the greatest, in falling order, else the least, in rising order.
        positions: where they stand, else what they are.
    """

    name: ClassVar[str] = "top_k"

    count: int
    axis: int
    greatest: bool
    positions: bool

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape with `count` along the axis; on codes those of the operand, or plain indices."""
        (x,) = operands
        rank = len(x.shape)
        expect(-rank <= self.axis < 0, f"axis {self.axis} does not exist in shape {x.shape}")
        size = x.shape[self.axis]
        expect(1 <= self.count <= size, f"{self.count} elements cannot be taken of {size}")
        shape = tuple(self.count if i - rank == self.axis else n for i, n in enumerate(x.shape))
        if x.encoding is None:
            return (TensorType(shape),)
        expect(x.encoding.per_tensor or x.encoding.axis != self.axis, "comparing codes needs one common scale")
        expect(all(scale > 0 for scale in x.encoding.scale), "comparing codes needs positive scales")
        if not self.positions:
            return (TensorType(shape, x.encoding),)
        codes = CodeRange(0, size - 1)
        return (TensorType(shape, Encoding(FixedType.holding(codes, 0), codes)),)

    def describe(self) -> str:
        """What is taken where."""
        which = f"{self.count} {'greatest' if self.greatest else 'least'} along {self.axis}"
        return f"positions of the {which}" if self.positions else which
