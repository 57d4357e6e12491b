# SPDX-License-Identifier: Apache-2.0
"""Element-wise scaling and shifting with constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import FloatArray


@register
@dataclass(frozen=True, slots=True, eq=False)
class Affine(Operator):
    """y = x * multiplier / divisor + addend with constants that broadcast against x.

    Three constants instead of two keep what a model file says exact: a division stays a division.

    Args:
        multiplier: float64, any shape that broadcasts to x.
        divisor: float64, likewise, nowhere zero.
        addend: float64, likewise.
    """

    name: ClassVar[str] = "affine"

    multiplier: FloatArray
    divisor: FloatArray
    addend: FloatArray

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The broadcast shape."""
        (x,) = operands
        expect(bool(np.all(self.divisor != 0)), "division by a constant zero")
        expect(x.encoding is None, "scaling with real constants has no meaning on codes")
        try:
            shape = np.broadcast_shapes(x.shape, self.multiplier.shape, self.divisor.shape, self.addend.shape)
        except ValueError:
            shape = None
        expect(shape is not None, f"constants of shape {self.multiplier.shape} do not broadcast to {x.shape}")
        assert shape is not None
        return (TensorType(tuple(shape)),)

    def describe(self) -> str:
        """The constants that do something."""

        def text(name: str, array: FloatArray, neutral: float) -> str:
            if np.all(array == neutral):
                return ""
            shown = f"{array.flat[0]:.6g}" if array.size == 1 else f"[{'x'.join(map(str, array.shape))}]"
            return f"{name}: {shown}"

        times, over = text("times", self.multiplier, 1), text("over", self.divisor, 1)
        return ", ".join(part for part in (times, over, text("plus", self.addend, 0)) if part)
