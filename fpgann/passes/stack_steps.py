# SPDX-License-Identifier: Apache-2.0
"""Recurrences of which only the last state is read deliver it behind every step, so that steps can go on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.stepwise import takes_slices
from fpgann.passes.rewrite import copy_node, rebuild


@dataclass(frozen=True, slots=True)
class StackSteps:
    """A stack of states, and the last of them, in the place of the last state of what can take slices as they come."""

    def apply(self, graph: Graph) -> Graph:
        """The same codes in another order of work."""
        return self.lower(graph)[0]

    def lower(self, graph: Graph) -> tuple[Graph, Mapping[str, str]]:
        """The new graph; last state -> the stack that it is taken from."""
        stacks: dict[str, str] = {}

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            op = node.op
            if not isinstance(op, Repeat) or op.is_stacked or not takes_slices(graph, node):
                copy_node(builder, node, names)
                return
            results = (*op.results[: op.states], op.results[op.delivered])
            told = replace(op, results=results, delivered=op.states)
            operands = [names[name] for name in node.inputs]
            stack = builder.add(told, operands, name=f"{node.name}_stack")
            builder.add(_last(builder.type(stack).shape), (stack,), name=node.name, outputs=node.outputs)
            names[node.output], stacks[node.output] = node.output, stack

        return rebuild(graph, visit), stacks


def _last(shape: tuple[int, ...]) -> Arrange:
    """The last slice along axis 0."""
    index = np.arange(int(np.prod(shape))).reshape(shape)[-1]
    one, none = np.ones((), np.int64), np.zeros((), np.int64)
    return Arrange(index, np.zeros(0, np.int64), Alignment((one,), (none,)), kind="last step")
