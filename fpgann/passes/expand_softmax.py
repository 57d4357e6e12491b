# SPDX-License-Identifier: Apache-2.0
"""Softmax in terms of operators that hardware has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node, Operator
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.softmax import Softmax
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies

_ONE, _ZERO = np.ones(()), np.zeros(())


@dataclass(frozen=True, slots=True)
class ExpandSoftmax:
    """softmax(x) = exp(x - max x) / sum(exp(x - max x)), log_softmax(x) = x - max x - log(sum(exp(x - max x))).

    The subtraction of the maximum keeps every exponential in 0..1. What rounding would level is told apart again at
    the end, so that the greatest result is where the greatest argument is.
    """

    def apply(self, graph: Graph) -> Graph:
        """Every softmax becomes a chain of nodes that bear its name."""

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            if isinstance(node.op, Softmax):
                _expand(builder, node, node.op, names[node.inputs[0]])
                names[node.output] = node.output
            else:
                copy_node(builder, node, names)

        return rebuild(within_bodies(graph, self.apply), visit)


def _expand(builder: GraphBuilder, node: Node, op: Softmax, x: str) -> None:
    def add(operator: Operator, suffix: str, *operands: str) -> str:
        return builder.add(operator, operands, name=f"{node.name}_{suffix}")

    axes = (op.axis,)
    greatest = add(Reduce(Reduction.MAXIMUM, axes), "max", x)
    shifted = add(Add(), "shifted", x, add(Affine(-_ONE, _ONE, _ZERO), "negated", greatest))
    powers = add(Activation(Function.EXP), "exp", shifted)
    total = add(Reduce(Reduction.SUM, axes), "sum", powers)
    if op.log:
        logarithm = add(Activation(Function.LOG), "log", total)
        result = add(Add(), "result", shifted, add(Affine(-_ONE, _ONE, _ZERO), "log_negated", logarithm))
    else:
        result = add(Multiply(), "result", powers, add(Activation(Function.RECIPROCAL), "reciprocal", total))
    builder.add(KeepWinner(op.axis), (result, x), name=node.name, outputs=node.outputs)
