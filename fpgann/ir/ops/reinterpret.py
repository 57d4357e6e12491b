# SPDX-License-Identifier: Apache-2.0
"""The same codes with another meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import ONE, TensorType
from fpgann.numerics.fixed import FixedType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Reinterpret(Operator):
    """Real-valued scaling that no hardware performs: the consumer of an output applies it.

    Args:
        scale: new scale, one number or one per channel, in units of the codes' own binary point;
            where that makes the step a power of two, the binary point moves instead.
        offset: new offset, likewise.
        axis: channel axis, counted from the end (negative).
    """

    name: ClassVar[str] = "reinterpret"

    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    axis: int = -1

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The same codes, newly encoded."""
        (x,) = operands
        channels = max(len(self.scale), len(self.offset))
        expect(x.encoding is not None, "only codes can be reinterpreted")
        fits = channels == 1 or (-len(x.shape) <= self.axis < 0 and x.shape[self.axis] == channels)
        expect(fits, f"{channels} scales do not fit shape {x.shape}")
        scale, fixed = self.scale, x.codes.fixed
        power = power_of_two(scale[0] * fixed.lsb) if len(scale) == 1 else None
        if power is not None:
            scale, fixed = ONE, FixedType(fixed.signed, fixed.width, -power)
        return (TensorType(x.shape, replace(x.codes, fixed=fixed, scale=scale, offset=self.offset, axis=self.axis)),)

    def describe(self) -> str:
        """Scale and offset of the first channel."""
        return f"scale: {float(self.scale[0]):.6g}, offset: {float(self.offset[0]):.6g}"


def power_of_two(number: Fraction) -> int | None:
    """k if a number is 2**k."""
    power = number.numerator.bit_length() - number.denominator.bit_length()
    return power if number == Fraction(2) ** power else None
