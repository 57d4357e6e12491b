# SPDX-License-Identifier: Apache-2.0
"""The position of the greatest or least element along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class ArgExtreme(Operator):
    """ArgMax or ArgMin; the axis keeps size 1.

    Args:
        greatest: position of the maximum, else of the minimum.
        axis: the axis, counted from the end (negative).
        last: of equal elements the last counts, else the first.
    """

    name: ClassVar[str] = "arg_extreme"

    greatest: bool
    axis: int
    last: bool = False

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The reduced shape; on codes an index."""
        (x,) = operands
        rank = len(x.shape)
        expect(-rank <= self.axis < 0, f"axis {self.axis} does not exist in shape {x.shape}")
        expect(0 not in x.shape, "nothing is left to choose from")
        shape = tuple(1 if i - rank == self.axis else size for i, size in enumerate(x.shape))
        if x.encoding is None:
            return (TensorType(shape),)
        expect(x.encoding.per_tensor or x.encoding.axis != self.axis, "comparing codes needs one common scale")
        expect(all(scale > 0 for scale in x.encoding.scale), "comparing codes needs positive scales")
        codes = CodeRange(0, x.shape[self.axis] - 1)
        return (TensorType(shape, Encoding(FixedType.holding(codes, 0), codes)),)

    def describe(self) -> str:
        """What is sought where."""
        which = "last" if self.last else "first"
        return f"{which} {'maximum' if self.greatest else 'minimum'} along {self.axis}"
