# SPDX-License-Identifier: Apache-2.0
"""What a softmax cannot see need not fit into a type: masks of -1e9 would leave no bits for the numbers that count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from fpgann.ir import Graph, Node
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.integers import FloatArray

REACH = 20.0
"""An argument this far below the greatest weighs exp(-20) = 2e-9, less than any type of 28 bits shows."""


def within_reach(graph: Graph, samples: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Samples with which to choose types: arguments of softmaxes are cut off where no softmax sees them.

    Only where saturation hurts nobody: the argument goes to nothing but the softmax, and so does what it is made of.

    Args:
        graph: graph of real numbers, its softmaxes expanded.
        samples: real samples of every value, batch first.
    """
    reached = _Reach(graph, dict(samples))
    for node in graph.nodes:
        argument, greatest = _shifted(node, reached.producers)
        if argument is not None:
            reached.cut(argument, samples[greatest])
            reached.cut_difference(node.output)
    return reached.samples


def _shifted(node: Node, producers: Mapping[str, Node]) -> tuple[str | None, str]:
    """The argument and the maximum of a softmax, if a node subtracts one from the other."""
    if not isinstance(node.op, Add) or len(node.inputs) != 2:
        return None, ""
    argument, negated = node.inputs
    negation = producers.get(negated)
    if negation is None or not isinstance(negation.op, Affine):
        return None, ""
    maximum = producers.get(negation.inputs[0])
    if maximum is None or not isinstance(maximum.op, Reduce) or maximum.op.reduction is not Reduction.MAXIMUM:
        return None, ""
    return (argument, negation.inputs[0]) if maximum.inputs[0] == argument else (None, "")


class _Reach:
    """Samples that are cut off, from an argument of a softmax back to what it is made of."""

    def __init__(self, graph: Graph, samples: dict[str, FloatArray]) -> None:
        self.samples = samples
        self.producers = graph.producers()
        self._delivered = set(graph.outputs.values())
        self._consumers: defaultdict[str, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            for name in set(node.inputs):
                self._consumers[name].append(node)

    def cut(self, argument: str, greatest: FloatArray) -> None:
        """Cut off an argument below its maximum (of the same rank), unless somebody else reads it."""
        users = self._consumers[argument]
        is_private = all(isinstance(user.op, Add | Reduce | KeepWinner) for user in users) and len(users) <= 3
        if argument in self._delivered or not is_private:
            return
        cut = np.maximum(self.samples[argument], greatest - REACH)
        self.samples[argument] = cut
        self._cut_operands(argument, float(cut.min(initial=0.0)))

    def cut_difference(self, name: str) -> None:
        """Cut off what goes to nothing but the exponential."""
        exponentials = (isinstance(u.op, Activation) and u.op.function is Function.EXP for u in self._consumers[name])
        if name not in self._delivered and all(exponentials):
            self.samples[name] = np.maximum(self.samples[name], -REACH)

    def _cut_operands(self, name: str, low: float) -> None:
        node = self.producers.get(name)
        if node is None:
            return
        if isinstance(node.op, Reshape | Transpose | Arrange):
            bounds = [(operand, low) for operand in node.inputs]
        elif isinstance(node.op, Select):
            bounds = [(operand, low) for operand in node.inputs[1:]]
        elif isinstance(node.op, Add):
            tops = [float(self.samples[operand].max(initial=0.0)) for operand in node.inputs]
            bounds = [(operand, low - sum(tops) + top) for operand, top in zip(node.inputs, tops, strict=True)]
        else:
            return
        for operand, bound in bounds:
            if len(self._consumers[operand]) == 1 and operand not in self._delivered:
                self.samples[operand] = np.maximum(self.samples[operand], bound)
                self._cut_operands(operand, bound)
