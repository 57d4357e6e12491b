# SPDX-License-Identifier: Apache-2.0
"""Staircases in floating-point arithmetic: every form on every code, and proofs that refuse wrong lines."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir import GraphBuilder, TensorType
from fpgann.ir.ops.requantize import Requantize
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Staircase
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize
from fpgann.reference.compiled import carrier, line
from fpgann.reference.compiled.carrier import FLOAT32_EXACT, Carrier
from tests.unit.reference.graphs import (
    codes,
    differing,
    elementwise,
    ends_and_random,
    kernels,
    layer,
    requantizations,
    shifted,
    staircase,
)

F = Fraction


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize(("low", "high"), [(0, 15), (-8, 7), (-16, 0), (-100, 100)])
def test_shifts_in_every_rounding_mode(mode: Rounding, low: int, high: int) -> None:
    for offset in (F(0), F(1, 2), F(-3, 8), F(1, 3)):
        graph = elementwise(-300, 300, shifted(3, low, high, mode, offset), features=601)
        assert kernels(graph) == ["Elementwise float32"] or offset == F(1, 3)
        assert differing(graph, {"x": np.arange(-300, 301).reshape(1, 1, 601)}) == []


@pytest.mark.parametrize("mode", [Rounding.TRN_ZERO, Rounding.UP, Rounding.RND_ZERO, Rounding.RND_INF])
def test_channels_with_and_without_rounding(mode: Rounding) -> None:
    channels = Affine((F(1), F(1, 2), F(-3, 4), F(0)), (F(0), F(0), F(5), F(7)))
    graph = elementwise(-300, 300, staircase(channels, low=-90, high=250, mode=mode), features=4)
    assert differing(graph, {"x": np.arange(-300, 301).repeat(4).reshape(601, 1, 4)}) == []


def test_lines_at_the_edge_of_the_exact_integers() -> None:
    for bits, kernel in ((22, "Elementwise float32"), (23, "Elementwise float64")):
        graph = elementwise(-(2**bits), 2**bits, shifted(1, -(2**30), 2**30, offset=F(2**bits) - 1), features=3)
        assert kernels(graph)[-1] == kernel, bits
        codes = 2**bits - np.arange(300).reshape(-1, 1, 3)
        assert differing(graph, {"x": np.concatenate([codes, -codes])}) == []


def test_a_line_beyond_the_exact_integers_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = elementwise(-(2**23), 2**23, shifted(1, -(2**30), 2**30, offset=F(2**23) - 1), features=3)
    monkeypatch.setitem(carrier._EXACT, Carrier.FLOAT32, 2**26)
    assert kernels(graph) == ["Elementwise float32"]
    assert differing(graph, {"x": 2**23 - np.arange(300).reshape(-1, 1, 3)}) == ["map0"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_code_of_random_staircases(data: st.DataObject) -> None:
    low = data.draw(st.integers(-600, 300))
    high = low + data.draw(st.integers(0, 900))
    op = data.draw(requantizations(elementwise(low, high, shifted(0, 0, 1)).types["x"].codes.range, 3))
    graph = elementwise(low, high, op)
    assert differing(graph, {"x": np.arange(low, high + 1).repeat(3).reshape(-1, 1, 3)}) == []


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(0, 1000))
def test_products_take_random_staircases_along(data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, bias = rng.integers(-9, 10, (2, 3)), rng.integers(-60, 60, 3)
    plain = layer(weights, -16, 15, bias=bias)
    op = data.draw(requantizations(plain.types["dense"].codes.range, 3))
    graph = layer(weights, -16, 15, op, bias=bias)
    every = np.array(np.meshgrid(np.arange(-16, 16), np.arange(-16, 16))).reshape(2, -1).T[:, None, :]
    assert differing(graph, {"x": every}) == []


def test_a_product_takes_only_one_staircase_along() -> None:
    graph = layer(np.array([[3], [5]]), -16, 15, shifted(1, -8, 7), shifted(1, 0, 3))
    assert kernels(graph) == ["Product float32", "Elementwise float32"]
    assert differing(graph, ends_and_random(graph)) == []


def test_channels_along_another_axis() -> None:
    build_axis = staircase(Affine((F(1), F(1, 3), F(-1, 2)), (F(0),)), low=-8, high=7)
    for kind in ("line", "table"):
        maps = build_axis.map if kind == "line" else curved().map
        build = GraphBuilder("axis")
        x = build.input("x", TensorType((1, 3, 2), codes(-20, 20)))
        graph = build.build({"y": build.add(Requantize(maps, codes(-8, 7), axis=-2), [x], name="map0")})
        assert kernels(graph)[0].split()[0] == ("Elementwise" if kind == "line" else "Table")
        assert differing(graph, {"x": np.arange(-20, 21).repeat(6).reshape(-1, 1, 3, 2)}) == []


def curved() -> Requantize:
    steps = (Affine((F(1, 2), F(1, 3), F(1)), (F(0),)), Curve("tanh"), Affine((F(7),), (F(0),)))
    return staircase(*steps, low=-8, high=7)


def test_curves_are_tables_where_few_codes_occur_and_searches_beyond() -> None:
    for reach, kernel in ((10**4, "Table"), (10**7, "Search")):
        op = staircase(Affine((F(4, reach),), (F(0),)), Curve("sigmoid"), Affine((F(200),), (F(0),)), low=0, high=255)
        graph = elementwise(-reach, reach, op)
        assert kernels(graph) == [f"{kernel} float32"]
        near = np.concatenate([op.map.staircase(0, -reach, reach).thresholds + d for d in (-1, 0)])
        assert differing(graph, {"x": near.repeat(3).reshape(-1, 1, 3)}) == []


def test_batch_normalization_is_a_line() -> None:
    normalize = Normalize((F(-3, 7), F(5)), (F(1, 9),), (F(3), F(-40)), (F(2), F(7, 3)))
    op = staircase(normalize, Clip(F(0), None), low=0, high=63, mode=Rounding.RND_CONV)
    graph = elementwise(-2000, 2000, op, features=2)
    assert kernels(graph) == ["Elementwise float32"]
    assert differing(graph, {"x": np.arange(-2000, 2001).repeat(2).reshape(-1, 1, 2)}) == []


# the proof of fitted lines


@given(st.integers(-50, 50), st.integers(1, 9), st.booleans(), st.integers(0, 8), st.sampled_from([-1, 1]))
def test_a_line_that_misses_one_threshold_is_refused(first: int, gap: int, rising: bool, moved: int, by: int) -> None:
    thresholds = first + gap * np.arange(9)
    right = Staircase(0, thresholds, rising)
    found = line.fitted_line((right,), CodeRange(-500, 500), np.zeros(1, np.int64), Carrier.FLOAT32)
    assert found is not None
    assert line.agrees(found, [(right, 0)], CodeRange(-500, 500), Carrier.FLOAT32)
    wrong = thresholds.copy()
    wrong[moved] += by
    assert not line.agrees(found, [(Staircase(0, np.sort(wrong), rising), 0)], CodeRange(-500, 500), Carrier.FLOAT32)


def test_a_line_that_goes_on_where_the_staircase_ends_is_refused() -> None:
    right = Staircase(0, np.arange(1, 9) * 10, rising=True)
    longer = line.Line(np.array([0.1]), np.array([0.001]), np.floor, np.array([0.0]), np.array([9.0]), is_exact=False)
    assert line.agrees(longer, [(right, 0)], CodeRange(0, 89), Carrier.FLOAT32)
    assert not line.agrees(longer, [(right, 0)], CodeRange(0, 95), Carrier.FLOAT32)


def test_float32_holds_every_integer_up_to_its_bound() -> None:
    assert int(np.float32(FLOAT32_EXACT)) == FLOAT32_EXACT
    assert int(np.float32(FLOAT32_EXACT - 1)) == FLOAT32_EXACT - 1
    assert int(np.float32(FLOAT32_EXACT + 1)) != FLOAT32_EXACT + 1


@pytest.mark.parametrize(("reach", "kernel"), [(500, "Table float32"), (10**6, "Plain int64")])
@pytest.mark.parametrize("name", ["abs", "gelu", "square"])
def test_functions_that_rise_and_fall(name: str, reach: int, kernel: str) -> None:
    steps = (Affine((F(8, reach),), (F(0),)), Curve(name), Affine((F(10),), (F(0),)))
    graph = elementwise(-reach, reach, staircase(*steps, low=-128, high=127), features=1)
    assert kernels(graph)[-1] == kernel
    numbers = np.unique(np.linspace(-reach, reach, 2001).astype(np.int64))
    assert differing(graph, {"x": numbers.reshape(-1, 1, 1)}) == []
