# SPDX-License-Identifier: Apache-2.0
"""Quantizers of the model file: exactly the codes that they define."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from fpgann.ir import Encoding, Graph, Node
from fpgann.ir.ops.activation import Activation
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder
from fpgann.passes.lines import clipped_line, decoding
from fpgann.passes.lowering import Lowering
from fpgann.passes.tables import LOWERINGS, channel_axis, fractions, limits_of


@LOWERINGS.register(Quantize)
def _quantize(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Quantize)
    axis = channel_axis((op.scale.shape, op.zero_point.shape))
    channels = max(op.scale.size, op.zero_point.size)
    scales, zeros = (fractions(np.broadcast_to(c.reshape(-1), (channels,))) for c in (op.scale, op.zero_point))
    if op.bipolar:
        # codes 1 and 0 for y >= 0 and y < 0: floor(y / scale) + 1, clamped
        target = Encoding(
            FixedType(False, 1, 0), CodeRange(0, 1), tuple(2 * s for s in scales), tuple(-s for s in scales), axis
        )
        scaling = scalar.Affine(tuple(1 / s for s in scales), (Fraction(1),))
        rounder = Rounder(Rounding.TRN, 0, 1)
    else:
        grid = _grid(scales, zeros, CodeRange(op.low, op.high))
        # integers that the host hands over stay what they are
        handed_over = lowering.values[node.inputs[0]].raw and op.keeps_integers
        codes = grid.range if handed_over else _kept(lowering.graph, node.output, grid)
        target = replace(_grid(scales, zeros, codes), axis=axis)
        scaling = scalar.Affine(tuple(1 / s for s in scales), zeros)
        rounder = Rounder(op.rounding, codes.low, codes.high)
    lowering.requantize(lowering.values[node.inputs[0]], node.output, target, scaling, rounder, node.name, axis)


def _kept(graph: Graph, name: str, encoding: Encoding) -> CodeRange:
    """The codes of a quantizer that are left of it if its only readers clip them at once.

    Brevitas writes a narrow quantizer as a wide one with Clip behind; a ReLU behind a quantizer is the same.
    """
    steps: tuple[scalar.Step, ...] = (decoding(encoding),)
    kept = encoding.range
    while (node := graph.only_reader(name)) is not None and isinstance(node.op, Affine | Activation):
        if isinstance(node.op, Affine) and node.op.multiplier.size == node.op.divisor.size == node.op.addend.size == 1:
            (top,), (bottom,), (addend,) = map(fractions, (node.op.multiplier, node.op.divisor, node.op.addend))
            steps = (*steps, scalar.Affine((top / bottom,), (addend,)))
        elif isinstance(node.op, Activation) and (limits := limits_of(node.op)) is not None:
            steps = (*steps, limits)
        else:
            break
        found = clipped_line(steps, encoding.range)
        if found is None:
            break
        kept, name = found[1], node.output
    return kept


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
