# SPDX-License-Identifier: Apache-2.0
"""A recurrence whose slices come one after another: each brings the result of its step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.types import TensorType


@dataclass(frozen=True, slots=True, eq=False)
class Step(Operator):
    """One step of a stack; the states stay where they are, and are zero before the first of `repeat.steps` steps.

    Only graphs of pipelines hold it, which work token by token.

    Args:
        repeat: the recurrence; it delivers a stack, reads one operand slice by slice, and no other but states.
        shape: of the result of one step.
    """

    name: ClassVar[str] = "step"
    inputs: ClassVar[int] = 1
    stored: ClassVar[bool] = False

    repeat: Repeat
    shape: tuple[int, ...]

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """What a step delivers, in the wanted shape."""
        repeat, (operand,) = self.repeat, operands
        expect(repeat.is_stacked and repeat.scanned == 1, "its recurrence delivers no stack of one operand's slices")
        expect(len(repeat.types) == repeat.states + 1, "its recurrence reads more than states and slices")
        slice_ = repeat.types[repeat.states]
        expect(operand.size == slice_.size, f"an operand of shape {operand.shape} is no slice of {slice_.shape}")
        body = repeat.body()
        result = body.types[[*body.outputs.values()][-1]]
        shaped = TensorType(self.shape, result.encoding)
        expect(shaped.size == result.size, f"a result of shape {result.shape} has no shape {self.shape}")
        return (shaped,)

    def describe(self) -> str:
        """How many steps of what."""
        return f"one of {self.repeat.describe()}"
