# SPDX-License-Identifier: Apache-2.0
"""Element-wise activation functions."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, register
from fpgann.ir.types import TensorType


class Function(enum.Enum):
    """The activation functions."""

    RELU = "relu"
    SIGMOID = "sigmoid"
    TANH = "tanh"


@register
@dataclass(frozen=True, slots=True, eq=False)
class Activation(Operator):
    """One scalar function applied to every element of a real tensor.

    Args:
        function: which one.
    """

    name: ClassVar[str] = "activation"

    function: Function

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of the operand."""
        return (TensorType(operands[0].shape),)

    def describe(self) -> str:
        """The function's name."""
        return self.function.value
