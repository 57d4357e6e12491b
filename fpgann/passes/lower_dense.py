# SPDX-License-Identifier: Apache-2.0
"""Dense layers: codes times codes, and a bias that is exact or joins the staircase behind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.ir import Constant, Encoding, Node
from fpgann.ir.ops.dense import Dense
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import integers
from fpgann.numerics.interval import CodeRange
from fpgann.passes.calibrate import least_error_type
from fpgann.passes.pending import Lowering, Pending, decoding
from fpgann.passes.tables import LOWERINGS


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
    if op.bias is None or not any(reals := op.bias.exact()):
        return None, None
    units = [x.scale_lsb()[0] * s for s in weight.scale_lsb()]
    ratios = [real / units[c % len(units)] for c, real in enumerate(reals)]
    if op.coded and any(ratio.denominator != 1 for ratio in ratios):
        return None, reals
    codes = integers(np.array([round(ratio) for ratio in ratios], dtype=object))
    hull = CodeRange(int(codes.min()), int(codes.max()))
    frac = x.fixed.frac + weight.fixed.frac
    scale = tuple(x.scale[0] * s for s in weight.scale)
    return Constant(codes, Encoding(FixedType.holding(hull, frac), hull, scale)), None
