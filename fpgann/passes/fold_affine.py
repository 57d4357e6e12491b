# SPDX-License-Identifier: Apache-2.0
"""Fold batch normalization and constant scaling into neighbouring dense layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fpgann.ir import Constant, Graph, GraphBuilder, Node, Operator
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import FloatArray
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies


@dataclass(frozen=True, slots=True)
class FoldAffine:
    """Dense layers absorb what scales or shifts their input or output.

    Real weights absorb everything, in float64. Weights that the model file quantized absorb only an added
    constant, as bias; all else stays for the exact staircase that follows the accumulator.
    """

    def apply(self, graph: Graph) -> Graph:
        """Fold into the producing dense layer first, then into the consuming one."""
        return self._into_consumers(self._into_producers(within_bodies(graph, self.apply)))

    def _into_producers(self, graph: Graph) -> Graph:
        pending: dict[str, _Layer] = {}  # by the name of the new value

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            source = names[node.inputs[0]] if node.inputs else ""
            if isinstance(node.op, Dense):
                pending[node.output] = _Layer(source, node.name, node.op)
            elif source in pending and graph.only_reader(node.inputs[0]) is node:
                before, shape = pending[source], graph.types[node.inputs[0]].shape
                merged = before.then(node, shape)
                if merged is not None:
                    pending[node.output] = merged
                    merged.build(builder, node.output)
                    names[node.output] = node.output
                    return
            copy_node(builder, node, names)

        return rebuild(graph, visit)

    def _into_consumers(self, graph: Graph) -> Graph:
        before: dict[str, tuple[str, FloatArray, FloatArray]] = {}  # value -> (source, gain, shift)

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            copy_node(builder, node, names)
            if len(node.outputs) > 1:
                return
            reader = graph.only_reader(node.output)
            line = _as_line(node.op, graph.types[node.inputs[0]].shape) if node.inputs else None
            if line is not None and reader is not None and isinstance(reader.op, Dense | Windows):
                before[node.output] = (names[node.inputs[0]], *line)
            if node.inputs and node.inputs[0] in before:
                source, gain, shift = before[node.inputs[0]]
                if isinstance(node.op, Windows):
                    seen = _seen(node.op, graph, node, gain, shift)
                    if seen is not None:
                        before[node.output] = (builder.add(node.op, (source,), name=node.name), *seen)
                elif isinstance(node.op, Dense) and not node.op.coded:
                    names[node.output] = builder.add(_behind(node.op, gain, shift), (source,), name=node.name)

        return rebuild(graph, visit)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A dense layer that may still change, and what moves its results.

    Args:
        source: what it reads.
        name: of its node.
        op: the layer.
        moves: the nodes behind it, in order.
    """

    source: str
    name: str
    op: Dense
    moves: tuple[Node, ...] = ()

    def then(self, node: Node, shape: tuple[int, ...]) -> _Layer | None:
        """With what a node does to its result, of a given shape; None if it cannot."""
        if isinstance(node.op, Arrange | Reshape):
            fits = isinstance(node.op, Arrange) or node.op.shape[-1:] == shape[-1:]
            return replace(self, moves=(*self.moves, node)) if fits and len(node.inputs) == 1 else None
        line = _as_line(node.op, shape)
        columns = self.op.weight.data.shape[1]
        for move in reversed(self.moves):
            line = None if line is None else _before_move(move.op, columns, *line)
        merged = None if line is None else _after(self.op, node.op, *line)
        return None if merged is None else replace(self, op=merged)

    def build(self, builder: GraphBuilder, output: str) -> None:
        """Add it; `output` is its result."""
        nodes = [(self.op, self.name), *((move.op, move.name) for move in self.moves)]
        value = self.source
        for op, name in nodes[:-1]:
            value = builder.add(op, (value,), name=name)
        builder.add(nodes[-1][0], (value,), name=nodes[-1][1], outputs=(output,))


def _before_move(
    op: Operator, columns: int, gain: FloatArray, shift: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Gain and shift of each column of a layer whose results are moved; None if a column's elements differ."""
    if isinstance(op, Reshape):
        return gain, shift
    assert isinstance(op, Arrange)
    if op.constants.size or op.index.shape[-1:] != gain.shape:
        return None
    column = op.index.reshape(-1, gain.size) % columns
    before = np.ones(columns), np.zeros(columns)
    for numbers, spread in zip((gain, shift), before, strict=True):
        spread[column] = numbers
        if not np.array_equal(spread[column], np.broadcast_to(numbers, column.shape)):
            return None
    return before


def _seen(
    op: Windows, graph: Graph, node: Node, gain: FloatArray, shift: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Gain and shift of each element of a window; None where they do not hold for padded places, or others read it."""
    reader = graph.only_reader(node.output)
    if reader is None or not isinstance(reader.op, Dense) or reader.op.coded:
        return None
    padded = op.touches_padding(graph.types[node.inputs[0]].shape[1:-1])
    if padded and (op.fill != 0 or np.any(shift)):
        return None  # 0 stays 0 under a gain alone
    parts = (np.tile(numbers.reshape(op.groups, 1, -1), (1, op.taps, 1)).reshape(-1) for numbers in (gain, shift))
    return next(parts), next(parts)


def _behind(layer: Dense, gain: FloatArray, shift: FloatArray) -> Dense:
    """A dense layer on inputs that are scaled and shifted, as one on the inputs themselves."""
    weight = layer.weight.values
    rows, outputs = weight.shape
    group = np.repeat(np.arange(layer.groups), outputs // layer.groups)  # of each output
    gains, shifts = (numbers.reshape(layer.groups, rows)[group].T for numbers in (gain, shift))
    bias = (shifts * weight).sum(axis=0) + (0.0 if layer.bias is None else layer.bias.values)
    return replace(layer, weight=Constant(gains * weight), bias=Constant(bias))


def _after(layer: Dense, op: Operator, gain: FloatArray, shift: FloatArray) -> Dense | None:
    """A dense layer followed by `op`, which scales and shifts its outputs, as one dense layer."""
    if layer.coded:
        only_shift = isinstance(op, Affine) and bool(np.all(gain == 1)) and layer.bias is None
        return replace(layer, bias=Constant(shift)) if only_shift else None
    bias = shift if layer.bias is None else layer.bias.values * gain + shift
    return replace(layer, weight=Constant(layer.weight.values * gain), bias=Constant(bias))


def _as_line(op: Operator, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray] | None:
    """Gain and shift per element of the last axis, if that is all an operator does."""
    if not shape:
        return None
    if isinstance(op, BatchNormalization) and op.axis == len(shape) - 1:
        gain = op.gamma / np.sqrt(op.variance + op.epsilon)
        return gain, op.beta - op.mean * gain
    if isinstance(op, Affine):
        constants = (op.multiplier / op.divisor, op.addend)
        along_last = all(c.ndim <= len(shape) and c.size == (c.shape[-1] if c.ndim else 1) for c in constants)
        if along_last and all(c.size in (1, shape[-1]) for c in constants):  # else it repeats its operand
            gain, shift = (np.broadcast_to(c.reshape(-1), shape[-1:]).copy() for c in constants)
            return gain, shift
    return None
