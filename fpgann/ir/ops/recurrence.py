# SPDX-License-Identifier: Apache-2.0
"""A graph that runs once per step and hands its states on: recurrent layers, scans and loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.graph import Graph
from fpgann.ir.operator import Operator, expect
from fpgann.ir.types import TensorType


@dataclass(frozen=True, slots=True, eq=False)
class Recurrence(Operator):
    """A body, step by step: what it computes of its states is what it reads of them in the next step.

    Operands are the states before the first step, then tensors of which step t reads the slice [t] of axis 0, then
    tensors that every step reads whole; the inputs of the body are in this order. Results are the states behind the
    last step, then one stack per other output of the body, its axis 0 being the step.

    Only real graphs hold it, which are never stored: quantization lowers the body once, so that a value has one type
    in all steps, and then writes the steps one after another.

    Args:
        body: one step; its outputs are the new states, then what is stacked.
        states: how many states there are.
        scanned: how many operands are read slice by slice.
        steps: how many steps there are.
    """

    name: ClassVar[str] = "recurrence"
    inputs: ClassVar[int] = -1
    stored: ClassVar[bool] = False

    body: Graph
    states: int
    scanned: int
    steps: int

    @property
    def state_inputs(self) -> tuple[str, ...]:
        """Names of the states in the body."""
        return tuple(value.name for value in self.body.inputs[: self.states])

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the body's values that are the new states and those that are stacked, in order."""
        return tuple(self.body.outputs.values())

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """Shapes of the last states, then of the stacks."""
        inputs = self.body.inputs
        expect(len(operands) == len(inputs), f"{len(operands)} operands do not fit a body of {len(inputs)} inputs")
        expect(self.steps > 0, "it takes no step")
        for index, (operand, value) in enumerate(zip(operands, inputs, strict=True)):
            is_scanned = self.states <= index < self.states + self.scanned
            wanted = (self.steps, *value.type.shape) if is_scanned else value.type.shape
            expect(operand.shape == wanted, f"operand {index} of shape {operand.shape} is not of shape {wanted}")
            expect(operand.encoding is None, "it has no form on codes")
        shapes = [self.body.types[name].shape for name in self.results]
        for name, shape, value in zip(self.results, shapes, inputs[: self.states], strict=False):
            expect(shape == value.type.shape, f"state '{name}' of shape {value.type.shape} becomes one of {shape}")
        last = [TensorType(shape) for shape in shapes[: self.states]]
        return (*last, *(TensorType((self.steps, *shape)) for shape in shapes[self.states :]))

    def describe(self) -> str:
        """How often what runs."""
        return f"{self.steps} steps of {len(self.body.nodes)} operators, {self.states} states"


@dataclass(frozen=True, slots=True)
class StateCodes:
    """Where the codes of a recurrence's state are.

    Args:
        values: values of the graph of codes: the state behind each step, or the one that a `Repeat` delivers.
        number: which state of the `Repeat` it is; None where every step has a value of its own.
    """

    values: tuple[str, ...]
    number: int | None = None
