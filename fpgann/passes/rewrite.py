# SPDX-License-Identifier: Apache-2.0
"""Rebuild a graph node by node."""

from __future__ import annotations

from collections.abc import Callable

from fpgann.ir import Graph, GraphBuilder, Node


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


def copy_node(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
    """Keep a node as it is."""
    builder.add(node.op, (names[name] for name in node.inputs), name=node.name, outputs=node.outputs)
    names.update({name: name for name in node.outputs})
