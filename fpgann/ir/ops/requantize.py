# SPDX-License-Identifier: Apache-2.0
"""From codes to codes: everything element-wise between an accumulator and the next layer's input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.scalar_map import ScalarMap


@register
@dataclass(frozen=True, slots=True, eq=False)
class Requantize(Operator):
    """Apply a function to every code.

    Args:
        map: from codes to codes, per channel along `axis`: exactly rounded, or the lines that stand for a function.
        target: meaning of the resulting codes; its range is narrowed to what can occur.
        axis: channel axis, counted from the end (negative).
        function: what the map absorbed, for reading ("batch_normalization, relu").
    """

    name: ClassVar[str] = "requantize"

    map: ScalarMap | Interpolation
    target: Encoding
    axis: int = -1
    function: str = ""

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The same shape; codes in the range that the input's range reaches."""
        (x,) = operands
        expect(x.encoding is not None, "requantization needs codes")
        channels = self.map.channels
        fits = channels == 1 or (-len(x.shape) <= self.axis < 0 and x.shape[self.axis] == channels)
        expect(fits, f"{channels} staircases along axis {self.axis} do not fit shape {x.shape}")
        return (TensorType(x.shape, replace(self.target, range=self.reach(x.codes.range))),)

    def reach(self, codes: CodeRange) -> CodeRange:
        """The codes that a range of input codes can yield."""
        return self.map.reach(codes)

    def describe(self) -> str:
        """What it does, in short."""
        if isinstance(self.map, Interpolation):
            parts = [self.function, f"{self.map.bottom}..{self.map.top} by {len(self.map.slopes)} lines"]
        else:
            rounder = self.map.rounder
            parts = [self.function, f"{rounder.low}..{rounder.high} {rounder.mode.value}"]
        if self.map.channels > 1:
            parts.append(f"{self.map.channels} channels")
        return ", ".join(part for part in parts if part)
