# SPDX-License-Identifier: Apache-2.0
"""Real numbers become the codes that the entry map of an input defines."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir import Graph, GraphBuilder, TensorType
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine
from fpgann.reference import run_codes
from fpgann.reference.compiled import CompiledGraph
from tests.unit.ir.samples import QUANTIZER, small_network
from tests.unit.reference.graphs import (
    codes,
    jet,
    rounding_modes,
)

F = Fraction


def entering(scale: Fraction, mode: Rounding, low: int, high: int) -> Graph:
    entry = ScalarMap((Affine((scale,), (F(0),)),), Rounder(mode, low, high))
    build = GraphBuilder("entering")
    x = build.input("x", TensorType((1, 2), codes(low, high)), entry)
    return build.build({"y": x})


TINY = [0.0, 5e-324, 1e-310, 1e-300, 2.0**-54, 2.0**-53, 1e-17]
SCALES = [F(1), F(8), F(1, 4), F(2) ** 60, F(2) ** -60, F(1, 3), F(2) ** 1100, F(2) ** -1074]


@pytest.mark.parametrize("scale", SCALES, ids=str)
@settings(max_examples=25, deadline=None)
@given(rounding_modes, st.sampled_from([(-8, 7), (0, 63), (-(2**15), 2**15 - 1)]), st.integers(0, 1000))
def test_real_numbers_become_the_codes_that_the_entry_defines(
    scale: Fraction, mode: Rounding, ends: tuple[int, int], seed: int
) -> None:
    if scale == F(1, 3) and ends[1] > 63:
        return  # a list of all steps: slow to make
    graph = entering(scale, mode, *ends)
    ties = [F(int(quarters), 4) / scale for quarters in np.random.default_rng(seed).integers(-40, 40, 200)]
    values = np.array([float(min(max(tie, F(-(10**300))), F(10**300))) for tie in ties])
    near = [values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf), TINY, np.negative(TINY)]
    numbers = np.concatenate([*near, [1e308, -1e308, 1.5, -2.5]])
    numbers = numbers[: len(numbers) // 2 * 2].reshape(-1, 1, 2)
    entry = graph.inputs[0].entry
    assert entry is not None
    got = CompiledGraph(graph).run_floats({"x": numbers})["x"]
    np.testing.assert_array_equal(got, entry.apply_floats(numbers))


def test_real_numbers_run_through_the_network() -> None:
    graph = small_network()
    numbers = {"x": np.random.default_rng(0).normal(0, 4, (70, 1, 3))}
    expected = run_codes(graph, {"x": QUANTIZER.apply_floats(numbers["x"])})
    for name, result in CompiledGraph(graph, graph.types).run_floats(numbers).items():
        np.testing.assert_array_equal(result, expected[name])


def test_an_input_of_codes_takes_no_real_numbers() -> None:
    with pytest.raises(TypeError, match="input 'x' takes real numbers"):
        CompiledGraph(jet()).run_floats({"x": np.zeros((1, 1, 16))})
