# SPDX-License-Identifier: Apache-2.0
"""Element-wise functions: they wait, as steps, for the next staircase."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpgann.ir import Node
from fpgann.ir.ops.activation import Activation, Function
from fpgann.numerics import steps as scalar
from fpgann.numerics.functions import TABLE
from fpgann.numerics.integers import FloatArray
from fpgann.passes.lowering import Lowering
from fpgann.passes.pending import BeforeCurve
from fpgann.passes.tables import LOWERINGS, fractions, limits_of


@LOWERINGS.register(Activation)
def _activation(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Activation)
    (name,) = node.inputs
    shape, before = lowering.graph.types[name].shape, lowering.values[name]
    axes = {i - p.ndim for p in op.parameters for i, size in enumerate(p.shape) if size > 1}
    parameters, axis = op.parameters, axes.pop() if len(axes) == 1 else -1
    if axes:  # parameters vary along several axes: every element is a channel
        before = lowering.flattened(before, shape)
        parameters = tuple(p if p.size == 1 else np.broadcast_to(p, shape) for p in parameters)
    after = before
    for step in _steps(op, parameters):
        if after.flat and step.channels == int(np.prod(shape)):
            after = after.then(step, "")
        else:
            after = lowering.joined(after, step, "", axis, shape)
    after = replace(after, absorbed=(*after.absorbed, op.function.value))
    definition = TABLE[op.function]
    if before.before_curve is None and not before.raw and not (definition.is_lines or definition.is_steps):
        mark = BeforeCurve(name, node.output, len(before.steps), len(before.absorbed))
        after = replace(after, before_curve=mark)
    lowering.values[node.output] = after


def _steps(op: Activation, parameters: tuple[FloatArray, ...]) -> tuple[scalar.Step, ...]:
    """A function as steps; what is a line that is cut off becomes just that, so that it joins other lines."""
    if (limits := limits_of(op)) is not None:
        return () if limits == scalar.Clip(None, None) else (limits,)
    numbers = tuple(fractions(p) for p in parameters)
    if op.function is Function.HARD_SIGMOID:
        zero, one = fractions(np.array([0.0, 1.0]))
        return scalar.Affine(numbers[0], numbers[1]), scalar.Clip(zero, one)
    return (scalar.Curve(op.function.value, numbers),)
