# SPDX-License-Identifier: Apache-2.0
"""Quantize before elements are moved or the greatest of them is chosen, not after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node, Operator
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.passes.hoist_quantize import is_uniform, of_any_rank
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies

_RISING = frozenset({Function.RELU, Function.CLIP, Function.SIGMOID, Function.TANH, Function.SOFTPLUS})


@dataclass(frozen=True, slots=True)
class QuantizeEarly:
    """quantize(max(x, y)) = max(quantize(x), quantize(y)), and quantize(move(x)) = move(quantize(x)).

    What waits in front of a quantizer differs from channel to channel as a rule. Elements that have moved, or of which
    one has been chosen, belong to no channel any more, and an accumulator has more bits to move than a code.
    Functions of each element between the two go along, if they never fall.
    """

    def apply(self, graph: Graph) -> Graph:
        """Every quantizer moves up as far as it can, unless it reads codes that exist already."""
        graph = within_bodies(graph, self.apply)
        chains = {node.output: chain for node in graph.nodes if (chain := _chain(graph, node)) is not None}
        inside = {part.output for chain in chains.values() for part in (*chain.moves, *chain.functions)}
        if not chains:
            return graph

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            if len(node.outputs) == 1 and node.output in chains:
                _build(builder, chains[node.output], names, node)
            elif not inside.intersection(node.outputs):
                copy_node(builder, node, names)

        return rebuild(graph, visit)


@dataclass(frozen=True, slots=True)
class _Chain:
    """What leads to a quantizer.

    Args:
        source: the value that is moved.
        moves: operators that move elements or choose the greatest, in order.
        functions: functions of each element, among them or behind, in order; the last is the quantizer.
    """

    source: str
    moves: tuple[Node, ...]
    functions: tuple[Node, ...]


def _chain(graph: Graph, node: Node) -> _Chain | None:
    """The longest chain that ends in a quantizer; None if no quantizer, or if there is nothing to gain."""
    if not isinstance(node.op, Quantize) or not is_uniform(node.op):
        return None
    producers = graph.producers()
    moves: list[Node] = []
    functions: list[Node] = [node]
    value = source = node.inputs[0]
    passed: list[Node] = []  # functions that have no move in front of them so far
    while (before := producers.get(value)) is not None and graph.only_reader(value) is not None:
        if isinstance(before.op, Activation | Affine) and is_uniform(before.op) and _is_rising(before.op):
            passed.insert(0, before)
        elif _moves(before) or _chooses(before.op):
            moves.insert(0, before)
            functions, passed = passed + functions, []
            source = before.inputs[0]
        else:
            break
        value = before.inputs[0]
    if not moves or _are_codes(graph, producers, source):
        return None
    return _Chain(source, tuple(moves), tuple(functions))


def _moves(node: Node) -> bool:
    """Whether an operator only brings elements of one operand to other places, some perhaps to several."""
    if isinstance(node.op, Arrange):
        return len(node.inputs) == 1 and node.op.constants.size == 0
    return isinstance(node.op, Reshape | Transpose) or (isinstance(node.op, Windows) and node.op.fill == -np.inf)


def _chooses(op: Operator) -> bool:
    return isinstance(op, Reduce) and op.reduction is not Reduction.SUM


def _is_rising(op: Activation | Affine) -> bool:
    """Whether greater elements never have smaller results; an operator that is uniform."""
    if isinstance(op, Activation):
        return op.function in _RISING
    return bool(np.all(op.multiplier / op.divisor > 0))


def _are_codes(graph: Graph, producers: dict[str, Node], value: str) -> bool:
    """Whether a value is quantized already, but for uniform functions, or comes from outside."""
    inputs = {port.name for port in graph.inputs}
    while value not in inputs:
        node = producers[value]
        if isinstance(node.op, Quantize):
            return True
        is_function = isinstance(node.op, Activation | Affine) and is_uniform(node.op)
        if not (is_function or _moves(node) or _chooses(node.op)):
            return False
        value = node.inputs[0]
    return True


def _build(builder: GraphBuilder, chain: _Chain, names: dict[str, str], node: Node) -> None:
    value = names[chain.source]
    for function in chain.functions:
        early = (f"{function.outputs[0]}_early",)
        value = builder.add(of_any_rank(function.op), (value,), name=function.name, outputs=early)
    for move in chain.moves[:-1]:
        value = builder.add(move.op, (value,), name=move.name)
    last = chain.moves[-1]
    builder.add(last.op, (value,), name=last.name, outputs=node.outputs)
    names[node.output] = node.output
