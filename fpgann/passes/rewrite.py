# SPDX-License-Identifier: Apache-2.0
"""Rebuild a graph node by node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fpgann.ir import Graph, GraphBuilder, Node
from fpgann.ir.ops.recurrence import Recurrence


def rebuild(graph: Graph, visit: Callable[[GraphBuilder, Node, dict[str, str]], None]) -> Graph:
    """Copy a graph, letting `visit` decide what each node becomes.

    Args:
        graph: the graph to copy; inputs are kept.
        visit: gets the builder, the old node and the map from old to new value names, which it extends with
            every output of the old node.

    Returns:
        The new graph without the nodes that no output needs.
    """
    builder = GraphBuilder(graph.name)
    names = {value.name: builder.input(value.name, value.type, value.entry) for value in graph.inputs}
    for node in graph.nodes:
        visit(builder, node, names)
    return builder.build({delivered: names[name] for delivered, name in graph.outputs.items()})


def within_bodies(graph: Graph, apply: Callable[[Graph], Graph]) -> Graph:
    """The graph with a pass applied to the bodies of its recurrences."""
    if not any(isinstance(node.op, Recurrence) for node in graph.nodes):
        return graph
    nodes = (
        replace(node, op=replace(node.op, body=apply(node.op.body))) if isinstance(node.op, Recurrence) else node
        for node in graph.nodes
    )
    return replace(graph, nodes=tuple(nodes))


def copy_node(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
    """Keep a node as it is."""
    builder.add(node.op, (names[name] for name in node.inputs), name=node.name, outputs=node.outputs)
    names.update({name: name for name in node.outputs})
