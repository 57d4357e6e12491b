# SPDX-License-Identifier: Apache-2.0
"""From a graph of real numbers to a graph of integer codes.

What the model file quantizes is taken over exactly. What it leaves real is rounded to types of a plan. Element-wise
operators never become nodes: they wait as functions on codes until a quantizer turns them into one staircase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

import fpgann.passes.lower_dense
import fpgann.passes.lower_quantize  # noqa: F401  registers its handlers
from fpgann.errors import FpgannError, UnsupportedOperatorError
from fpgann.ir import Graph, Node
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics import steps as scalar
from fpgann.passes.calibrate import Plan, QuantizationPoint
from fpgann.passes.pending import Lowering
from fpgann.passes.tables import LOWERINGS, channel_axis, fractions


@dataclass(frozen=True, slots=True)
class QuantizeGraph:
    """Replace real numbers by codes.

    Args:
        plan: types of the values that the model file leaves unquantized, and the width of their weights.
    """

    plan: Plan

    def apply(self, graph: Graph) -> Graph:
        """The graph of codes.

        Raises:
            UnsupportedOperatorError: an operator has no integer form where it stands.
        """
        return _lower(graph, self.plan)[1]


def quantization_points(graph: Graph) -> list[QuantizationPoint]:
    """The real values for which a plan must give types."""
    return list(_lower(graph, None)[0].points.values())


def _lower(graph: Graph, plan: Plan | None) -> tuple[Lowering, Graph]:
    lowering = Lowering(graph, plan)
    for node in graph.nodes:
        handler = LOWERINGS.get(type(node.op))
        where = f"node '{node.name}' ({node.op.name})"
        if handler is None:
            hint = "only a softmax at the output is supported" if node.op.name == "softmax" else ""
            raise UnsupportedOperatorError("it has no integer form here", where=where, hint=hint)
        try:
            handler(lowering, node)
        except FpgannError as error:
            error.where = error.where or where
            raise
    outputs = {delivered: _deliver(lowering, name, delivered) for delivered, name in graph.outputs.items()}
    return lowering, lowering.builder.build(outputs)


def _deliver(lowering: Lowering, name: str, delivered: str) -> str:
    """The coded value of an output: as the model quantized it, else its exact accumulator, else planned."""
    pending = lowering.values[name]
    if lowering.is_codes(pending) and pending.exact:
        return pending.source
    line = pending.steps[0] if len(pending.steps) == 1 and not pending.raw else None
    if isinstance(line, scalar.Affine) and pending.exact and pending.axis == -1:
        return lowering.reinterpreted(pending.source, line, f"{delivered}_scaled")
    return lowering.codes_of(name, delivered)


@LOWERINGS.register(Affine)
def _affine(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Affine)
    x = lowering.graph.types[node.inputs[0]]
    if lowering.graph.types[node.output].shape != x.shape:
        raise UnsupportedOperatorError("constants that enlarge the tensor are not supported yet")
    axis = channel_axis((op.multiplier.shape, op.divisor.shape, op.addend.shape))
    channels = max(op.multiplier.size, op.divisor.size, op.addend.size)
    tops, bottoms, addends = (
        fractions(np.broadcast_to(c.reshape(-1), (channels,))) for c in (op.multiplier, op.divisor, op.addend)
    )
    scale = tuple(top / bottom for top, bottom in zip(tops, bottoms, strict=True))
    step = scalar.Affine(scale, addends)
    lowering.values[node.output] = lowering.values[node.inputs[0]].then(step, "affine", axis)


@LOWERINGS.register(BatchNormalization)
def _batch_normalization(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, BatchNormalization)
    epsilon = Fraction(op.epsilon)
    step = scalar.Normalize(
        fractions(op.gamma),
        fractions(op.beta),
        fractions(op.mean),
        tuple(v + epsilon for v in fractions(op.variance)),
    )
    axis = 1 - len(lowering.graph.types[node.inputs[0]].shape)
    lowering.values[node.output] = lowering.values[node.inputs[0]].then(step, "batch_normalization", axis)


@LOWERINGS.register(Activation)
def _activation(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Activation)
    before = lowering.values[node.inputs[0]]
    if op.function is Function.RELU:
        lowering.values[node.output] = before.then(scalar.Clip(Fraction(0), None), "relu")
        return
    after = before.then(scalar.Curve(op.function.value), op.function.value)
    if before.before_curve is None and not before.raw:
        after = replace(after, before_curve=(node.inputs[0], len(before.steps), len(before.absorbed)))
    lowering.values[node.output] = after


@LOWERINGS.register(Reshape)
def _reshape(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Reshape)
    old = lowering.graph.types[node.inputs[0]].shape

    def moved(axis: int) -> int | None:
        inner = prod(old[axis:]) // old[axis]
        matches = (a for a in range(-1, -len(op.shape) - 1, -1) if prod(op.shape[a:]) // op.shape[a] == inner)
        return next((a for a in matches if op.shape[a] == old[axis]), None)

    _move(lowering, node, moved)


@LOWERINGS.register(Transpose)
def _transpose(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Transpose)
    rank = len(op.permutation)
    _move(lowering, node, lambda axis: op.permutation.index(axis + rank) - rank)


def _move(lowering: Lowering, node: Node, moved: Callable[[int], int | None]) -> None:
    """Move codes to other places; pending functions come along with their channel axis."""
    pending = lowering.values[node.inputs[0]]
    several = any(step.channels > 1 for step in pending.steps)
    axis = moved(pending.axis) if several else -1
    if axis is None:
        raise UnsupportedOperatorError(
            "it tears apart the channels of a pending batch normalization or scale",
            hint="quantize before it, or use one scale for the whole tensor",
        )
    if pending.raw:
        lowering.values[node.output] = replace(pending, moves=(*pending.moves, node))
        return
    if not lowering.builder.type(pending.source).codes.per_tensor:
        raise UnsupportedOperatorError("codes with one scale per channel cannot be moved yet")
    source = lowering.builder.add(node.op, (pending.source,), name=node.name)
    lowering.values[node.output] = replace(pending, source=source, axis=axis)
