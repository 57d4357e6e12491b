# SPDX-License-Identifier: Apache-2.0
"""Quantize tensors before they are joined, not after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node, Operator
from fpgann.ir.ops.activation import Activation
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.rounding import round_fraction
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies


@dataclass(frozen=True, slots=True)
class HoistQuantize:
    """quantize(concat(x, y)) = concat(quantize(x), quantize(y)), with what is element-wise between them.

    Tensors of different scales would have to be brought to one exact unit, which takes many bits; quantized alike,
    their codes are joined by wires.
    """

    def apply(self, graph: Graph) -> Graph:
        """Every quantizer moves up through the arrangement before it, if nothing else reads what lies between."""
        graph = within_bodies(graph, self.apply)
        moved: dict[str, tuple[Node, list[Node]]] = {}  # last value of a chain -> its arrangement, what follows it
        inside: set[str] = set()
        for node in graph.nodes:
            chain = _chain(graph, node)
            if chain is not None:
                moved[node.output] = chain
                inside |= {part.output for part in (chain[0], *chain[1][:-1])}
        if not moved:
            return graph

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            (result, *_) = node.outputs
            if result in moved:
                names[result] = _hoisted(builder, node, *moved[result], names)
            elif result not in inside:
                copy_node(builder, node, names)

        return rebuild(graph, visit)


def _chain(graph: Graph, node: Node) -> tuple[Node, list[Node]] | None:
    """The arrangement that a quantizer follows, and all nodes behind it up to the quantizer."""
    if not isinstance(node.op, Quantize) or not is_uniform(node.op):
        return None
    producers = graph.producers()
    followers = [node]
    before = producers.get(node.inputs[0])
    while before is not None and isinstance(before.op, Activation | Affine) and is_uniform(before.op):
        followers.insert(0, before)
        before = producers.get(before.inputs[0])
    if before is None or not isinstance(before.op, Arrange) or len(before.inputs) < 2:
        return None
    parts = (before, *followers[:-1])
    if any(graph.only_reader(part.output) is None for part in parts):
        return None
    has_constants = before.op.used(tuple(graph.types[name].size for name in before.inputs))[-1]
    return None if has_constants and len(followers) > 1 else (before, followers)


def is_uniform(op: Quantize | Activation | Affine) -> bool:
    """Whether an operator does the same to every element."""
    if isinstance(op, Quantize):
        return op.scale.size == op.zero_point.size == 1
    constants = op.parameters if isinstance(op, Activation) else (op.multiplier, op.divisor, op.addend)
    return all(constant.size == 1 and constant.ndim <= 1 for constant in constants)


def _hoisted(builder: GraphBuilder, node: Node, arrange: Node, followers: list[Node], names: dict[str, str]) -> str:
    assert isinstance(arrange.op, Arrange)
    operands = []
    for i, name in enumerate(arrange.inputs):
        value = names[name]
        for follower in followers:
            value = builder.add(of_any_rank(follower.op), (value,), name=f"{follower.name}_{i}")
        operands.append(value)
    assert isinstance(node.op, Quantize)
    joined = replace(arrange.op, constants=_quantized(node.op, arrange.op.constants))
    return builder.add(joined, operands, name=arrange.name, outputs=node.outputs)


def of_any_rank(op: Operator) -> Operator:
    """A quantizer whose numbers fit tensors of any rank."""
    if not isinstance(op, Quantize):
        return op
    return replace(op, scale=op.scale.reshape(()), zero_point=op.zero_point.reshape(()))


def _quantized(op: Quantize, constants: FloatArray) -> FloatArray:
    """What a quantizer makes of constants, in exact arithmetic."""
    scale, zero = Fraction(float(op.scale.reshape(-1)[0])), Fraction(float(op.zero_point.reshape(-1)[0]))
    if op.bipolar:
        return np.where(constants >= 0, 1.0, -1.0) * float(scale)
    codes = [round_fraction(Fraction(float(c)) / scale + zero, op.rounding) for c in constants.reshape(-1)]
    reals = [float((min(max(code, op.low), op.high) - zero) * scale) for code in codes]
    return np.array(reals, np.float64).reshape(constants.shape)
