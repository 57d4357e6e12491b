# SPDX-License-Identifier: Apache-2.0
"""Element-wise functions of one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType
from fpgann.numerics.functions import TABLE, Function
from fpgann.numerics.integers import FloatArray

__all__ = ["Activation", "Function"]


@register
@dataclass(frozen=True, slots=True, eq=False)
class Activation(Operator):
    """One scalar function applied to every element of a real tensor.

    Args:
        function: which one.
        parameters: the numbers that shape it (`TABLE[function].parameters` names them), float64 of any shape that
            broadcasts to the operand: a slope for each channel, for instance.
    """

    name: ClassVar[str] = "activation"

    function: Function
    parameters: tuple[FloatArray, ...] = ()

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of the operand."""
        (x,) = operands
        names = TABLE[self.function].parameters
        expect(len(names) == len(self.parameters), f"{self.function.value} takes {len(names)} parameters")
        for name, parameter in zip(names, self.parameters, strict=True):
            try:
                fits = np.broadcast_shapes(x.shape, parameter.shape) == x.shape
            except ValueError:
                fits = False
            expect(fits, f"{name} of shape {parameter.shape} does not broadcast to {x.shape}")
        return (TensorType(x.shape),)

    def describe(self) -> str:
        """The function's name, and its parameters."""
        names = TABLE[self.function].parameters
        shown = (
            f"{name}: " + (f"{p.flat[0]:.6g}" if p.size == 1 else f"[{'x'.join(map(str, p.shape))}]")
            for name, p in zip(names, self.parameters, strict=False)
        )
        return ", ".join((self.function.value, *shown))
