# SPDX-License-Identifier: Apache-2.0
"""Which nodes of the graph become which function, and how each is scheduled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.names import CppNamespace
from fpgann.hardware.code_book import code_book
from fpgann.hardware.design import Design, FoldedKernel, PointwiseKernel, RecurrentKernel, StepKernel
from fpgann.hardware.folding import divisors
from fpgann.hardware.noise import Noise
from fpgann.hardware.options import Memory, Multipliers
from fpgann.ir import Graph, Node
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.interval import CodeRange

STEP_PREFIX = "step_"  # variables of a step are no parameters


@dataclass(frozen=True, slots=True)
class Array:
    """A tensor as an array of codes.

    Args:
        name: C++ name; its type is that with `_t` behind it.
        value: name of the graph value it holds.
        elements: number of elements, row-major.
        codes: range of every element.
    """

    name: str
    value: str
    elements: int
    codes: CodeRange

    @property
    def kind(self) -> str:
        """C++ type of an element."""
        return f"{self.name}_t"

    @property
    def qualified(self) -> str:
        """That type outside of its namespace."""
        return f"layers::{self.kind}"

    @property
    def kind_text(self) -> str:
        """What that type is."""
        return type_of(self.codes)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Weights or biases that are read from a memory outside of the design.

    Args:
        array: their codes, row-major; `value` names the layer.
        shape: their dimensions.
        tensor: `weight` or `bias`.
    """

    array: Array
    shape: tuple[int, ...]
    tensor: str

    @property
    def declaration(self) -> str:
        """A variable that holds them."""
        return f"{self.array.qualified} {self.array.name}" + "".join(f"[{size}]" for size in self.shape)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a function is laid out in hardware.

    Args:
        interval_cycles: from one item to the next.
        pe: neurons side by side; 0 where that is no choice.
        simd: multipliers of a neuron; likewise.
        multipliers: what multipliers are made of.
        memory: where constant memories are kept.
        values: all that weights can be, ascending, where memories hold indices of them.
    """

    interval_cycles: int = 1
    pe: int = 0
    simd: int = 0
    multipliers: Multipliers = Multipliers.AUTO
    memory: Memory = Memory.AUTO
    values: tuple[int, ...] = ()

    @property
    def unrolled(self) -> bool:
        """Whether every operation is a circuit of its own."""
        return self.interval_cycles == 1


@dataclass(frozen=True, slots=True)
class Layer:
    """A function: a node, the windows in front of it, the staircases behind it.

    Args:
        node: what names it.
        windows: the windows that it slides over its operand, if any.
        staircases: requantizations of its result, one after another.
        operands: the arrays that its node reads.
        result: the array that it writes.
        schedule: how it is laid out.
        body: what its node computes step by step, if it does.
    """

    node: Node
    windows: Node | None
    staircases: tuple[Node, ...]
    operands: tuple[Array, ...]
    result: Array
    schedule: Schedule
    body: Plan | None = None

    @property
    def name(self) -> str:
        """C++ name of the function."""
        return self.result.name

    @property
    def loaded(self) -> tuple[Loaded, ...]:
        """What it reads from memories outside of the design."""
        op = self.node.op
        if not isinstance(op, Dense) or not op.loadable:
            return ()
        found = []
        for tensor, suffix, constant in (("weight", "weights", op.weight), ("bias", "bias", op.bias)):
            assert constant is not None
            assert constant.encoding is not None
            codes, shape = constant.encoding.range, constant.data.shape
            array = Array(f"{self.name}_{suffix}", self.node.name, prod(shape), codes)
            found.append(Loaded(array, tuple(int(size) for size in shape), tensor))
        return tuple(found)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes in the order of the data."""
        front = () if self.windows is None else (self.windows,)
        return (*front, self.node, *self.staircases)

    @property
    def sources(self) -> tuple[Array, ...]:
        """The arrays it reads, each once."""
        return tuple({array.name: array for array in self.operands}.values())


@dataclass(frozen=True, slots=True)
class Plan:
    """The program.

    Args:
        graph: graph of codes.
        inputs: arrays that enter, in the order of the design's ports.
        outputs: arrays behind the design's output ports, likewise.
        layers: functions in the order of the data.
        drawn: arrays of random numbers, and what draws them.
    """

    graph: Graph
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    layers: tuple[Layer, ...]
    drawn: tuple[tuple[Array, Noise], ...] = ()

    @property
    def unrolled(self) -> bool:
        """Whether every operation of all layers is a circuit of its own."""
        return all(layer.schedule.unrolled for layer in self.layers)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Itself, and the plans of its layers' steps."""
        return (self, *(plan for layer in self.layers if layer.body is not None for plan in layer.body.plans))

    @property
    def loaded(self) -> tuple[Loaded, ...]:
        """What its layers read from memories outside of the design."""
        return tuple(loaded for layer in self.layers for loaded in layer.loaded)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All arrays, those of steps too."""
        return tuple(array for plan in self.plans for array in plan.own_arrays)

    @property
    def own_arrays(self) -> tuple[Array, ...]:
        """All arrays but those of steps."""
        return (*self.inputs, *(array for array, _ in self.drawn), *(layer.result for layer in self.layers))


def namespace_of(design: Design) -> CppNamespace:
    """Names for the functions and arrays of a design: none that its interface has."""
    return CppNamespace({design.name, *(port.name for port in (*design.inputs, *design.outputs))})


def plan_program(
    graph: Graph, design: Design, names: CppNamespace, *, prefix: str = "", entering: Sequence[Array] = ()
) -> Plan:
    """Turn a graph of codes into functions.

    Args:
        graph: graph of codes.
        design: its hardware, which says how layers are scheduled.
        names: where C++ names come from.
        prefix: what they begin with.
        entering: arrays that hold the inputs, where there are some already; of those with the same codes.
    """
    schedules, cores = _schedules(design), _cores(design)
    arrays: dict[str, Array] = {}
    inputs: list[Array] = []
    for index, port in enumerate(design.inputs):
        value = next(v for v in graph.inputs if v.name == port.model_name)
        codes = value.type.codes.range
        alike = [a.name for a in entering[index : index + 1] if a.codes == codes]
        fresh = [name for name in alike if name not in {array.name for array in inputs}]
        name = fresh[0] if fresh else names.claim(value.name, "input", prefix=prefix)
        array = Array(name, value.name, value.type.size, codes)
        arrays[value.name] = array
        inputs.append(array)
    drawn: list[tuple[Array, Noise]] = []
    for noise in design.noise:
        value = next(v for v in graph.inputs if v.name == noise.name)
        name = names.claim(value.name, "noise", prefix=prefix)
        arrays[value.name] = Array(name, value.name, value.type.size, value.type.codes.range)
        drawn.append((arrays[value.name], noise))
    layers: list[Layer] = []
    done: set[str] = set()
    for node in graph.nodes:
        if node.name in done:
            continue
        if _is_alias(graph, node):
            arrays[node.output] = arrays[node.inputs[0]]
            continue
        windows, kernel = _shell(graph, node)
        staircases = () if isinstance(kernel.op, Requantize) else _staircases(graph, kernel)
        nodes = (node, *(() if windows is None else (kernel,)), *staircases)
        last = nodes[-1]
        type_ = graph.types[last.output]
        array = Array(names.claim(kernel.name, "layer", prefix=prefix), last.output, type_.size, type_.codes.range)
        arrays[last.output] = array
        operands = tuple(arrays[name] for name in node.inputs)
        schedule = next((schedules[n.name] for n in (kernel, *nodes) if n.name in schedules), Schedule())
        core = cores.get(kernel.name)
        body = None if core is None else plan_program(core.graph, core.core, names, prefix=STEP_PREFIX)
        layers.append(Layer(kernel, windows, staircases, operands, array, schedule, body))
        done.update(n.name for n in nodes)
    outputs = tuple(arrays[graph.outputs[port.model_name]] for port in design.outputs)
    return Plan(graph, tuple(inputs), outputs, tuple(layers), tuple(drawn))


def _is_alias(graph: Graph, node: Node) -> bool:
    """Whether a node changes nothing about the codes and their order."""
    if isinstance(node.op, Transpose):
        shape = graph.types[node.inputs[0]].shape
        order = np.arange(prod(shape)).reshape(shape).transpose(node.op.permutation).reshape(-1)
        return bool(np.array_equal(order, np.arange(order.size)))
    return isinstance(node.op, Reshape | Reinterpret)


def _shell(graph: Graph, node: Node) -> tuple[Node | None, Node]:
    """The windows in front of a dense layer, and that layer; or no windows, and the node itself."""
    reader = graph.only_reader(node.output) if isinstance(node.op, Windows) else None
    if reader is not None and isinstance(reader.op, Dense):
        return node, reader
    return None, node


def _staircases(graph: Graph, node: Node) -> tuple[Node, ...]:
    """The requantizations that follow a node one after another, each its only reader."""
    chain: list[Node] = []
    reader = graph.only_reader(node.output)
    while reader is not None and isinstance(reader.op, Requantize):
        chain.append(reader)
        reader = graph.only_reader(reader.output)
    return tuple(chain)


def _schedules(design: Design) -> Mapping[str, Schedule]:
    """The schedule of every node that is part of a stage."""
    found: dict[str, Schedule] = {}
    for stage in design.stages:
        schedule = Schedule(stage.interval_cycles)
        match stage.kernel:
            case FoldedKernel() as kernel:
                pe, simd = _whole(kernel.outputs, kernel.pe), _whole(kernel.inputs, kernel.simd)
                book = code_book(kernel)
                values = () if book is None else tuple(book.values.tolist())
                schedule = Schedule(max(2, stage.interval_cycles), pe, simd, kernel.multipliers, kernel.memory, values)
            case PointwiseKernel(requantizer=requantizer):
                schedule = Schedule(
                    stage.interval_cycles, multipliers=requantizer.multipliers, memory=requantizer.memory
                )
            case _:
                pass
        found |= dict.fromkeys(stage.layers, schedule)
    return found


def _cores(design: Design) -> Mapping[str, RecurrentKernel | StepKernel]:
    """The pipelines of steps, by node."""
    return {
        stage.layers[0]: stage.kernel
        for stage in design.stages
        if isinstance(stage.kernel, RecurrentKernel | StepKernel)
    }


def _whole(size: int, wanted: int) -> int:
    """The least divisor from a number on: arrays of C++ have no idle neurons in the last round, but one more or two."""
    return next(divisor for divisor in divisors(size) if divisor >= min(size, wanted))
