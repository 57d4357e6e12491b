# SPDX-License-Identifier: Apache-2.0
"""Deliver logits in place of a softmax at the output."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.ir import Graph, GraphBuilder
from fpgann.ir.ops.softmax import Softmax


@dataclass(frozen=True, slots=True)
class StripSoftmax:
    """Softmax keeps the order of its arguments, so the logits decide the same class without any hardware."""

    def apply(self, graph: Graph) -> Graph:
        """Outputs that a softmax computes deliver its argument instead."""
        stripped = stripped_outputs(graph)
        outputs = {delivered: stripped.get(delivered, name) for delivered, name in graph.outputs.items()}
        builder = GraphBuilder(graph.name)
        for value in graph.inputs:
            builder.input(value.name, value.type, value.entry)
        for node in graph.nodes:
            builder.add(node.op, node.inputs, name=node.name, outputs=node.outputs)
        return builder.build(outputs)


def stripped_outputs(graph: Graph) -> dict[str, str]:
    """Delivered names that a softmax computes, each with the value that holds its logits."""
    producers = graph.producers()
    found = {}
    for delivered, name in graph.outputs.items():
        node = producers.get(name)
        if node is not None and isinstance(node.op, Softmax):
            found[delivered] = node.inputs[0]
    return found
