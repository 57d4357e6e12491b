# SPDX-License-Identifier: Apache-2.0
"""Fold batch normalization and constant scaling into neighbouring dense layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fpgann.ir import Constant, Graph, GraphBuilder, Node, Operator
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
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
        pending: dict[str, tuple[str, str, Dense]] = {}  # new value -> (its input, node name, layer)

        def visit(builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
            source = names[node.inputs[0]] if node.inputs else ""
            if isinstance(node.op, Dense):
                pending[node.output] = (source, node.name, node.op)
            elif source in pending and graph.only_reader(node.inputs[0]) is node:
                x, name, layer = pending[source]
                merged = _after(layer, node.op, graph.types[node.inputs[0]].shape)
                if merged is not None:
                    builder.add(merged, (x,), name=name, outputs=node.outputs)
                    pending[node.output] = (x, name, merged)
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
            if line is not None and reader is not None and isinstance(reader.op, Dense) and not reader.op.coded:
                before[node.output] = (names[node.inputs[0]], *line)
            if isinstance(node.op, Dense) and node.inputs[0] in before:
                source, gain, shift = before[node.inputs[0]]
                weight = node.op.weight.values
                bias = shift @ weight + (0.0 if node.op.bias is None else node.op.bias.values)
                layer = Dense(Constant(gain[:, None] * weight), Constant(bias))
                names[node.output] = builder.add(layer, (source,), name=node.name)

        return rebuild(graph, visit)


def _after(layer: Dense, op: Operator, shape: tuple[int, ...]) -> Dense | None:
    """A dense layer followed by `op`, as one dense layer."""
    line = _as_line(op, shape)
    if line is None:
        return None
    gain, shift = line
    if layer.coded:
        only_shift = isinstance(op, Affine) and bool(np.all(gain == 1)) and layer.bias is None
        return replace(layer, bias=Constant(shift)) if only_shift else None
    bias = shift if layer.bias is None else layer.bias.values * gain + shift
    return Dense(Constant(layer.weight.values * gain), Constant(bias))


def _as_line(op: Operator, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray] | None:
    """Gain and shift per element of the last axis, if that is all an operator does."""
    if not shape:
        return None
    if isinstance(op, BatchNormalization) and len(shape) == 2:
        gain = op.gamma / np.sqrt(op.variance + op.epsilon)
        return gain, op.beta - op.mean * gain
    if isinstance(op, Affine):
        constants = (op.multiplier / op.divisor, op.addend)
        if all(c.ndim <= len(shape) and c.size == (c.shape[-1] if c.ndim else 1) for c in constants):
            gain, shift = (np.broadcast_to(c.reshape(-1), shape[-1:]).copy() for c in constants)
            return gain, shift
    return None
