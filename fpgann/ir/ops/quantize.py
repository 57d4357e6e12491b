# SPDX-License-Identifier: Apache-2.0
"""Quantization as a model file defines it: the result is real, but lies on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.rounding import Rounding


@register
@dataclass(frozen=True, slots=True, eq=False)
class Quantize(Operator):
    """y = (clamp(round(x / scale + zero_point), low, high) - zero_point) * scale.

    With `bipolar` the rounding is a sign: y = +scale for x >= 0 and -scale else (codes 1 and 0).

    Args:
        scale: positive float64, broadcasts against x with at most one axis longer than 1.
        zero_point: float64, integral, likewise.
        low: least code.
        high: greatest code.
        rounding: rounding mode.
        bipolar: two-valued quantization.
    """

    name: ClassVar[str] = "quantize"

    scale: FloatArray
    zero_point: FloatArray
    low: int
    high: int
    rounding: Rounding
    bipolar: bool = False

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of the operand."""
        (x,) = operands
        is_positive = bool(np.all(self.scale > 0) and np.all(np.isfinite(self.scale)))
        expect(is_positive, "a quantization scale must be positive")
        try:
            fits = np.broadcast_shapes(x.shape, self.scale.shape, self.zero_point.shape) == x.shape
        except ValueError:
            fits = False
        shapes = f"{self.scale.shape} and {self.zero_point.shape}"
        expect(fits, f"scale and zero point of shapes {shapes} do not broadcast to {x.shape}")
        expect(self.low <= self.high, f"no code lies in {self.low}..{self.high}")
        return (TensorType(x.shape),)

    @property
    def keeps_integers(self) -> bool:
        """Whether integers in its range stay what they are: the operator behind integer inputs."""
        return not self.bipolar and bool(np.all(self.scale == 1) and np.all(self.zero_point == 0))

    def describe(self) -> str:
        """Range, scale and rounding."""
        scale = f"{self.scale.flat[0]:.6g}" + (" .." if self.scale.size > 1 else "")
        mode = "bipolar" if self.bipolar else f"{self.low}..{self.high} {self.rounding.value}"
        return f"{mode}, scale: {scale}"
