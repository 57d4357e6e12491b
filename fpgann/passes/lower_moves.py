# SPDX-License-Identifier: Apache-2.0
"""Operators that only move elements: functions that wait come along, each with its channels."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from fpgann.errors import UnsupportedOperatorError
from fpgann.ir import Encoding, Node, Operator
from fpgann.ir.alignment import Alignment, common_unit, of_unit
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics import steps as scalar
from fpgann.numerics.integers import FloatArray, IntArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding, round_fraction
from fpgann.passes.calibrate import QuantizationPoint
from fpgann.passes.channels import channels_along, spread
from fpgann.passes.lower_operands import aligned_operands, deliver
from fpgann.passes.lowering import Lowering
from fpgann.passes.pending import Pending
from fpgann.passes.tables import LOWERINGS, fractions

_EXACT_CONSTANT_BITS = 12  # constants of a float model that need no more bits than that are not rounded


@LOWERINGS.register(Reshape)
def _reshape(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Reshape)
    old = lowering.graph.types[node.inputs[0]].shape
    pending = lowering.values[node.inputs[0]]
    if pending.flat:
        lowering.values[node.output] = pending
        return

    def moved(axis: int) -> int | None:
        inner = prod(old[axis:]) // old[axis]
        matches = (a for a in range(-1, -len(op.shape) - 1, -1) if prod(op.shape[a:]) // op.shape[a] == inner)
        return next((a for a in matches if op.shape[a] == old[axis]), None)

    _move(lowering, node, moved(pending.axis) if _several(pending) else -1, np.arange(prod(old)))


@LOWERINGS.register(Transpose)
def _transpose(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Transpose)
    old, rank = lowering.graph.types[node.inputs[0]].shape, len(op.permutation)
    pending = lowering.values[node.inputs[0]]
    axis = op.permutation.index(pending.axis + rank) - rank if _several(pending) and not pending.flat else -1
    _move(lowering, node, axis, np.arange(prod(old)).reshape(old).transpose(op.permutation))


def _several(pending: Pending) -> bool:
    return any(step.channels > 1 for step in pending.steps)


def _move(lowering: Lowering, node: Node, axis: int | None, index: IntArray) -> None:
    """Move codes by the operator itself; functions that wait keep a channel axis, or each element is one.

    Args:
        lowering: the state.
        node: a reshape or transpose.
        axis: where the channel axis comes to lie; None where it is torn apart.
        index: element i of the result is element index[i].
    """
    name = node.inputs[0]
    pending = _unmoved(lowering, name)
    if pending.raw:
        if axis is None:
            raise UnsupportedOperatorError(
                "it tears apart the channels of a scale at the model's input",
                hint="quantize before it, or use one scale for the whole tensor",
            )
        lowering.values[node.output] = replace(pending, moves=(*pending.moves, node))
    elif axis is None or (pending.flat and not isinstance(node.op, Reshape)):
        lowering.values[node.output] = rearranged(lowering, name, index, node.name)
    else:
        source = lowering.builder.add(node.op, (lowering.per_tensor(pending.source),), name=node.name)
        lowering.values[node.output] = replace(pending, source=source, axis=axis)


def rearranged(lowering: Lowering, name: str, index: IntArray, node: str) -> Pending:
    """A value whose element i is element index[i] of another, with all that waits.

    Args:
        lowering: the state.
        name: the other value.
        index: positions in row-major order, in the shape of the result.
        node: name for the node.
    """
    pending, shape = _unmoved(lowering, name), lowering.graph.types[name].shape
    if not _several(pending):
        source = lowering.builder.add(_moving(index), (pending.source,), name=node)
        return replace(pending, source=source)
    channels = np.array(range(prod(shape)) if pending.flat else channels_along(shape, pending.axis))
    if (last := _last_axis(pending, channels, index)) is not None:
        source = lowering.builder.add(_moving(index), (lowering.per_tensor(pending.source),), name=node)
        steps = tuple(spread(step, last) for step in pending.steps)
        return replace(pending, source=source, steps=steps, axis=-1, flat=False)
    flat = index.reshape(1, -1)
    source = lowering.builder.add(_moving(flat), (lowering.per_tensor(pending.source),), name=node)
    steps = tuple(spread(step, channels[flat[0]].tolist()) for step in pending.steps)
    return replace(pending, source=source, steps=steps, axis=-1, flat=True)


def _last_axis(pending: Pending, channels: IntArray, index: IntArray) -> list[int] | None:
    """The channel of each element along the last axis of the result, if it is the same at all positions.

    Channels with the same numbers count as one: phases that interleave have one bias.
    """
    if pending.flat or index.ndim < 2 or index.shape[-1] == 1:
        return None
    first: dict[tuple[scalar.Step, ...], int] = {}
    alike = [
        first.setdefault(tuple(spread(step, (channel,)) for step in pending.steps), channel)
        for channel in range(int(channels.max()) + 1)
    ]
    seen = np.array(alike)[channels[index]].reshape(-1, index.shape[-1])
    return seen[0].tolist() if np.all(seen == seen[0]) else None


def _unmoved(lowering: Lowering, name: str) -> Pending:
    """A value about to be moved; arguments of functions are rounded where they are, not where they come to lie."""
    producer = lowering.graph.producers().get(name)
    lowering.values[name] = lowering.settled(lowering.values[name], name if producer is None else producer.name)
    return lowering.values[name]


def _moving(index: IntArray) -> Operator:
    one, none = np.ones((), np.int64), np.zeros((), np.int64)
    return Arrange(index, np.zeros(0, np.int64), Alignment((one,), (none,)))


@LOWERINGS.register(Arrange)
def _arrange(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Arrange)
    used = op.used(tuple(lowering.graph.types[name].size for name in node.inputs))
    if len(node.inputs) == 1 and not used[-1] and not lowering.values[node.inputs[0]].raw:
        lowering.values[node.output] = rearranged(lowering, node.inputs[0], op.index, node.name)
        return
    constants, unit = _constants(lowering, node, op.constants) if used[-1] else ((), None)
    sources, aligned = aligned_operands(lowering, node, node.inputs, extra=() if unit is None else (unit,))
    codes = integers(np.array([_code(c, aligned.unit, aligned.offset) for c in constants], dtype=object))
    padded = codes if used[-1] else np.zeros(op.constants.size, np.int64)
    deliver(lowering, node, Arrange(op.index, padded, aligned.alignment, op.kind), sources)


def _code(constant: Fraction, unit: Fraction, offset: Fraction) -> int:
    return round_fraction((constant - offset) / unit, Rounding.RND_CONV)


def _constants(lowering: Lowering, node: Node, constants: FloatArray) -> tuple[tuple[Fraction, ...], Encoding | None]:
    """Constants as the codes will hold them, and an encoding that holds them exactly.

    A quantized model means its constants exactly; in a float model those of many bits are rounded to the planned
    type of the value.
    """
    numbers = fractions(constants)
    if not any(numbers):
        return numbers, None
    unit = common_unit([number for number in numbers if number])
    widest = max(abs(number) for number in numbers) / unit
    if not lowering.defined and widest.numerator.bit_length() > _EXACT_CONSTANT_BITS:
        precision = lowering.type_of(QuantizationPoint(node.output, signed=True))
        unit = precision.fixed.lsb
        codes = [round_fraction(number / unit, precision.rounding) for number in numbers]
        bounds = precision.fixed.range
        numbers = tuple(min(max(code, bounds.low), bounds.high) * unit for code in codes)
    codes_range = [int(number / unit) for number in numbers]
    return numbers, of_unit(unit, CodeRange(min(codes_range), max(codes_range)))
