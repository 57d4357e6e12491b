# SPDX-License-Identifier: Apache-2.0
"""Round codes before they get another shape, not after: a layer and the staircase behind it are then one circuit."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.ir import Graph, GraphBuilder, Node
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies


@dataclass(frozen=True, slots=True)
class RequantizeEarly:
    """requantize(reshape(x)) = reshape(requantize(x)), where the channels of the staircases keep their axis."""

    def apply(self, graph: Graph) -> Graph:
        """Every requantization moves up through the reshapes before it, if nothing else reads them."""
        graph = within_bodies(graph, self.apply)
        swapped = {node.output: shapes for node in graph.nodes if (shapes := _shapes_before(graph, node))}
        inside = {shape.output for shapes in swapped.values() for shape in shapes}
        if not swapped:
            return graph

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            shapes = [] if len(node.outputs) != 1 else swapped.get(node.output, [])
            if shapes:
                early = (f"{node.output}_early",)
                source = names[shapes[0].inputs[0]]
                value = builder.add(node.op, (source,), name=node.name, outputs=early)
                builder.add(shapes[-1].op, (value,), name=shapes[-1].name, outputs=node.outputs)
                names[node.output] = node.output
            elif not inside.intersection(node.outputs):
                copy_node(builder, node, names)

        return rebuild(graph, visit)


def _shapes_before(graph: Graph, node: Node) -> list[Node]:
    """The reshapes that a requantization can change places with, in order."""
    if not isinstance(node.op, Requantize):
        return []
    producers, shapes = graph.producers(), list[Node]()
    before = producers.get(node.inputs[0])
    while before is not None and isinstance(before.op, Reshape) and graph.only_reader(before.output) is not None:
        old, new = graph.types[before.inputs[0]].shape, before.op.shape
        if node.op.map.channels > 1 and (node.op.axis != -1 or old[-1:] != new[-1:]):
            break
        shapes.insert(0, before)
        before = producers.get(before.inputs[0])
    return shapes
