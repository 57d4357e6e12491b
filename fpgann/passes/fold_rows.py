# SPDX-License-Identifier: Apache-2.0
"""What a graph of codes does alike for every row of a tensor becomes a body that runs once a row.

A row is what belongs to one point of a cloud, one node of a graph, one token: an index of an axis of the first input,
of that with which most elements leave the hardware. Operators are gathered as long as a row needs rows of its number
only, or tensors that are complete before; where a row needs results of all rows, another body begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import IntArray
from fpgann.passes.row_rules import Layout, Reads, layouts_of, reads_of, row_operator

_VECTOR_AXES = 2  # of a sample of features, which has no rows


@dataclass(frozen=True, slots=True)
class FoldRows:
    """Stateless `Repeat` operators in the place of operators on all rows at once; every code stays what it is."""

    def apply(self, graph: Graph) -> Graph:
        """Fold what can be folded."""
        shape = next((value.type.shape for value in graph.inputs), ())
        sizes = [size for size in shape if size > 1]
        has_rows = len(sizes) > 1 or len(shape) > _VECTOR_AXES
        plans = [_plan(graph, rows) for rows in dict.fromkeys(sizes)] if has_rows else []
        return _rebuilt(max(plans, key=_Plan.gain)) if plans else graph


def _plan(graph: Graph, rows: int) -> _Plan:
    """What can be folded into so many rows."""
    blocked: set[str] = set()
    while True:
        plan = _Plan.of(graph, rows, frozenset(blocked))
        refused = plan.refused()
        if not refused:
            return plan
        blocked |= refused


@dataclass(slots=True)
class _Plan:
    """What is computed row by row.

    Args:
        graph: the graph of codes.
        rows: how many rows there are.
        layouts: rows of the values that are computed row by row.
        reads: what the nodes read that compute these, by name of the node.
        levels: bodies that must be done before, for the same values.
        exports: values that bodies deliver.
        whole: values that exist as a whole, exports or not.
        added: names of values that are not in the graph.
    """

    graph: Graph
    rows: int
    layouts: dict[str, Layout] = field(default_factory=dict)
    reads: dict[str, Reads] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    exports: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)

    @staticmethod
    def of(graph: Graph, rows: int, blocked: frozenset[str]) -> _Plan:
        """Plan a graph.

        Args:
            graph: the graph of codes.
            rows: how many rows there are.
            blocked: nodes that stay as they are.
        """
        plan = _Plan(graph, rows)
        done = {value.name: 0 for value in graph.inputs}
        for node in graph.nodes:
            if node.name not in blocked and len(node.outputs) == 1:
                plan._choose(node)
            level = max(
                plan.levels[name] if plan.is_handed_on(node, i) else done[name] for i, name in enumerate(node.inputs)
            )
            is_computed = node.output in plan.layouts and not is_wiring(node)
            ready = level + 1 if is_computed else max(done[name] for name in node.inputs)
            done |= dict.fromkeys(node.outputs, ready)
            if node.output in plan.layouts:
                plan.levels[node.output] = level
        plan._delay()
        plan._export()
        return plan

    def is_handed_on(self, node: Node, operand: int) -> bool:
        """Whether a row of an operand goes to the same row of a result."""
        name, reads = node.inputs[operand], self.reads.get(node.name)
        return reads is not None and name in self.layouts and self.layouts[name] == reads[operand]

    def _choose(self, node: Node) -> None:
        """Take the layout in which most elements that are there row by row are read that way."""
        shapes = [self.graph.types[name].shape for name in node.inputs]
        result = self.graph.types[node.output].shape
        best = 0
        for layout in layouts_of(result, self.rows):
            reads = reads_of(node.op, shapes, result, layout, self.rows)
            if reads is None:
                continue
            gain = sum(
                self.graph.types[name].size
                for name, read in zip(node.inputs, reads, strict=True)
                if read is not None and self.layouts.get(name, read) == read
            )
            if gain > best:
                best, self.layouts[node.output], self.reads[node.name] = gain, layout, reads

    def _delay(self) -> None:
        """Compute each value as late as its readers allow: nothing is kept for all rows that need not be."""
        readers = self.graph.consumers()
        for node in reversed(self.graph.nodes):
            if node.output not in self.levels or node.output in self.graph.outputs.values():
                continue
            latest = []
            for reader in readers[node.output]:
                level = self.levels.get(reader.output, self.levels[node.output] + 1)
                slots = [i for i, name in enumerate(reader.inputs) if name == node.output]
                latest.append(level if all(self.is_handed_on(reader, i) for i in slots) else level - 1)
            self.levels[node.output] = max(self.levels[node.output], min(latest, default=0))

    def _export(self) -> None:
        """Find the values that are needed as a whole, and those that two bodies would compute."""
        producers = self.graph.producers()
        self._need(list(self.graph.outputs.values()))
        for node in self.graph.nodes:
            for i, name in enumerate(node.inputs):
                same = self.is_handed_on(node, i) and self.levels[name] == self.levels[node.output]
                if node.output not in self.layouts or not same:
                    self._need([name])
        while True:
            owners: dict[str, set[str]] = {}
            for export in self.exports:
                for node in self.body(export):
                    owners.setdefault(node.output, set()).add(export)
            shared = {
                name for name, exports in owners.items() if len(exports) > 1 and not is_wiring(producers[name])
            } - self.exports
            if not shared:
                return
            self._need([next(node.output for node in self.graph.nodes if node.output in shared)])

    def _need(self, names: list[str]) -> None:
        """Values that must exist as a whole; wires are drawn outside of bodies then."""
        producers = self.graph.producers()
        while names:
            name = names.pop()
            if name in self.whole:
                continue
            self.whole.add(name)
            producer = producers.get(name)
            if producer is not None and name in self.layouts:
                if is_wiring(producer):
                    names += producer.inputs
                else:
                    self.exports.add(name)

    def body(self, export: str) -> list[Node]:
        """The nodes that compute the rows of a value from tensors that are there as a whole, in order."""
        producers = self.graph.producers()
        found, pending = set[str](), [export]
        while pending:
            name = pending.pop()
            if name in found:
                continue
            found.add(name)
            node = producers[name]
            pending += [n for i, n in enumerate(node.inputs) if self.is_inside(node, i)]
        return [node for node in self.graph.nodes if node.output in found]

    def is_inside(self, node: Node, operand: int) -> bool:
        """Whether a body that computes a node computes its operand too."""
        name = node.inputs[operand]
        same = self.is_handed_on(node, operand) and self.levels[name] == self.levels[node.output]
        return same and name not in self.exports

    def new_name(self, wanted: str) -> str:
        """A name that no value has, neither of the graph nor of those added to it."""
        name = wanted
        while name in self.graph.types or name in self.added:
            name = f"{name}_"
        self.added.add(name)
        return name

    def gain(self) -> int:
        """Elements that need no hardware of their own any more."""
        nodes = {node.output for export in self.exports for node in self.body(export) if not is_wiring(node)}
        return sum(self.graph.types[name].size * (self.rows - 1) // self.rows for name in nodes)

    def refused(self) -> set[str]:
        """Nodes that must stay as they are: codes with a scale of each channel do not pass the border of a body."""
        producers, found = self.graph.producers(), set[str]()
        for export in self.exports:
            if not self.graph.types[export].codes.per_tensor:
                found.add(producers[export].name)
            for node in self.body(export):
                outside = [name for i, name in enumerate(node.inputs) if not self.is_inside(node, i)]
                if not all(self.graph.types[name].codes.per_tensor for name in outside):
                    found.add(node.name)
        return found


def is_wiring(node: Node) -> bool:
    """Whether a node costs nothing in hardware."""
    if isinstance(node.op, Arrange):
        return node.op.alignment is not None and node.op.alignment.trivial
    return isinstance(node.op, Reshape | Transpose | Reinterpret)


def _rebuilt(plan: _Plan) -> Graph:
    """The graph with its bodies."""
    graph, builder = plan.graph, GraphBuilder(plan.graph.name)
    for value in graph.inputs:
        builder.input(value.name, value.type, value.entry)
    for node in graph.nodes:
        if node.output in plan.exports:
            _add_body(builder, plan, node)
        elif node.output not in plan.layouts or node.output in plan.whole:
            builder.add(node.op, node.inputs, name=node.name, outputs=node.outputs)
    return builder.build(dict(graph.outputs))


def _add_body(builder: GraphBuilder, plan: _Plan, node: Node) -> None:
    """Add the operator of a body, and put its rows where they belong."""
    types, nodes = plan.graph.types, plan.body(node.output)
    sliced: dict[tuple[str, Layout], str] = {}
    held: dict[str, str] = {}
    for inner in nodes:
        for i, (name, read) in enumerate(zip(inner.inputs, plan.reads[inner.name], strict=True)):
            if not plan.is_inside(inner, i):
                if read is None:
                    held.setdefault(name, f"whole_{len(held)}")
                else:
                    sliced.setdefault((name, read), f"slice_{len(sliced)}")
    body = GraphBuilder("row")
    for (name, layout), given in sliced.items():
        body.input(given, TensorType(layout.row_shape(types[name].shape), types[name].codes))
    for name, given in held.items():
        body.input(given, types[name])
    for inner in nodes:
        shapes, result = [types[name].shape for name in inner.inputs], types[inner.output].shape
        reads = plan.reads[inner.name]
        fed = [
            name if plan.is_inside(inner, i) else held[name] if read is None else sliced[name, read]
            for i, (name, read) in enumerate(zip(inner.inputs, reads, strict=True))
        ]
        op = row_operator(inner.op, shapes, result, plan.layouts[inner.output], reads)
        body.add(op, fed, name=inner.name, outputs=inner.outputs)
    repeat = Repeat.of(body.build({"0": node.output}), states=0, scanned=len(sliced), steps=plan.rows, delivered=0)
    operands = [
        builder.add(
            _wires(layout.stacked(types[name].shape)),
            [name],
            name=f"{name}_rows",
            outputs=[plan.new_name(f"{name}_rows")],
        )
        for name, layout in sliced
    ]
    stacked = plan.new_name(f"{node.output}_by_row")
    stack = builder.add(repeat, [*operands, *held], name=node.name, outputs=[stacked])
    shape = types[node.output].shape
    places = np.argsort(plan.layouts[node.output].stacked(shape).reshape(-1)).reshape(shape)
    builder.add(_wires(places), [stack], name=f"{node.name}_whole", outputs=node.outputs)


def _wires(index: IntArray) -> Arrange:
    return Arrange(index, np.zeros(0, np.int64), Alignment((np.ones((), np.int64),), (np.zeros((), np.int64),)), "rows")
