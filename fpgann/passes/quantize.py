# SPDX-License-Identifier: Apache-2.0
"""From a graph of real numbers to a graph of integer codes.

What the model file quantizes is taken over exactly. What it leaves real is rounded to types of a plan. Element-wise
operators never become nodes: they wait as functions on codes until a quantizer turns them into one staircase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import fpgann.passes.lower_activation
import fpgann.passes.lower_affine
import fpgann.passes.lower_choices
import fpgann.passes.lower_dense
import fpgann.passes.lower_moves
import fpgann.passes.lower_operands
import fpgann.passes.lower_quantize
import fpgann.passes.lower_recurrence
import fpgann.passes.lower_windows  # noqa: F401  registers its handlers
from fpgann.errors import FpgannError, UnsupportedOperatorError
from fpgann.ir import Graph
from fpgann.ir.ops.recurrence import StateCodes
from fpgann.numerics import steps as scalar
from fpgann.passes.calibrate import MissingTypeError, Plan, QuantizationPoint
from fpgann.passes.lowering import Lowering
from fpgann.passes.requantize_early import RequantizeEarly
from fpgann.passes.tables import LOWERINGS


@dataclass(frozen=True, slots=True)
class Meanings:
    """What is where in the graph of codes.

    Args:
        values: its values -> the values of the graph of real numbers that they stand for.
        states: states of recurrences, by their names in the bodies -> their codes.
    """

    values: Mapping[str, str]
    states: Mapping[str, StateCodes]

    def within(self, graph: Graph) -> Meanings:
        """What is still there after other passes."""
        values = {name: value for name, value in self.values.items() if name in graph.types}
        states = {name: codes for name, codes in self.states.items() if graph.types.keys() >= set(codes.values)}
        return Meanings(values, states)

    def moved(self, places: Mapping[str, str]) -> Meanings:
        """The same where recurrences deliver other values; `places`: those before -> those of now."""
        states = {
            name: replace(codes, values=tuple(places.get(value, value) for value in codes.values))
            for name, codes in self.states.items()
        }
        return Meanings(self.values, states)


@dataclass(frozen=True, slots=True)
class QuantizeGraph:
    """Replace real numbers by codes.

    Args:
        plan: types of the values that the model file leaves unquantized, and the width of their weights.
    """

    plan: Plan

    def apply(self, graph: Graph) -> Graph:
        """The graph of codes.

        Raises:
            UnsupportedOperatorError: an operator has no integer form where it stands.
        """
        return self.lower(graph)[0]

    def lower(self, graph: Graph) -> tuple[Graph, Meanings]:
        """The graph of codes, and what is where in it.

        Raises:
            UnsupportedOperatorError: an operator has no integer form where it stands.
        """
        lowering, coded = _lower(graph, self.plan)
        settled = {name: pending for name, pending in lowering.values.items() if lowering.is_codes(pending)}
        coded = RequantizeEarly().apply(coded)
        values = {pending.source: name for name, pending in settled.items()}
        return coded, Meanings(values, lowering.states).within(coded)


def quantization_points(graph: Graph) -> list[QuantizationPoint]:
    """The real values for which a plan must give types."""
    return list(_lower(graph, None)[0].points.values())


def plan_and_lower(graph: Graph, choose: Callable[[list[QuantizationPoint]], Plan]) -> tuple[Plan, Graph, Meanings]:
    """Choose types and lower; a second time with more types if those that were chosen make them necessary.

    A limit that is a code of one type lies between two codes of another: only then is the clipped value rounded.

    Args:
        graph: graph of real numbers.
        choose: gives every point a type.

    Returns:
        The plan, and what `QuantizeGraph.lower` returns.
    """
    points = quantization_points(graph)
    while True:
        plan = choose(points)
        try:
            return plan, *QuantizeGraph(plan).lower(graph)
        except MissingTypeError as missing:
            points = [*points, missing.point]


def _lower(graph: Graph, plan: Plan | None) -> tuple[Lowering, Graph]:
    lowering = Lowering(graph, plan)
    for node in graph.nodes:
        handler = LOWERINGS.get(type(node.op))
        where = f"node '{node.name}' ({node.op.name})"
        if handler is None:
            hint = "only a softmax at the output is supported" if node.op.name == "softmax" else ""
            raise UnsupportedOperatorError("it has no integer form here", where=where, hint=hint)
        try:
            handler(lowering, node)
        except FpgannError as error:
            error.where = error.where or where
            raise
    outputs = {delivered: _deliver(lowering, name, delivered) for delivered, name in graph.outputs.items()}
    return lowering, lowering.builder.build(outputs)


def _deliver(lowering: Lowering, name: str, delivered: str) -> str:
    """The coded value of an output: as the model quantized it, else its exact accumulator, else planned."""
    pending = lowering.values[name]
    if lowering.is_codes(pending) and pending.exact:
        return pending.source
    line = pending.steps[0] if len(pending.steps) == 1 and not (pending.raw or pending.flat) else None
    if isinstance(line, scalar.Affine) and pending.exact:
        return lowering.reinterpreted(pending.source, line, f"{delivered}_scaled", pending.axis)
    return lowering.codes_of(name, delivered)
