# SPDX-License-Identifier: Apache-2.0
"""Recurrences that can take their slices one after another, as they come."""

from __future__ import annotations

from fpgann.ir.graph import Graph, Node
from fpgann.ir.ops.repeat import Repeat
from fpgann.numerics.interval import CodeRange

_ZERO = CodeRange(0, 0)


def has_steps(graph: Graph) -> bool:
    """Whether a graph has recurrences that come step by step."""
    return any(comes_stepwise(graph, node) for node in graph.nodes)


def comes_stepwise(graph: Graph, node: Node) -> bool:
    """Whether a node is a recurrence that takes its slices as they come, and delivers each step."""
    return isinstance(node.op, Repeat) and node.op.is_stacked and takes_slices(graph, node)


def takes_slices(graph: Graph, node: Node) -> bool:
    """Whether a node is a recurrence that reads one operand in slices, and starts from zeros."""
    op = node.op
    if not isinstance(op, Repeat) or not op.states or op.scanned != 1:
        return False
    firsts = node.inputs[: op.states]
    return len(node.inputs) == op.states + 1 and all(graph.types[name].codes.range == _ZERO for name in firsts)


def initial_states(graph: Graph, node: Node) -> set[str]:
    """Names of the nodes that only make the zeros before the first step: registers begin with these."""
    if not comes_stepwise(graph, node):
        return set()
    producers, readers, found = graph.producers(), graph.consumers(), {node.name}
    waiting = [*node.inputs[:-1]]
    while waiting:
        value = waiting.pop()
        before = producers.get(value)
        if before is None or value in graph.outputs.values() or graph.types[value].codes.range != _ZERO:
            continue
        if all(reader.name in found for reader in readers[value]):
            found.add(before.name)
            waiting += before.inputs
    return found - {node.name}
