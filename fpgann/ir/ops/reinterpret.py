# SPDX-License-Identifier: Apache-2.0
"""The same codes with another meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Reinterpret(Operator):
    """Real-valued scaling that no hardware performs: the consumer of an output applies it.

    Args:
        scale: new scale, one number or one per channel along the last axis.
        offset: new offset, likewise.
    """

    name: ClassVar[str] = "reinterpret"

    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The same codes, newly encoded."""
        (x,) = operands
        channels = max(len(self.scale), len(self.offset))
        expect(x.encoding is not None, "only codes can be reinterpreted")
        expect(channels == 1 or x.shape[-1:] == (channels,), f"{channels} scales do not fit shape {x.shape}")
        return (TensorType(x.shape, replace(x.codes, scale=self.scale, offset=self.offset, axis=-1)),)

    def describe(self) -> str:
        """Scale and offset of the first channel."""
        return f"scale: {float(self.scale[0]):.6g}, offset: {float(self.offset[0]):.6g}"
