# SPDX-License-Identifier: Apache-2.0
"""Scaling, shifting and batch normalization: they wait for the next staircase."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.ir import Node
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.numerics import steps as scalar
from fpgann.numerics.integers import FloatArray
from fpgann.passes.lower_moves import rearranged
from fpgann.passes.lowering import Lowering
from fpgann.passes.tables import LOWERINGS, fractions


@LOWERINGS.register(Affine)
def _affine(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Affine)
    (name,) = node.inputs
    old, new = lowering.graph.types[name].shape, lowering.graph.types[node.output].shape
    constants = (op.multiplier, op.divisor, op.addend)
    axes = {i - c.ndim for c in constants for i, size in enumerate(c.shape) if size > 1}
    pending = lowering.values[name]
    if old != new:
        index = np.broadcast_to(np.arange(int(np.prod(old))).reshape(old), new)
        pending = rearranged(lowering, name, index, f"{node.name}_expanded")
    if len(axes) > 1:
        pending, axis = lowering.flattened(pending, new), -1
        tops, bottoms, addends = (fractions(np.broadcast_to(c, new)) for c in constants)
    else:
        axis = axes.pop() if axes else -1
        channels = max(c.size for c in constants)
        tops, bottoms, addends = (fractions(_repeated(c, channels)) for c in constants)
    scale = tuple(top / bottom for top, bottom in zip(tops, bottoms, strict=True))
    step = scalar.Affine(scale, addends)
    if pending.flat and step.channels == int(np.prod(new)):
        lowering.values[node.output] = pending.then(step, "affine")
    else:
        lowering.values[node.output] = lowering.joined(pending, step, "affine", axis, new)


def _repeated(constants: FloatArray, channels: int) -> FloatArray:
    return np.broadcast_to(constants.reshape(-1), (channels,))


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
    axis = op.axis - len(lowering.graph.types[node.inputs[0]].shape)
    lowering.values[node.output] = lowering.then(node.inputs[0], step, "batch_normalization", axis)
