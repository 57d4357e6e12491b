# SPDX-License-Identifier: Apache-2.0
"""Recognise functions that exporters write as a product: x * sigmoid(x) and x * tanh(softplus(x))."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.multiply import Multiply
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies


@dataclass(frozen=True, slots=True)
class FuseGates:
    """A value times a function of itself becomes one function, whose result is rounded once.

    Both are equal as real functions, so a quantized model keeps its meaning.
    """

    def apply(self, graph: Graph) -> Graph:
        """Products become Swish or Mish where that is what they are."""
        graph = within_bodies(graph, self.apply)
        producers = graph.producers()

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            found = _gated(graph, producers, node) if isinstance(node.op, Multiply) else None
            if found is None:
                copy_node(builder, node, names)
                return
            value, function = found
            names[node.output] = builder.add(function, (names[value],), name=node.name, outputs=node.outputs)

        return rebuild(graph, visit)


def _gated(graph: Graph, producers: dict[str, Node], node: Node) -> tuple[str, Activation] | None:
    """The value and the function of it that a product is."""
    for value, gate in (node.inputs, node.inputs[::-1]):
        producer = producers.get(gate)
        if producer is None or not isinstance(producer.op, Activation):
            continue
        if graph.types[value].shape != graph.types[node.output].shape:
            continue
        (argument,) = producer.inputs
        if producer.op.function is Function.SIGMOID:
            factor = 1.0 if argument == value else _factor(producers.get(argument), value)
            if factor is not None:
                return value, Activation(Function.SWISH, (np.array(factor),))
        before = producers.get(argument)
        if producer.op.function is Function.TANH and before is not None and _is_softplus(before, value):
            return value, Activation(Function.MISH)
    return None


def _is_softplus(node: Node, value: str) -> bool:
    return isinstance(node.op, Activation) and node.op.function is Function.SOFTPLUS and node.inputs == (value,)


def _factor(node: Node | None, value: str) -> float | None:
    """The number by which a node multiplies a value, if it does only that."""
    if node is None or not isinstance(node.op, Affine) or node.inputs != (value,):
        return None
    op = node.op
    if op.multiplier.size != 1 or np.any(op.divisor != 1) or np.any(op.addend != 0):
        return None
    return float(op.multiplier.reshape(()))
