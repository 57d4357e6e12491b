# SPDX-License-Identifier: Apache-2.0
"""Quantizers move before pools and moves, rounding before reshapes; what a graph computes stays."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fpgann.ir import Constant, Encoding, Graph, GraphBuilder, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.windows import Windows
from fpgann.ir.verify import verify
from fpgann.numerics import steps
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.passes import QuantizeEarly
from fpgann.passes import quantize_early as module
from fpgann.passes.requantize_early import RequantizeEarly
from fpgann.reference import run_codes, run_values

ONE, ZERO = np.ones(()), np.zeros(())
QUANTIZER = Quantize(np.array(0.25), ZERO, 0, 15, Rounding.RND_CONV)


def pooled(*behind: object, reduction: Reduction = Reduction.MAXIMUM, fill: float = float("-inf")) -> Graph:
    """A dense layer with a factor per channel, a pool, and what follows."""
    build = GraphBuilder("pooled")
    rng = np.random.default_rng(1)
    value = build.add(Dense(Constant(rng.normal(size=(2, 3)))), [build.input("x", TensorType((1, 5, 2)))], name="dense")
    value = build.add(Affine(np.array([1.5, -2.0, 0.5]), ONE, ZERO), [value], name="gain")
    value = build.add(Windows((2,), (2,), (1,), (1, 0), fill), [value], name="windows")
    value = build.add(Reshape((1, 3, 2, 3)), [value], name="taps")
    value = build.add(Reduce(reduction, (-2,)), [value], name="pool")
    value = build.add(Reshape((1, 3, 3)), [value], name="pooled")
    for i, op in enumerate(behind):
        value = build.add(op, [value], name=f"behind{i}")
    return build.build({"y": value})


def order(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def check(graph: Graph, *, moves: bool = True) -> Graph:
    moved = verify(QuantizeEarly().apply(verify(graph, "building")), "moving")
    x = np.random.default_rng(2).normal(0, 2, (20, 1, 5, 2))
    before, after = run_values(graph, {"x": x}), run_values(moved, {"x": x})
    assert np.array_equal(before[graph.outputs["y"]], after[moved.outputs["y"]])
    assert (order(moved) != order(graph)) == moves
    return moved


def test_a_quantizer_moves_before_a_maximum():
    moved = check(pooled(Activation(Function.RELU), QUANTIZER))
    assert order(moved) == ["dense", "affine", "activation", "quantize", "windows", "reshape", "reduce", "reshape"]


def test_what_stays():
    check(pooled(QUANTIZER, reduction=Reduction.SUM, fill=0.0), moves=True)  # before the last reshape only
    check(pooled(Affine(-ONE, ONE, ZERO), QUANTIZER), moves=False)  # a falling line swaps the greatest and the least
    check(pooled(Activation(Function.ABS), QUANTIZER), moves=False)
    check(pooled(Quantize(np.array([0.5, 1, 2]), ZERO, -8, 7, Rounding.RND)), moves=False)
    check(pooled(Activation(Function.RELU)), moves=False)


def test_codes_are_not_quantized_again_before_a_pool():
    build = GraphBuilder("codes")
    value = build.add(QUANTIZER, [build.input("x", TensorType((1, 5, 2)))], name="q")
    value = build.add(Windows((2,), (2,), (1,), (0, 0), float("-inf")), [value], name="windows")
    value = build.add(Reduce(Reduction.MAXIMUM, (-1,)), [value], name="pool")
    graph = build.build({"y": build.add(QUANTIZER, [value], name="again")})
    assert order(QuantizeEarly().apply(graph)) == order(graph)


def test_twin_that_takes_any_function(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_is_rising", lambda op: True)
    with pytest.raises(AssertionError):
        check(pooled(Affine(-ONE, ONE, ZERO), QUANTIZER))


@pytest.mark.parametrize(
    ("channels", "shape", "moves"), [(1, (1, 12), True), (3, (1, 4, 1, 3), True), (3, (1, 12), False)]
)
def test_rounding_before_reshapes(channels, shape, moves):
    build = GraphBuilder("reshaped")
    value = build.input("x", TensorType((1, 4, 3), Encoding.of(FixedType(True, 8, 0))))
    value = build.add(Reshape((1, 2, 2, 3)), [value], name="first")
    value = build.add(Reshape(shape), [value], name="second")
    scales = tuple(Fraction(1, 3 + i) for i in range(12 if channels > 1 and not moves else channels))
    scalar_map = ScalarMap((steps.Affine(scales, (Fraction(0),)),), Rounder(Rounding.RND, -40, 40))
    op = Requantize(scalar_map, Encoding.of(FixedType(True, 7, 0)))
    graph = verify(build.build({"y": build.add(op, [value], name="rounded")}), "building")
    moved = verify(RequantizeEarly().apply(graph), "moving")
    assert order(moved) == (["requantize", "reshape"] if moves else order(graph))
    x = np.random.default_rng(0).integers(-128, 128, (9, 1, 4, 3))
    wanted, got = run_codes(graph, {"x": x}), run_codes(moved, {"x": x})
    assert np.array_equal(wanted[graph.outputs["y"]], got[moved.outputs["y"]])
