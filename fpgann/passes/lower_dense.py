# SPDX-License-Identifier: Apache-2.0
"""Dense layers: codes times codes, and a bias that is exact or joins the staircase behind."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from fpgann.errors import FormatError, UnsupportedOperatorError
from fpgann.ir import Constant, Encoding, Node
from fpgann.ir.ops.dense import Dense
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import FloatArray, integers, matmul
from fpgann.numerics.interval import CodeRange
from fpgann.passes.calibrate import LoadableTypes, least_error_type
from fpgann.passes.lines import decoding
from fpgann.passes.lowering import Lowering
from fpgann.passes.pending import Pending
from fpgann.passes.tables import LOWERINGS


@LOWERINGS.register(Dense)
def _dense(lowering: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Dense)
    source = lowering.codes_of(node.inputs[0], f"{node.name}_input")
    x = lowering.builder.type(source).codes
    weight = op.weight
    types = None if lowering.plan is None else lowering.plan.loadable.get(node.name)
    if not op.coded:
        width = 16 if lowering.plan is None else lowering.plan.weight_bits
        weight = _rounded(op.weight.data, width) if types is None else _rounded_to_load(op.weight.data, width, types)
    assert weight.encoding is not None
    bias, shift = _bias(op, x, weight.encoding)
    layer = Dense(weight, bias) if types is None else _loadable(weight, bias, x, types)
    layer = replace(layer, groups=op.groups)
    accumulator = lowering.builder.add(layer, (source,), name=node.name)
    pending = Pending(accumulator, (decoding(lowering.builder.type(accumulator).codes),), exact=op.coded)
    if shift is not None:
        pending = pending.then(scalar.Affine((Fraction(1),), shift), "bias")
    lowering.values[node.output] = pending


def _rounded(values: FloatArray, width_bits: int) -> Constant:
    """Real weights as codes of the type that fits them best."""
    fixed = least_error_type(values.reshape(-1), width_bits, signed=True)
    codes = fixed.encode(values)
    return Constant(codes, Encoding(fixed, CodeRange(int(codes.min()), int(codes.max()))))


def _rounded_to_load(values: FloatArray, width_bits: int, types: LoadableTypes) -> Constant:
    """Real weights as codes of the type that is given, or of one with room for twice as large ones.

    Raises:
        FormatError: a weight lies outside the type that is given.
    """
    fixed = types.weight
    if fixed is None:
        fitted = least_error_type(values.reshape(-1), width_bits, signed=True)
        fixed = replace(fitted, frac=fitted.frac - 1)
        return Constant(fixed.encode(values), Encoding.of(fixed))
    codes = fixed.encode(values)
    beyond = np.abs(fixed.decode(codes) - values) > float(fixed.lsb)
    if np.any(beyond):
        raise FormatError(
            f"a weight of {values[beyond][0]:.6g} lies outside {fixed}, the type that the hardware has",
            hint="compile the new model, or keep its weights smaller while training",
        )
    return Constant(codes, Encoding.of(fixed))


def _loadable(weight: Constant, bias: Constant | None, x: Encoding, types: LoadableTypes) -> Dense:
    """A layer that takes any weights and biases of its types.

    The type of the weights is signed. That of the biases, unless it is given, holds all sums of products, beyond
    which a bias would leave nothing of them.

    Raises:
        UnsupportedOperatorError: the input's offset is no whole number of codes, so the bias cannot hold it.
        FormatError: a bias lies outside the type that is given.
    """
    assert weight.encoding is not None
    fixed = weight.encoding.fixed
    codes = FixedType(True, fixed.width + (not fixed.signed), fixed.frac).range
    encoding = replace(weight.encoding, fixed=FixedType.holding(codes, fixed.frac), range=codes)
    weight = replace(weight, encoding=encoding)
    biases = np.zeros(weight.data.shape[1], np.int64) if bias is None else bias.data
    if x.offset[0]:
        zero = x.offset[0] / x.scale_lsb()[0]
        if zero.denominator != 1:
            hint = "quantize its input with a whole zero point, or leave its weights constant"
            raise UnsupportedOperatorError("its weights cannot be loaded: the zero of its input is no code", hint=hint)
        sums = matmul(np.ones(weight.data.shape[0], np.int64), weight.data)
        biases = integers(biases.astype(object) + int(zero) * sums.astype(object))
    products = x.range.times(codes).scaled(weight.data.shape[0])
    hull = CodeRange(min(products.low, int(biases.min()), -1), max(products.high, int(biases.max())))
    frac = x.fixed.frac + fixed.frac
    wanted = types.bias or FixedType.holding(hull, frac)
    outside = [int(b) for b in biases if int(b) not in wanted.range]
    if outside:
        raise FormatError(
            f"a bias of {outside[0]} accumulator units lies outside the {wanted.width} bits that the hardware has",
            hint="compile the new model",
        )
    scale = tuple(x.scale[0] * s for s in encoding.scale)
    return Dense(weight, Constant(biases, Encoding(wanted, wanted.range, scale)), loadable=True)


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
