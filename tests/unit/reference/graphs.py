# SPDX-License-Identifier: Apache-2.0
"""Small graphs of codes, for the tests of the compiled reference."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from fpgann.ir import Constant, Encoding, Graph, GraphBuilder, TensorType
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import IntArray, integers, magnitude
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize, Step
from fpgann.reference import run_codes
from fpgann.reference.compiled import CompiledGraph

F = Fraction
ZERO = F(0)
SAMPLES = 40


def codes(low: int, high: int) -> Encoding:
    span = CodeRange(low, high)
    return Encoding(FixedType.holding(span, 0), span)


def coded(numbers: IntArray) -> Constant:
    numbers = integers(numbers)
    bound = max(1, magnitude(numbers))
    return Constant(numbers, codes(-bound, bound))


def staircase(*steps: Step, low: int, high: int, mode: Rounding = Rounding.RND) -> Requantize:
    return Requantize(ScalarMap(steps, Rounder(mode, low, high)), codes(low, high))


def shifted(shift: int, low: int, high: int, mode: Rounding = Rounding.RND, offset: Fraction = ZERO) -> Requantize:
    return staircase(Affine((F(1, 1 << shift),), (offset,)), low=low, high=high, mode=mode)


def layer(weights: IntArray, low: int, high: int, *after: Requantize, bias: IntArray | None = None) -> Graph:
    """A dense layer on codes low..high, and what follows it."""
    build = GraphBuilder("layer")
    x = build.input("x", TensorType((1, len(weights)), codes(low, high)))
    x = build.add(Dense(coded(weights), None if bias is None else coded(bias)), [x], name="dense")
    for number, op in enumerate(after):
        x = build.add(op, [x], name=f"map{number}")
    return build.build({"y": x})


def elementwise(low: int, high: int, op: Requantize, features: int = 3) -> Graph:
    build = GraphBuilder("elementwise")
    x = build.input("x", TensorType((1, features), codes(low, high)))
    return build.build({"y": build.add(op, [x], name="map0")})


def jet(seed: int = 0) -> Graph:
    """A multilayer perceptron 16-64-32-32-5 with random weights of 6 bits and activations of 6 bits."""
    rng, widths = np.random.default_rng(seed), (16, 64, 32, 32, 5)
    build = GraphBuilder("jet")
    x = build.input("x", TensorType((1, 16), codes(-128, 127)))
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        weights, bias = rng.integers(-32, 32, (inputs, outputs)), rng.integers(-500, 500, outputs)
        x = build.add(Dense(coded(weights), coded(bias)), [x], name=f"dense{number}")
        if outputs != widths[-1]:
            x = build.add(shifted(7, 0, 63, Rounding.RND_CONV), [x], name=f"relu{number}")
    return build.build({"y": x})


def ends_and_random(graph: Graph, seed: int = 0, samples: int = SAMPLES) -> dict[str, IntArray]:
    """All least, all greatest, alternating and random codes of every input."""
    rng = np.random.default_rng(seed)
    return {v.name: _codes(v.type.codes.range, (samples, *v.type.shape), rng) for v in graph.inputs}


def _codes(span: CodeRange, shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
    picks = rng.integers(0, 1 << 30, shape)
    picks[0], picks[1], picks[2] = 0, (1 << 30) - 1, np.arange(picks[0].size).reshape(shape[1:]) % 2 * ((1 << 30) - 1)
    return integers(picks.astype(object) * (span.high - span.low) // ((1 << 30) - 1) + span.low)


rounding_modes = st.sampled_from(list(Rounding))


@st.composite
def requantizations(draw: st.DrawFn, span: CodeRange, channels: int) -> Requantize:
    """A staircase over a range: lines that are multiples of powers of two or not, curves, falling ones, constants."""
    bits = draw(st.integers(1, 9))
    signed = draw(st.booleans())
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    middle = F(1 << bits, max(1, span.high - span.low))
    power = F(2) ** (middle.numerator.bit_length() - middle.denominator.bit_length())
    count = draw(st.sampled_from([1, channels]))

    def gain() -> Fraction:
        factor = draw(st.sampled_from([F(1), F(2), F(1, 2), F(3, 4), F(5), F(-1), F(1, 3), F(7, 5), F(0)]))
        return factor * draw(st.sampled_from([power, power, middle]))

    def addend() -> Fraction:
        return draw(st.sampled_from([F(0), F(1, 2), F(1, 4), F(-3, 2), F(1, 3), F(high, 2), F(high * 3)]))

    steps: list[Step] = [Affine(tuple(gain() for _ in range(count)), tuple(addend() for _ in range(count)))]
    more = draw(st.sampled_from(["", "", "relu", "clip", "normalize", "curve"]))
    if more == "relu":
        steps.append(Clip(F(0), None))
    elif more == "clip":
        steps.append(Clip(F(-high, 3), F(high, 2)))
    elif more == "normalize":
        steps.append(Normalize((F(2),), (F(1, 3),), (F(0),), (F(3), F(5), F(4))[: channels if channels == 3 else 1]))
    elif more == "curve":
        steps += [Affine((F(4, high + 1),), (F(0),)), Curve("sigmoid"), Affine((F(high),), (F(0),))]
    return staircase(*steps, low=low, high=high, mode=draw(rounding_modes))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """One to three layers with staircases, reshapes and transposes; codes of few bits up to more than 63."""
    build = GraphBuilder("random")
    bits = draw(st.sampled_from([1, 4, 8, 8, 12, 20, 24, 40, 60]))
    low = draw(st.sampled_from([0, -(1 << bits) + 1, -3]))
    x = build.input("x", TensorType((1, 4), codes(low, (1 << bits) - draw(st.sampled_from([0, 1])))))
    outputs: dict[str, str] = {}
    for number in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            x = build.add(Reshape((1, 2, 2)), [x], name=f"reshape{number}") if build.type(x).shape == (1, 4) else x
            if len(build.type(x).shape) == 3:
                x = build.add(Transpose((0, 2, 1)), [x], name=f"transpose{number}")
        rows = build.type(x).shape[-1]
        columns = draw(st.sampled_from([3, 4]))
        largest = 1 << draw(st.sampled_from([1, 3, 6, 12, 30]))
        rng = np.random.default_rng(draw(st.integers(0, 1000)))
        weights = rng.integers(-largest, largest, (rows, columns))
        bias = coded(rng.integers(-largest * 8, largest * 8, columns)) if draw(st.booleans()) else None
        x = build.add(Dense(coded(weights), bias), [x], name=f"dense{number}")
        if draw(st.booleans()):
            outputs[f"accumulator{number}"] = x
        if draw(st.integers(0, 3)):
            op = draw(requantizations(build.type(x).codes.range, columns))
            x = build.add(op, [x], name=f"map{number}")
        if draw(st.integers(0, 5)) == 0:
            x = build.add(Reinterpret((F(1, 3),), (F(0),)), [x], name=f"reinterpret{number}")
    return build.build({**outputs, "y": x})


def differing(graph: Graph, inputs: dict[str, IntArray], wanted: tuple[str, ...] | None = None) -> list[str]:
    """Values in which the compiled graph differs from the definition."""
    expected, got = run_codes(graph, inputs), CompiledGraph(graph, wanted).run(inputs)
    assert set(got) == set(graph.outputs.values() if wanted is None else wanted)
    return [name for name in got if not np.array_equal(got[name], expected[name])]


def kernels(graph: Graph) -> list[str]:
    return [f"{type(s.kernel).__name__} {s.output[1].value}" for s in CompiledGraph(graph).plan.steps]
