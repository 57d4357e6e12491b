# SPDX-License-Identifier: Apache-2.0
"""Products of two computed tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.alignment import broadcast_shape, centred, encodings_of, of_unit
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class Multiply(Operator):
    """x * y element by element, with broadcasting; on codes the exact product (x - zeros[0]) * (y - zeros[1]).

    Args:
        zeros: zero points of the operands' codes.
        square: both operands are the same value, so that no product is negative.
    """

    name: ClassVar[str] = "multiply"
    inputs: ClassVar[int] = 2

    zeros: tuple[int, int] = (0, 0)
    square: bool = False

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The broadcast shape; on codes with the exact range of the product."""
        shape = broadcast_shape([x.shape for x in operands])
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(shape),)
        x, y = encodings
        unit = centred(x, self.zeros[0]) * centred(y, self.zeros[1])
        codes = product_range(_without(x.range, self.zeros[0]), _without(y.range, self.zeros[1]))
        expect(not self.square or x == y, "a square has one operand, twice")
        return (TensorType(shape, of_unit(unit, codes.clamped(0, codes.high) if self.square else codes)),)


def product_range(x: CodeRange, y: CodeRange) -> CodeRange:
    """The range of products of independent codes."""
    ends = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
    return CodeRange(min(ends), max(ends))


def _without(codes: CodeRange, zero: int) -> CodeRange:
    return CodeRange(codes.low - zero, codes.high - zero)
