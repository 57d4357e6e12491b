# SPDX-License-Identifier: Apache-2.0
"""Sums, maxima and minima over axes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType


class Reduction(enum.Enum):
    """What becomes of the elements along the axes."""

    SUM = "sum"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


@register
@dataclass(frozen=True, slots=True, eq=False)
class Reduce(Operator):
    """One number out of all along some axes; reduced axes keep size 1.

    Args:
        reduction: which number.
        axes: axes, counted from the end (negative), ascending.
    """

    name: ClassVar[str] = "reduce"

    reduction: Reduction
    axes: tuple[int, ...]

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The reduced shape; on codes with the exact range."""
        (x,) = operands
        rank = len(x.shape)
        valid = all(-rank <= axis < 0 for axis in self.axes) and len(set(self.axes)) == len(self.axes)
        expect(valid, f"axes {self.axes} do not exist in shape {x.shape}")
        shape = tuple(1 if i - rank in self.axes else size for i, size in enumerate(x.shape))
        expect(0 not in x.shape, "nothing is left to be reduced")
        return (TensorType(shape, None if x.encoding is None else self._reduced(x.encoding, x.shape)),)

    def _reduced(self, x: Encoding, shape: tuple[int, ...]) -> Encoding:
        expect(x.per_tensor or x.axis not in self.axes, "reducing codes needs one common scale")
        if self.reduction is not Reduction.SUM:
            return x
        count = prod(shape[axis] for axis in self.axes)
        return replace(x.with_range(x.range.scaled(count)), offset=tuple(o * count for o in x.offset))

    def describe(self) -> str:
        """What is computed over which axes."""
        return f"{self.reduction.value} over {' '.join(map(str, self.axes))}"
