# SPDX-License-Identifier: Apache-2.0
"""Recurrences: the body is lowered once, then its steps are written one after another.

So a value has one type in all steps, and every step computes with the same weights and the same staircases. A state has
a type of its own: that of the quantizer which the model puts at its end, or a planned one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fpgann.errors import FpgannError, UnsupportedOperatorError
from fpgann.ir import Encoding, Graph, Node, Operator
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.recurrence import Recurrence, StateCodes
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.functions import TABLE
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder
from fpgann.passes.calibrate import QuantizationPoint
from fpgann.passes.lines import decoding
from fpgann.passes.lowering import Lowering
from fpgann.passes.pending import Pending, precision_rounder
from fpgann.passes.tables import LOWERINGS

_TRIALS = 4  # until the codes of a state that the model quantizes are found
_GUESS = Encoding.of(FixedType(True, 8, 0))


@dataclass(frozen=True, slots=True)
class _State:
    """The codes of a state.

    Args:
        encoding: what they mean.
        rounder: how real numbers become codes.
    """

    encoding: Encoding
    rounder: Rounder

    @staticmethod
    def of(encoding: Encoding) -> _State:
        """Codes that the model defines: nothing is rounded but initial states that are none of them."""
        return _State(encoding, Rounder(Rounding.RND_CONV, encoding.range.low, encoding.range.high))


@LOWERINGS.register(Recurrence)
def _recurrence(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Recurrence)
    operands = [
        lowering.codes_of(name, f"{node.name}_operand_{i}") for i, name in enumerate(node.inputs) if i >= op.states
    ]
    names = [value.name for value in op.body.inputs]
    fed = {name: lowering.builder.type(s).codes for name, s in zip(names[op.states :], operands, strict=True)}
    states = _states(lowering, op, fed)
    body = _lowered_body(lowering, op, fed, states)
    firsts = [
        _initial_codes(lowering, name, states[state], f"{node.name}_initial_{i}")
        for i, (name, state) in enumerate(zip(node.inputs, op.state_inputs, strict=False))
    ]
    used = [i for i, output in enumerate(node.outputs) if _is_read(lowering.graph, output)]
    if lowering.plan is not None and lowering.plan.folded_recurrences and len(used) == 1 and op.steps > 1:
        repeat = Repeat.of(body, states=op.states, scanned=op.scanned, steps=op.steps, delivered=used[0])
        source = lowering.builder.add(repeat, (*firsts, *operands), name=node.name)
        lowering.states |= {state: StateCodes((source,), number) for number, state in enumerate(op.state_inputs)}
        _stand_for(lowering, node.outputs[used[0]], source)
        return
    _write_steps(lowering, node, body, firsts, operands)


def _is_read(graph: Graph, name: str) -> bool:
    return name in graph.outputs.values() or any(name in node.inputs for node in graph.nodes)


def _states(lowering: Lowering, op: Recurrence, fed: Mapping[str, Encoding]) -> dict[str, _State]:
    """The codes of each state, by its name in the body."""
    found: dict[str, _State] = {}
    quantized: dict[str, str] = {}  # state -> the value of the body that becomes it, where the model quantizes that
    for state, result in zip(op.state_inputs, op.results, strict=False):
        if _is_quantized(op.body, result):
            quantized[state], found[state] = result, _State.of(_GUESS)
        else:
            precision = lowering.type_of(QuantizationPoint(state, signed=True))
            found[state] = _State(Encoding.of(precision.fixed), precision_rounder(precision))
    for _ in range(_TRIALS if quantized else 0):
        planned = {state: codes for state, codes in found.items() if state not in quantized}
        trial = _lowering_of(lowering, op, fed, found, rounded=planned)
        settled = True
        for state, result in quantized.items():
            _expect_one_scale(trial.builder.type(trial.values[result].source).codes)
            codes = trial.builder.type(trial.codes_of(result, result)).codes
            codes = replace(codes, range=codes.fixed.range)
            settled = settled and codes == found[state].encoding
            found[state] = _State.of(codes)
        if settled:
            return found
    if quantized:
        raise UnsupportedOperatorError(
            "no codes are found that its states keep from step to step",
            hint="quantize each state at the end of the step, with one scale for the whole tensor",
        )
    return found


def _is_quantized(body: Graph, name: str) -> bool:
    """Whether the model quantizes a value of the body, past what only moves codes or gives them another meaning."""
    producer = body.producers().get(name)
    while producer is not None and isinstance(producer.op, Reshape | Transpose | Affine):
        producer = body.producers().get(producer.inputs[0])
    return producer is not None and isinstance(producer.op, Quantize)


def _lowering_of(
    outer: Lowering,
    op: Recurrence,
    fed: Mapping[str, Encoding],
    states: Mapping[str, _State],
    rounded: Mapping[str, _State],
) -> Lowering:
    """One step lowered.

    Args:
        outer: the lowering of the graph around it.
        op: the recurrence.
        fed: what the codes of the other operands mean.
        states: all states.
        rounded: those whose new values become codes of the state as soon as they are computed.
    """
    coded = {**fed, **{name: state.encoding for name, state in states.items()}}
    inner = Lowering(op.body, outer.plan, coded=coded)
    inner.defined, inner.points = outer.defined, outer.points
    becomes = {result: state for state, result in zip(op.state_inputs, op.results, strict=False) if state in rounded}
    for node in op.body.nodes:
        handler = LOWERINGS.get(type(node.op))
        where = f"node '{node.name}' ({node.op.name})"
        if handler is None:
            raise UnsupportedOperatorError("it has no integer form here", where=where)
        try:
            handler(inner, node)
        except FpgannError as error:
            error.where = error.where or where
            raise
        for result in node.outputs:
            if result in becomes:
                _state_codes(inner, result, states[becomes[result]], f"{node.name}_state")
    return inner


def _lowered_body(outer: Lowering, op: Recurrence, fed: Mapping[str, Encoding], states: Mapping[str, _State]) -> Graph:
    """One step on codes; its outputs are the states, then what is stacked."""
    inner = _lowering_of(outer, op, fed, states, rounded=states)
    ends = [
        _state_codes(inner, result, states[state], f"{state}_next")
        for state, result in zip(op.state_inputs, op.results, strict=False)
    ]
    ends += [inner.codes_of(result, f"{result}_stacked") for result in op.results[op.states :]]
    return inner.builder.build({str(i): name for i, name in enumerate(ends)})


def _initial_codes(lowering: Lowering, name: str, state: _State, node: str) -> str:
    """A value before the first step as codes of a state; other readers of the value do not see how it is rounded."""
    before = lowering.values[name]
    source = _state_codes(lowering, name, state, node)
    if not before.raw:
        lowering.values[name] = before
    return source


def _state_codes(lowering: Lowering, name: str, state: _State, node: str) -> str:
    """A value as codes of a state; they are rounded unless they are that already."""
    pending, target = lowering.values[name], state.encoding
    if lowering.is_codes(pending):
        codes = lowering.builder.type(pending.source).codes
        fits = codes.range.union(target.range) == target.range
        if fits and decoding(codes) == decoding(target):
            return pending.source
    curves = [TABLE[step.function] for step in pending.steps if isinstance(step, scalar.Curve)]
    (lsb,), (offset,) = target.scale_lsb(), target.offset
    return lowering.requantize(
        lowering.settled(pending, node),
        name,
        target,
        (1 / lsb, -offset / lsb),
        state.rounder,
        node,
        by_lines=any(not (curve.is_lines or curve.is_steps) for curve in curves),
    )


def _expect_one_scale(codes: Encoding) -> None:
    if not codes.per_tensor:
        raise UnsupportedOperatorError("a state has several scales", hint="quantize states with one scale")


def _write_steps(lowering: Lowering, node: Node, body: Graph, firsts: list[str], operands: list[str]) -> None:
    """Write all steps into the graph of codes."""
    op = node.op
    assert isinstance(op, Recurrence)
    builder, states = lowering.builder, firsts
    stacks: list[list[str]] = [[] for _ in op.results[op.states :]]
    behind: list[list[str]] = []  # the states, of each step
    for step in range(op.steps):
        slices = [
            builder.add(_slice(builder.type(source).shape, step), (source,), name=f"{node.name}_step_{step}_input_{i}")
            for i, source in enumerate(operands[: op.scanned])
        ]
        given = (*states, *slices, *operands[op.scanned :])
        names = {value.name: name for value, name in zip(body.inputs, given, strict=True)}
        for inner in body.nodes:
            read = (names[name] for name in inner.inputs)
            names[inner.output] = builder.add(inner.op, read, name=f"{inner.name}_step_{step}")
        ends = [names[name] for name in body.outputs.values()]
        states = ends[: op.states]
        behind.append(states)
        for stack, name in zip(stacks, ends[op.states :], strict=True):
            stack.append(name)
    for state, values in zip(op.state_inputs, zip(*behind, strict=True), strict=False):
        lowering.states[state] = StateCodes(values)
    results = [*states, *(_stacked(lowering, node, stack, i) for i, stack in enumerate(stacks))]
    for output, source in zip(node.outputs, results, strict=True):
        _stand_for(lowering, output, source)


def _stand_for(lowering: Lowering, name: str, source: str) -> None:
    """Codes stand for a value from now on."""
    encoding = lowering.builder.type(source).codes
    lowering.values[name] = Pending(source, (decoding(encoding),), encoding.axis, exact=True)


def _stacked(lowering: Lowering, node: Node, names: list[str], index: int) -> str:
    """The same value of all steps along a new axis 0."""
    shape = lowering.builder.type(names[0]).shape
    places = np.arange(len(names) * int(np.prod(shape))).reshape(len(names), *shape)
    return lowering.builder.add(_wires(places, len(names)), names, name=f"{node.name}_stack_{index}")


def _slice(shape: tuple[int, ...], step: int) -> Operator:
    return _wires(np.arange(int(np.prod(shape))).reshape(shape)[step], 1)


def _wires(index: np.ndarray[tuple[int, ...], np.dtype[np.int64]], operands: int) -> Operator:
    one, none = np.ones((), np.int64), np.zeros((), np.int64)
    return Arrange(index, np.zeros(0, np.int64), Alignment((one,) * operands, (none,) * operands), kind="steps")
