# SPDX-License-Identifier: Apache-2.0
"""Scan, Loop and If: graphs inside of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Progress, Site
from fpgann.ir import Graph, GraphBuilder, TensorType
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.recurrence import Recurrence
from fpgann.ir.ops.select import Select
from fpgann.numerics.integers import IntArray

_End = tuple[Known | None, str]
"""A constant, or the graph name of a value."""
_BATCHED = 9  # opset from which a Scan has no batch axis any more
_MAX_STEPS = 1 << 12
_ELEMENTS_PER_STEP = 1 << 10  # what a step that is written out counts as, so that loops in loops come to an end
_COUNT = "export the loop with a constant number of iterations"


@dataclass(frozen=True)
class _Body:
    """One step of a loop.

    Args:
        graph: the step; inputs are states, slices, what it reads from around it.
        states: which of the states are left.
        captured: what it reads from around it.
    """

    graph: Graph
    states: tuple[int, ...]
    captured: tuple[str, ...]


@IMPORTERS.register((STANDARD, "Scan"))
def import_scan(site: Site) -> None:
    """A recurrence; states that no result needs are left out."""
    body = _graph(site, "body")
    scanned = site.integer("num_scan_inputs", 0)
    batched = site.opset < _BATCHED
    first = 1 if batched else 0  # of the operands: sequence_lens come first in the oldest form
    states = len(site.node.inputs) - first - scanned
    if not 1 <= scanned <= len(site.node.inputs) - first or states < 0 or len(body.inputs) != states + scanned:
        raise MalformedModelError(
            f"its body of {len(body.inputs)} inputs does not fit {len(site.node.inputs)} operands"
        )
    if batched and (site.has(0) or any(site.shape_of(i)[0] != 1 for i in range(1, len(site.node.inputs)))):
        site.refuse("it scans several sequences at once", "export the model with opset 9 or newer")
    axis = 1 if batched else 0
    backward = site.integers("directions" if batched else "scan_input_directions") or (0,) * scanned
    axes = site.integers("scan_input_axes") or (axis,) * scanned
    operands = [_scanned(site, first + states + i, axes[i], backward[i], batched) for i in range(scanned)]
    steps = {shape[0] for _, shape in operands}
    if len(steps) != 1:
        raise MalformedModelError(f"its operands have {sorted(steps)} steps")
    starts = [site.shape_of(first + i)[batched:] for i in range(states)]
    used = [i for i in range(len(site.node.outputs)) if site.is_used(i)]
    step = _step(site, body, starts, [shape[1:] for _, shape in operands], used)
    begin = tuple(_reshaped(site, site.tensor(first + i), starts[i]) for i in step.states)
    op = Recurrence(step.graph, len(step.states), scanned, steps.pop())
    results = site.apply_all(op, (*begin, *(name for name, _ in operands), *step.captured), "steps")
    delivered = [*step.states, *(i for i in used if i >= states)]
    ends = site.integers("scan_output_axes") or (axis,) * (len(body.outputs) - states)
    reverse = site.integers("scan_output_directions") or (0,) * (len(body.outputs) - states)
    for output, result in zip(delivered, results, strict=True):
        if output >= states:
            result = _turned(site, result, ends[output - states] - batched, reverse[output - states])
        if site.is_used(output):
            shape = site.shape_of_value(result)
            site.alias(_reshaped(site, result, (1, *shape)) if batched else result, output)


@IMPORTERS.register((STANDARD, "Loop"))
def import_loop(site: Site) -> None:
    """A recurrence where no step reads its number, else the steps one after another."""
    body = _graph(site, "body")
    states = len(site.node.inputs) - 2
    if len(body.inputs) != states + 2 or len(body.outputs) < states + 1:
        raise MalformedModelError(f"its body of {len(body.inputs)} inputs does not fit {states} states")
    trips = int(site.known(0, "trip count").data.reshape(-1)[0]) if site.has(0) else None
    if site.has(1) and not site.known(1, "condition").data.reshape(-1)[0]:
        trips = 0
    stays = body.outputs[0] is body.inputs[1] or _is_true(body.outputs[0])
    if (trips is None and stays) or (trips is not None and trips > _MAX_STEPS):
        site.refuse(f"it runs more than {_MAX_STEPS} times", _COUNT)
    counter = body.inputs[0]
    if trips and stays and not (counter.uses() or counter.is_graph_output()):
        _repeat(site, body, trips)
    else:
        _write(site, body, trips)


@IMPORTERS.register((STANDARD, "If"))
def import_condition(site: Site) -> None:
    """The branch that is taken, or both and a choice between their results."""
    names = ("then_branch", "else_branch")
    if site.is_known(0):
        taken = bool(site.known(0, "condition").data.reshape(-1)[0])
        inner = site.enter(_graph(site, names[0 if taken else 1]), f"{names[0 if taken else 1]}/")
        for output, value in enumerate(_graph(site, names[0 if taken else 1]).outputs):
            _hand_over(site, inner, value.name or "", output)
        return
    branches = [(_graph(site, name), site.enter(_graph(site, name), f"{name}/")) for name in names]
    for output in range(len(site.node.outputs)):
        pair = [_tensor(site, inner, graph.outputs[output].name or "") for graph, inner in branches]
        if site.shape_of_value(pair[0]) != site.shape_of_value(pair[1]):
            site.refuse("its condition depends on the data", "export the model with the condition decided")
        rank = len(site.shape_of_value(pair[0]))
        condition = _reshaped(site, site.value(0), (1,) * rank)
        site.deliver(Select(), (condition, *pair), output)


# -- loops as recurrences


def _repeat(site: Site, body: onnx_ir.Graph, trips: int) -> None:
    """A loop of which every step is the same."""
    states = len(site.node.inputs) - 2
    starts = [site.shape_of(2 + i) for i in range(states)]
    used = [i for i in range(len(site.node.outputs)) if site.is_used(i)]
    step = _step(site, body, starts, [], used, skipped=2)
    begin = tuple(site.tensor(2 + i) for i in step.states)
    op = Recurrence(step.graph, len(step.states), 0, trips)
    results = site.apply_all(op, (*begin, *step.captured), "steps")
    for output, result in zip([*step.states, *(i for i in used if i >= states)], results, strict=True):
        if site.is_used(output):
            site.alias(result, output)


def _step(
    site: Site,
    body: onnx_ir.Graph,
    states: list[tuple[int, ...]],
    slices: list[tuple[int, ...]],
    used: list[int],
    *,
    skipped: int = 0,
) -> _Body:
    """The body as a graph.

    Args:
        site: the node.
        body: the graph inside of it.
        states: shapes of the states.
        slices: shapes of what each step takes of the scanned operands.
        used: outputs of the node that are read.
        skipped: how many inputs a Loop has before its states, one more than outputs.
    """
    builder = GraphBuilder(site.inner_name("body"))
    captured = site.captured(body)
    names = [value.name or "" for value in body.inputs[skipped:]]
    shapes = [*states, *slices]
    values = {
        name: builder.input(site.inner_name(name), TensorType(shape)) for name, shape in zip(names, shapes, strict=True)
    }
    values |= {
        name: builder.input(site.inner_name(name), TensorType(site.shape_of_value(value)))
        for name, value in captured.items()
    }
    known = {}
    if skipped:
        known[body.inputs[1].name or ""] = Known(np.array(True))
    inner = site.enter(body, "", builder=builder, known=known, values=values)
    results = [_inside(inner, value.name or "", builder) for value in body.outputs[1 if skipped else 0 :]]
    inputs = [values[name] for name in names]
    left = _needed_states(builder.build({str(i): r for i, r in enumerate(results)}), inputs, results, len(states), used)
    stacks = [i for i in used if i >= len(states)]
    graph = builder.build({str(i): results[i] for i in [*left, *stacks]})
    kept = {inputs[i] for i in left} | set(inputs[len(states) :]) | {values[name] for name in captured}
    graph = Graph(
        graph.name,
        tuple(value for value in graph.inputs if value.name in kept),
        graph.outputs,
        graph.nodes,
        {name: type_ for name, type_ in graph.types.items() if name in kept or name not in inputs},
    )
    return _Body(graph, tuple(left), tuple(captured.values()))


def _needed_states(graph: Graph, inputs: list[str], results: list[str], states: int, used: list[int]) -> list[int]:
    """States that are read behind the loop, or by what is."""
    producers = graph.producers()
    needed: set[int] = set()
    waiting = list(used)
    while waiting:
        output = waiting.pop()
        if output < states:
            if output in needed:
                continue
            needed.add(output)
        reads, seen = [results[output]], set[str]()
        while reads:
            name = reads.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in inputs[:states]:
                waiting.append(inputs.index(name))
            elif name in producers:
                reads += producers[name].inputs
    return sorted(needed)


def _inside(inner: Progress, name: str, builder: GraphBuilder) -> str:
    """A result of a body; a constant one becomes a tensor."""
    if name in inner.values:
        return inner.values[name]
    constant = inner.known[name].reals
    beside = next(iter(inner.values.values()), None)
    if beside is None:
        raise MalformedModelError("its body reads nothing")
    start = int(np.prod(builder.type(beside).shape))
    index = (start + np.arange(constant.size)).reshape(constant.shape)
    return builder.add(Arrange(index, constant.reshape(-1), kind="constant"), (beside,), name=f"{name}_constant")


# -- loops written out


def _write(site: Site, body: onnx_ir.Graph, trips: int | None) -> None:
    """Every step with its number as a constant."""
    states = len(site.node.inputs) - 2
    ends: list[_End] = [
        (site.known(2 + i, "state"), "") if site.is_known(2 + i) else (None, site.value(2 + i)) for i in range(states)
    ]
    stacks: list[list[_End]] = [[] for _ in body.outputs[1 + states :]]
    for step in range(_MAX_STEPS if trips is None else trips):
        site.reserve(_ELEMENTS_PER_STEP)
        condition, ends, stacked = _written(site, body, step, ends)
        for stack, end in zip(stacks, stacked, strict=True):
            stack.append(end)
        if not condition.data.reshape(-1)[0]:
            break
    else:
        if trips is None:
            site.refuse(f"it runs more than {_MAX_STEPS} times", _COUNT)
    for i, (constant, name) in enumerate(ends):
        if site.has_output(i) and constant is not None:
            site.settle(constant, i)
        elif site.has_output(i):
            site.alias(name, i)
    for i, stack in enumerate(stacks):
        if site.has_output(states + i):
            _deliver_stack(site, stack, states + i)


def _written(site: Site, body: onnx_ir.Graph, step: int, states: list[_End]) -> tuple[Known, list[_End], list[_End]]:
    """One step: whether another follows, the states, what is stacked."""
    counter, condition, *inputs = (value.name or "" for value in body.inputs)
    pairs = list(zip(inputs, states, strict=True))
    known = {name: constant for name, (constant, _) in pairs if constant is not None}
    values = {name: value for name, (constant, value) in pairs if constant is None}
    known |= {counter: Known(np.array(step)), condition: Known(np.array(True))}
    inner = site.enter(body, f"step_{step}/", known=known, values=values)
    ends = [(inner.known.get(v.name or ""), inner.values.get(v.name or "", "")) for v in body.outputs]
    follows = ends[0][0]
    if follows is None:
        site.refuse("how often it runs depends on the data", _COUNT)
    return follows, ends[1 : 1 + len(states)], ends[1 + len(states) :]


def _deliver_stack(site: Site, stack: list[_End], output: int) -> None:
    """The results of all steps along a new axis 0."""
    constants = [constant for constant, _ in stack if constant is not None]
    if not stack:
        site.refuse("it stacks the results of no step", _COUNT)
    if len(constants) == len(stack):
        site.settle(Known(np.stack([constant.data for constant in constants])), output)
        return
    names = [site.constant(c.reals, "constant") if c is not None else name for c, name in stack]
    shape = site.shape_of_value(names[0])
    index = np.arange(len(names) * int(np.prod(shape))).reshape(len(names), *shape)
    site.deliver(Arrange(index, np.zeros(0), kind="stack"), tuple(names), output)


# -- operands


def _graph(site: Site, name: str) -> onnx_ir.Graph:
    attribute = site.attribute(name, onnx_ir.AttributeType.GRAPH)
    if attribute is None:
        raise MalformedModelError(f"its {name} is missing")
    return attribute.as_graph()


def _is_true(value: onnx_ir.Value) -> bool:
    """Whether a value of a body is the constant True, past nodes that hand it on."""
    producer = value.producer()
    while producer is not None and producer.op_type == "Identity" and producer.inputs[0] is not None:
        value = producer.inputs[0]
        producer = value.producer()
    graph = value.graph
    if producer is None and graph is not None and not value.is_initializer() and value in graph.inputs[1:2]:
        return True  # the condition of the step itself
    constant = onnx_ir.convenience.get_const_tensor(value)
    return constant is not None and bool(constant.numpy().reshape(-1)[0])


def _scanned(site: Site, index: int, axis: int, backward: int, batched: bool) -> tuple[str, tuple[int, ...]]:  # noqa: FBT001
    """An operand with its steps along axis 0, in the order in which they run; and its shape."""
    value, shape = site.tensor(index), site.shape_of(index)
    rank = len(shape)
    if not -rank <= axis < rank:
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(shape)}")
    places: IntArray = np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), axis, 0)
    if batched:
        places = places[:, 0] if axis % rank else places
    places = places[::-1] if backward else places
    if np.array_equal(places.reshape(-1), np.arange(places.size)):
        return _reshaped(site, value, places.shape), places.shape
    op = Arrange(np.ascontiguousarray(places), np.zeros(0), kind="steps")
    return site.apply(op, value, f"operand_{index}"), places.shape


def _turned(site: Site, value: str, axis: int, backward: int) -> str:
    """A stack with its steps along another axis, or in the other order."""
    shape = site.shape_of_value(value)
    places: IntArray = np.arange(int(np.prod(shape))).reshape(shape)
    places = np.moveaxis(places[::-1] if backward else places, 0, axis)
    if np.array_equal(places, np.arange(places.size).reshape(places.shape)):
        return value
    return site.apply(Arrange(np.ascontiguousarray(places), np.zeros(0), kind="stack"), value, "stack")


def _reshaped(site: Site, value: str, shape: tuple[int, ...]) -> str:
    if site.shape_of_value(value) == tuple(shape):
        return value
    index = np.arange(int(np.prod(shape))).reshape(shape)
    return site.apply(Arrange(index, np.zeros(0), kind="shape"), value, "shape")


def _tensor(site: Site, inner: Progress, name: str) -> str:
    """A result of a branch."""
    if name in inner.values:
        return inner.values[name]
    return site.constant(inner.known[name].reals, "constant")


def _hand_over(site: Site, inner: Progress, name: str, output: int) -> None:
    if name in inner.values:
        site.alias(inner.values[name], output)
    else:
        site.settle(inner.known[name], output)
