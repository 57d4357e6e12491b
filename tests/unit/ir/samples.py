# SPDX-License-Identifier: Apache-2.0
"""Graphs and types for the tests of the graph's modules."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fpgann.errors import ModelError
from fpgann.ir import Constant, Encoding, Graph, GraphBuilder, Operator, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.softmax import Softmax
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.numerics import steps
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap

F = Fraction
BYTE, NIBBLE = FixedType(True, 8, 4), FixedType(False, 4, 4)
CODES = TensorType((1, 3), Encoding.of(BYTE))
REALS = TensorType((1, 3))
PER_CHANNEL = TensorType((1, 3), Encoding(BYTE, BYTE.range, scale=(F(1), F(2), F(1, 3))))
QUANTIZER = ScalarMap((steps.Affine((F(16),), (F(0),)),), Rounder(Rounding.RND, -128, 127))


def staircase(*more: steps.Step, low: int = 0, high: int = 15, mode: Rounding = Rounding.RND) -> ScalarMap:
    """A map from the codes of BYTE to those of NIBBLE."""
    return ScalarMap((steps.Affine((F(1, 16),), (F(0),)), *more), Rounder(mode, low, high))


def spread(*shape: int) -> np.ndarray:
    """Integers from 0 to 996 that look random; no generator, whose numbers may differ between versions of numpy."""
    return (np.arange(1, np.prod(shape) + 1) ** 3 * 31 % 997).reshape(shape)


def small_network() -> Graph:
    """Codes in, two layers with everything that a layer may hold, codes out."""
    build = GraphBuilder("small network")
    x = build.input("x", CODES, QUANTIZER)
    weight = Constant(spread(3, 4) % 16 - 8, Encoding.of(FixedType(True, 4, 2)))
    bias = Constant(spread(4) % 199 - 99, Encoding.of(FixedType(True, 8, 6)))
    hidden = build.add(Dense(weight, bias), [x], name="layers/0:dense")
    normalize = steps.Normalize(*(tuple(F(int(n) % 9 + 1, 3) for n in row) for row in spread(4, 4)))
    maps = staircase(normalize, steps.Clip(F(0), None), steps.Curve("sigmoid"), mode=Rounding.RND_CONV)
    target = Encoding.of(NIBBLE)
    hidden = build.add(Requantize(maps, target, function="batch_normalization, sigmoid"), [hidden], name="act")
    hidden = build.add(Reshape((1, 2, 2)), [hidden], name="act")
    hidden = build.add(Transpose((0, 2, 1)), [hidden], name="größer")
    wide = Constant(np.array([[2**70, 1], [-3, 5]], object), Encoding.of(FixedType(True, 72, 0)))
    y = build.add(Dense(wide), [hidden], name="wide")
    y = build.add(Reinterpret((F(1, 3), F(2, 7)), (F(0), F(-1, 2))), [y], name="scaled")
    return build.build({"y": y, "hidden": "act"})


def real_network() -> Graph:
    """Real numbers, with every operator that takes them."""
    build = GraphBuilder("real")
    x = build.input("x", REALS)
    grid = Quantize(np.array(0.5), np.array(0.0), -8, 7, Rounding.RND_CONV)
    y = build.add(grid, [x], name="q")
    y = build.add(Dense(Constant(spread(3, 4) / 300 - 1), Constant(spread(4) / 700)), [y], name="fc")
    y = build.add(BatchNormalization(*(spread(4, 4) / 100 + 0.1), 1e-5), [y], name="bn")
    y = build.add(Activation(Function.TANH), [y], name="tanh")
    y = build.add(Affine(np.array(2.0), np.array([[1.0, 2.0, 3.0, 4.0]]), np.array(-0.1)), [y], name="affine")
    y = build.add(Softmax(), [y], name="softmax")
    return build.build({"probabilities": y})


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal in all that counts: classes, fields, array types and contents, order of keys."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a) if f.compare)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return [*a] == [*b] and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


fractions = st.builds(Fraction, st.integers(-(10**6), 10**6), st.integers(1, 1000))
positives = st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 1000))
reals = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(max_size=5)


@st.composite
def encodings(draw: st.DrawFn, channels: int = 1) -> Encoding:
    """A type, a range within it, and how the codes stand for numbers."""
    fixed = FixedType(draw(st.booleans()), draw(st.integers(1, 12)), draw(st.integers(-5, 90)))
    ends = st.integers(fixed.range.low, fixed.range.high)
    low, high = sorted((draw(ends), draw(ends)))
    count = draw(st.sampled_from([1, channels]))
    scale = tuple(draw(positives) for _ in range(count))
    offset = tuple(draw(fractions) for _ in range(draw(st.sampled_from([1, channels]))))
    return Encoding(fixed, CodeRange(low, high), scale, offset)


@st.composite
def codes(draw: st.DrawFn, shape: tuple[int, ...], encoding: Encoding) -> Constant:
    """Constant codes, as int64 or as Python integers."""
    values = [draw(st.integers(encoding.range.low, encoding.range.high)) for _ in range(int(np.prod(shape)))]
    return Constant(np.array(values, draw(st.sampled_from([np.int64, object]))).reshape(shape), encoding)


def real_arrays(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    """Real constants."""
    return np.array([draw(reals) for _ in range(int(np.prod(shape)))], np.float64).reshape(shape)


@st.composite
def operators(draw: st.DrawFn, operand: TensorType) -> Operator:
    """Any operator with any attributes; it may refuse the operand."""
    inner = operand.shape[-1] if operand.shape else 1
    outer = draw(st.integers(1, 3))
    one = st.builds(np.array, reals)
    kind = draw(st.sampled_from(range(11)))
    if kind == 0:
        weight = Encoding.of(FixedType(True, draw(st.integers(1, 9)), draw(st.integers(-3, 9))))
        bias = draw(st.none() | codes((outer,), Encoding.of(FixedType(True, 12, 3))))
        return Dense(draw(codes((inner, outer), weight)), bias)
    if kind == 1:
        return Dense(Constant(real_arrays(draw, (inner, outer))), Constant(real_arrays(draw, (outer,))))
    if kind == 2:
        channels = draw(st.sampled_from([1, inner]))
        factors = tuple(draw(fractions) for _ in range(channels))
        curve = (steps.Curve(draw(st.sampled_from(["sigmoid", "tanh"]))),) * draw(st.integers(0, 1))
        clip = steps.Clip(*draw(st.sampled_from([(None, F(1)), (F(0), None), (F(-1, 3), F(2))])))
        rounder = Rounder(draw(st.sampled_from(Rounding)), -4, draw(st.integers(-4, 3)))
        chain = (steps.Affine(factors, (F(1, 3),)), clip, *curve)
        return Requantize(ScalarMap(chain, rounder), Encoding.of(FixedType(True, 3, 0)), function=draw(names))
    if kind == 3:
        return Reshape(draw(st.sampled_from([operand.shape[::-1], (operand.size,), (1, *operand.shape)])))
    if kind == 4:
        return Transpose(tuple(draw(st.permutations(range(len(operand.shape))))))
    if kind == 5:
        scale, offset = tuple(draw(positives) for _ in range(inner)), (draw(fractions),)
        return Reinterpret(scale, offset)
    if kind == 6:
        scale = np.array(draw(st.floats(1e-9, 1e9)))
        return Quantize(scale, draw(one), 0, draw(st.integers(0, 99)), Rounding.UP, draw(st.booleans()))
    if kind == 7:
        return Affine(draw(one), np.array(draw(st.floats(1, 2))), real_arrays(draw, (inner,)))
    if kind == 8:
        return Activation(draw(st.sampled_from(Function)))
    if kind == 9:
        axes = max(1, len(operand.shape) - 2)
        kernel, strides, dilations, pads = (
            tuple(draw(st.integers(low, 2)) for _ in range(count * axes))
            for low, count in ((1, 1), (1, 1), (1, 1), (-1, 2))
        )
        fill = draw(st.integers(-9, 9) | st.floats(-9, 9))
        return Windows(kernel, strides, dilations, pads, fill, draw(st.integers(1, 2)))
    return Softmax(-1)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A chain of up to six operators, each of which accepts its operand."""
    build = GraphBuilder(draw(names))
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    encoding = draw(st.none() | encodings())
    entry = QUANTIZER if encoding is not None and draw(st.booleans()) else None
    value = build.input(draw(names), TensorType(shape, encoding), entry)
    outputs = {draw(names): value}
    for _ in range(draw(st.integers(0, 6))):
        try:
            value = build.add(draw(operators(build.type(value))), [value], name=draw(names))
        except ModelError:
            continue
        if draw(st.booleans()):
            outputs[draw(names)] = value
    return build.build(outputs | {"last": value})
