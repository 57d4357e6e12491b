# SPDX-License-Identifier: Apache-2.0
"""The plan of a compiled graph: which kernel computes each value, in which carrier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from fpgann.ir import Graph, Node
from fpgann.reference.compiled.carrier import Carrier, carrier_of, integer_carrier
from fpgann.reference.compiled.kernel import FAST, Absorbed, Cast, Compiled, Kernel, Operand, Plain, View

Key: TypeAlias = tuple[str, Carrier]  # a value in a carrier


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One kernel at work.

    Args:
        node: the layer it computes; a cast has the name of its value.
        kernel: what computes.
        inputs: what it reads.
        output: what it defines.
        shape: of the result.
    """

    node: str
    kernel: Kernel | View
    inputs: tuple[Key, ...]
    output: Key
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a compiled graph does.

    Args:
        inputs: graph input -> where its codes are put.
        steps: in order.
        delivered: wanted value -> where it is found.
        shapes: shapes of the graph inputs.
    """

    inputs: Mapping[str, Key]
    steps: tuple[Step, ...]
    delivered: Mapping[str, Key]
    shapes: Mapping[str, tuple[int, ...]]

    def buffers(self) -> Iterator[tuple[Key, tuple[int, ...]]]:
        """Everything that needs memory, and the shape of one sample of it."""
        yield from ((key, self.shapes[name]) for name, key in self.inputs.items())
        yield from ((step.output, step.shape) for step in self.steps if not isinstance(step.kernel, View))

    def describe(self) -> str:
        """One line a step, for tests and for reading."""
        return "\n".join(f"{step.node}: {type(step.kernel).__name__} -> {step.output[1].value}" for step in self.steps)


def make_plan(graph: Graph, wanted: Iterable[str]) -> Plan:
    """Choose kernels for what is needed to compute the wanted values."""
    maker = _Maker(graph, frozenset(wanted))
    for node in maker.nodes:
        maker.add(node)
    return maker.finish()


@dataclass
class _Maker:
    graph: Graph
    wanted: frozenset[str]
    nodes: list[Node] = field(init=False)
    readers: dict[str, int] = field(init=False)
    steps: list[Step] = field(default_factory=list)
    carriers: dict[str, Carrier] = field(default_factory=dict)  # in which each value is made
    casts: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Find what is needed, and how often each value is read."""
        needed, kept = set(self.wanted), []
        for node in reversed(self.graph.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]
        names = [name for node in self.nodes for name in node.inputs]
        self.readers = {name: names.count(name) + (name in self.wanted) for name in self.graph.types}
        for value in self.graph.inputs:
            self.carriers[value.name] = carrier_of(value.type.codes.range)

    def add(self, node: Node) -> None:
        compiled = self._compile(node)
        kernel: Kernel | View
        if isinstance(compiled, Absorbed):
            before = self._made(node.inputs[0])
            assert before is not None
            self.steps.remove(before)
            kernel, inputs = compiled.kernel, [name for name, _ in before.inputs]
        elif compiled is None:
            types = [self.graph.types[name].codes.range for name in (*node.inputs, node.output)]
            *takes, gives = (integer_carrier(codes) for codes in types)
            kernel, inputs = Plain(node.op, tuple(takes), gives), list(node.inputs)
        else:
            kernel, inputs = compiled, list(node.inputs)
        if isinstance(kernel, View):
            takes, gives = [self.carriers[name] for name in inputs], self.carriers[inputs[0]]
        else:
            takes, gives = list(kernel.takes), kernel.gives
        keys = tuple(self.key(name, carrier) for name, carrier in zip(inputs, takes, strict=True))
        self.carriers[node.output] = gives
        self._step(Step(node.name, kernel, keys, (node.output, gives), self.graph.types[node.output].shape))

    def key(self, name: str, carrier: Carrier) -> Key:
        """A value in a carrier, cast if need be."""
        made = self.carriers[name]
        if carrier is not made and (name, carrier) not in self.casts:
            self.casts.add((name, carrier))
            shape = self.graph.types[name].shape
            self._step(Step(name, Cast((made,), carrier), ((name, made),), (name, carrier), shape))
        return name, carrier

    def finish(self) -> Plan:
        inputs = {value.name: (value.name, self.carriers[value.name]) for value in self.graph.inputs}
        shapes = {value.name: value.type.shape for value in self.graph.inputs}
        delivered = {name: (name, self.carriers[name]) for name in self.wanted}
        return Plan(inputs, self._needed(set(delivered.values())), delivered, shapes)

    def _needed(self, keys: set[Key]) -> tuple[Step, ...]:
        """Steps that lead to some keys: a kernel that absorbed another may leave casts without a reader."""
        kept = []
        for step in reversed(self.steps):
            if step.output in keys:
                kept.append(step)
                keys.update(step.inputs)
        return tuple(reversed(kept))

    def _compile(self, node: Node) -> Compiled:
        handler = FAST.get(type(node.op))
        if handler is None:
            return None
        operands = [Operand(self.graph.types[name], self.carriers[name], self._maker(name)) for name in node.inputs]
        return handler(node.op, self.graph.types[node.output], *operands)

    def _made(self, name: str) -> Step | None:
        """The step that makes a value."""
        return next((s for s in self.steps if s.output == (name, self.carriers[name])), None)

    def _maker(self, name: str) -> Kernel | None:
        step = self._made(name) if self.readers[name] == 1 else None
        return step.kernel if step is not None and isinstance(step.kernel, Kernel) else None

    def _step(self, step: Step) -> None:
        self.steps.append(step)
