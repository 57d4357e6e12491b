# SPDX-License-Identifier: Apache-2.0
"""A body on codes that runs once per step: a recurrence that hardware keeps as one, or what is done for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.graph import Graph, GraphBuilder
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Operator):
    """The last value of a state after all steps, or the values of a result in all steps along a new axis 0.

    Operands are those of a recurrence: states, tensors of which step t reads the slice [t] of axis 0, tensors that
    every step reads whole. The body is a list of operators on numbered values: its inputs in this order, then one
    result each. Without states, steps do not depend on each other.

    Args:
        types: types of the body's inputs; what an operand's codes mean must be the same, and its range lie inside.
        operators: what is computed in a step, in order.
        names: a name for each operator.
        reads: for each operator the values that it reads.
        results: the values that become the states, then those that may be stacked.
        states: how many states there are.
        scanned: how many operands are read slice by slice.
        steps: how many steps there are.
        delivered: which of the results is delivered.
    """

    name: ClassVar[str] = "repeat"
    inputs: ClassVar[int] = -1

    types: tuple[TensorType, ...]
    operators: tuple[Operator, ...]
    names: tuple[str, ...]
    reads: tuple[tuple[int, ...], ...]
    results: tuple[int, ...]
    states: int
    scanned: int
    steps: int
    delivered: int

    @staticmethod
    def of(body: Graph, *, states: int, scanned: int, steps: int, delivered: int) -> Repeat:
        """The operator of a body whose outputs are the new states, then what may be stacked."""
        numbers = {value.name: i for i, value in enumerate(body.inputs)}
        for node in body.nodes:
            numbers[node.output] = len(numbers)
        return Repeat(
            tuple(value.type for value in body.inputs),
            tuple(node.op for node in body.nodes),
            tuple(node.name for node in body.nodes),
            tuple(tuple(numbers[name] for name in node.inputs) for node in body.nodes),
            tuple(numbers[name] for name in body.outputs.values()),
            states,
            scanned,
            steps,
            delivered,
        )

    @property
    def is_stacked(self) -> bool:
        """Whether the values of all steps are delivered."""
        return self.delivered >= self.states

    def body(self) -> Graph:
        """One step as a graph; its outputs are the new states, then what is stacked if anything is.

        Raises:
            ModelError: it is none.
        """
        expect(len(self.operators) == len(self.names) == len(self.reads), "its body is no list of operators")
        builder = GraphBuilder("step")
        values = [builder.input(f"input_{i}", type_) for i, type_ in enumerate(self.types)]
        for op, name, reads in zip(self.operators, self.names, self.reads, strict=True):
            expect(all(0 <= i < len(values) for i in reads), f"'{name}' reads a value before it is computed")
            values.append(builder.add(op, [values[i] for i in reads], name=name))
        wanted = [*self.results[: self.states], *([self.results[self.delivered]] if self.is_stacked else [])]
        expect(all(0 <= i < len(values) for i in wanted), "it delivers a value that nothing computes")
        return builder.build({str(i): values[number] for i, number in enumerate(wanted)})

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The type of the state, or that of the result with the steps as axis 0."""
        expect(0 <= self.states <= len(self.results) and 0 <= self.delivered < len(self.results), "it delivers nothing")
        expect(0 <= self.scanned <= len(self.types) - self.states and self.steps > 0, "its operands fit no steps")
        expect(len(operands) == len(self.types), f"{len(operands)} operands do not fit {len(self.types)} inputs")
        for index, (operand, type_) in enumerate(zip(operands, self.types, strict=True)):
            is_scanned = self.states <= index < self.states + self.scanned
            shape = (self.steps, *type_.shape) if is_scanned else type_.shape
            expect(operand.shape == shape, f"operand {index} of shape {operand.shape} is not of shape {shape}")
            _expect_inside(operand, type_, f"operand {index}")
        body = self.body()
        results = [body.types[name] for name in body.outputs.values()]
        for index, (result, type_) in enumerate(zip(results, self.types[: self.states], strict=False)):
            expect(result.shape == type_.shape, f"state {index} changes its shape")
            _expect_inside(result, type_, f"state {index}")
        if not self.is_stacked:
            return (results[self.delivered],)
        return (TensorType((self.steps, *results[-1].shape), results[-1].encoding),)

    def describe(self) -> str:
        """How often what runs; the layers that take options."""
        layers = [name for op, name in zip(self.operators, self.names, strict=False) if op.name == "dense"]
        return f"{self.steps} steps of {len(self.operators)} operators, {self.states} states, dense: {' '.join(layers)}"


def _expect_inside(codes: TensorType, wanted: TensorType, what: str) -> None:
    """Codes mean what others mean, and lie in their range."""
    expect(codes.encoding is not None and wanted.encoding is not None, f"{what} is no codes")
    x, y = codes.codes, wanted.codes
    same = (x.scale_lsb(), x.offset, x.axis if len(x.scale) > 1 else -1) == (y.scale_lsb(), y.offset, -1)
    expect(same and x.per_tensor, f"the codes of {what} mean something else")
    expect(x.range.union(y.range) == y.range, f"the codes of {what} leave their range")
