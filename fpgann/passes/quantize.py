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

from fpgann.dispatch import StageTable
from fpgann.errors import FpgannError, UnsupportedOperatorError
from fpgann.ir import Constant, Encoding, Graph, Node
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import FloatArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder
from fpgann.passes.calibrate import Plan, QuantizationPoint, least_error_type
from fpgann.passes.pending import Lowering, Pending, decoding

LOWERINGS: StageTable[Callable[[Lowering, Node], None]] = StageTable("quantization")


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


def _fractions(array: FloatArray) -> tuple[Fraction, ...]:
    return tuple(Fraction(float(v)) for v in array.reshape(-1))


def _channel_axis(shapes: tuple[tuple[int, ...], ...]) -> int:
    """The one axis, counted from the end, along which constants vary; -1 if they are all scalars."""
    axes = {i - len(shape) for shape in shapes for i, size in enumerate(shape) if size > 1}
    if len(axes) > 1:
        raise UnsupportedOperatorError("constants that vary along several axes cannot join a staircase yet")
    return axes.pop() if axes else -1


@LOWERINGS.register(Affine)
def _affine(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Affine)
    x = lowering.graph.types[node.inputs[0]]
    if lowering.graph.types[node.output].shape != x.shape:
        raise UnsupportedOperatorError("constants that enlarge the tensor are not supported yet")
    axis = _channel_axis((op.multiplier.shape, op.divisor.shape, op.addend.shape))
    channels = max(op.multiplier.size, op.divisor.size, op.addend.size)
    tops, bottoms, addends = (
        _fractions(np.broadcast_to(c.reshape(-1), (channels,))) for c in (op.multiplier, op.divisor, op.addend)
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
        _fractions(op.gamma),
        _fractions(op.beta),
        _fractions(op.mean),
        tuple(v + epsilon for v in _fractions(op.variance)),
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


@LOWERINGS.register(Quantize)
def _quantize(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Quantize)
    axis = _channel_axis((op.scale.shape, op.zero_point.shape))
    channels = max(op.scale.size, op.zero_point.size)
    scales, zeros = (_fractions(np.broadcast_to(c.reshape(-1), (channels,))) for c in (op.scale, op.zero_point))
    if op.bipolar:
        # codes 1 and 0 for y >= 0 and y < 0: floor(y / scale) + 1, clamped
        target = Encoding(
            FixedType(False, 1, 0), CodeRange(0, 1), tuple(2 * s for s in scales), tuple(-s for s in scales), axis
        )
        scaling = scalar.Affine(tuple(1 / s for s in scales), (Fraction(1),))
        rounder = Rounder(Rounding.TRN, 0, 1)
    else:
        target = replace(_grid(scales, zeros, CodeRange(op.low, op.high)), axis=axis)
        scaling = scalar.Affine(tuple(1 / s for s in scales), zeros)
        rounder = Rounder(op.rounding, op.low, op.high)
    lowering.requantize(lowering.values[node.inputs[0]], node.output, target, scaling, rounder, node.name, axis)


def _grid(scales: tuple[Fraction, ...], zeros: tuple[Fraction, ...], codes: CodeRange) -> Encoding:
    """The encoding of a quantizer: plain fixed point where its scale is a power of two, scaled codes else."""
    first = scales[0]
    power = first.numerator.bit_length() - first.denominator.bit_length()
    offsets = tuple(-z * s for z, s in zip(zeros, scales, strict=True))
    offset = offsets if any(offsets) else (Fraction(0),)
    if all(s == first for s in scales) and first == Fraction(2) ** power:
        return Encoding(FixedType.holding(codes, -power), codes, offset=offset if len(set(offset)) > 1 else offset[:1])
    scale = scales if len(set(scales)) > 1 else scales[:1]
    return Encoding(FixedType.holding(codes, 0), codes, scale, offset if len(set(offset)) > 1 else offset[:1])


@LOWERINGS.register(Dense)
def _dense(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Dense)
    source = lowering.codes_of(node.inputs[0], f"{node.name}_input")
    x = lowering.builder.type(source).codes
    weight = op.weight
    if not op.coded:
        width = 16 if lowering.plan is None else lowering.plan.weight_bits
        fixed = least_error_type(op.weight.data.reshape(-1), width, signed=True)
        codes = fixed.encode(op.weight.data)
        hull = CodeRange(int(codes.min()), int(codes.max()))
        weight = Constant(codes, Encoding(fixed, hull))
    assert weight.encoding is not None
    bias, shift = _bias(op, x, weight.encoding)
    layer = Dense(weight, bias)
    accumulator = lowering.builder.add(layer, (source,), name=node.name)
    pending = Pending(accumulator, (decoding(lowering.builder.type(accumulator).codes),), exact=op.coded)
    if shift is not None:
        pending = pending.then(scalar.Affine((Fraction(1),), shift), "bias")
    lowering.values[node.output] = pending


def _bias(op: Dense, x: Encoding, weight: Encoding) -> tuple[Constant | None, tuple[Fraction, ...] | None]:
    """The bias in accumulator units if it is a whole number of them (or may be rounded), else as real shifts."""
    if op.bias is None or not np.any(op.bias.values):
        return None, None
    units = [x.scale_lsb()[0] * s for s in weight.scale_lsb()]
    reals = _fractions(op.bias.values)
    ratios = [real / units[c % len(units)] for c, real in enumerate(reals)]
    if op.coded and any(ratio.denominator != 1 for ratio in ratios):
        return None, reals
    codes = integers(np.array([round(ratio) for ratio in ratios], dtype=object))
    hull = CodeRange(int(codes.min()), int(codes.max()))
    frac = x.fixed.frac + weight.fixed.frac
    scale = tuple(x.scale[0] * s for s in weight.scale)
    return Constant(codes, Encoding(FixedType.holding(hull, frac), hull, scale)), None


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
