# SPDX-License-Identifier: Apache-2.0
"""Forms of functions that have kinks, or rise and fall: equal to the exact map on every code."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.kernel.requantize import (
    LinesForm,
    RunsForm,
    TableForm,
    ThresholdForm,
    apply_form,
    choose_form,
    spread,
)
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Curve, Step

F = Fraction
ZERO = F(0)
CODES = CodeRange(-3000, 5000)


def line(scale: Fraction, offset: Fraction = ZERO) -> Affine:
    return Affine((scale,), (offset,))


def check(scalar_map: ScalarMap, codes: CodeRange) -> object:
    form = choose_form(scalar_map, codes)
    every = np.broadcast_to(np.arange(codes.low, codes.high + 1)[:, None], (codes.high - codes.low + 1, 3))
    columns = every[:, : scalar_map.channels]
    assert np.array_equal(apply_form(form, columns), scalar_map.apply(columns))
    return form


kinked = st.one_of(
    st.builds(
        lambda slopes: Curve("leaky_relu", (tuple(slopes),)),
        st.one_of(
            st.lists(st.fractions(-2, 2, max_denominator=100), min_size=1, max_size=1),
            st.lists(st.fractions(-2, 2, max_denominator=100), min_size=3, max_size=3),
        ),
    ),
    st.just(Curve("abs")),
    st.builds(lambda a: Curve("thresholded_relu", ((a,),)), st.fractions(-2, 2, max_denominator=9)),
    st.builds(lambda a, b: Clip(min(a, b), max(a, b)), st.fractions(-9, 9), st.fractions(-9, 9)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(kinked, min_size=1, max_size=2),
    st.fractions(F(1, 500), F(1, 50)),
    st.fractions(-2, 2, max_denominator=50),
    st.sampled_from(Rounding),
    st.sampled_from([4, 8, 12]),
)
def test_kinked_functions(chosen: list[Step], scale: Fraction, offset: Fraction, mode: Rounding, bits: int) -> None:
    rounder = Rounder(mode, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    check(ScalarMap((line(scale, offset), *chosen, line(F(1 << bits, 40))), rounder), CODES)


def test_a_leaky_relu_of_many_results_is_two_lines() -> None:
    """16-bit results of 20-bit accumulators, as a search would need 65 535 thresholds."""
    slope = F(float(np.float32(0.01)))
    scalar_map = ScalarMap(
        (line(F(1, 3000)), Curve("leaky_relu", ((slope,),)), line(F(2048))), Rounder(Rounding.RND, -32768, 32767)
    )
    form = choose_form(scalar_map, CodeRange(-(2**19), 2**19))
    assert isinstance(form, LinesForm)
    assert form.breaks.shape == (1, 1)
    codes = np.arange(-(2**19), 2**19 + 1, 7)[:, None]
    assert np.array_equal(apply_form(form, codes), scalar_map.apply(codes))


def test_slopes_of_channels() -> None:
    steps = (Affine((F(1, 300),), (F(0), F(1, 7), F(-2))), Curve("leaky_relu", ((F(1, 8), F(-1, 3), F(2)),)))
    form = check(ScalarMap((*steps, line(F(100))), Rounder(Rounding.RND, -2048, 2047)), CODES)
    assert isinstance(form, LinesForm)
    assert form.factor.shape == (3, 2)
    swapped = spread(form, (2, 0))
    assert isinstance(swapped, LinesForm)
    assert swapped.factor[1].tolist() == form.factor[0].tolist()


def test_what_rises_and_falls_among_few_codes_is_a_table() -> None:
    gelu = ScalarMap((line(F(1, 32)), Curve("gelu"), line(F(32))), Rounder(Rounding.RND, -128, 127))
    assert isinstance(check(gelu, CodeRange(-128, 127)), TableForm)


def test_what_rises_and_falls_among_many_codes_is_runs() -> None:
    gelu = ScalarMap((line(F(1, 70000)), Curve("gelu"), line(F(32))), Rounder(Rounding.RND, -128, 127))
    codes = CodeRange(-(2**19), 2**19)
    form = choose_form(gelu, codes)
    assert isinstance(form, RunsForm)
    every = np.arange(codes.low, codes.high + 1)
    assert np.array_equal(apply_form(form, every), gelu.apply(every))


def test_channels_that_rise_and_fall() -> None:
    steps = (Affine((F(1, 700), F(1, 200), F(-1, 90)), (F(0),)), Curve("mish"), line(F(16)))
    form = check(ScalarMap(steps, Rounder(Rounding.TRN, -128, 127)), CODES)
    assert isinstance(form, RunsForm)


def test_monotone_functions_without_an_inverse_are_searched() -> None:
    elu = ScalarMap((line(F(1, 9000)), Curve("elu", ((F(1),),)), line(F(16))), Rounder(Rounding.RND, -128, 127))
    form = choose_form(elu, CodeRange(-(2**19), 2**19))
    assert isinstance(form, ThresholdForm)


@pytest.mark.parametrize("change", [{"breaks": 1}, {"factor": 3}, {"offset": 5}])
def test_twin_a_changed_number_breaks_equality(change: dict[str, int]) -> None:
    scalar_map = ScalarMap((line(F(1, 300)), Curve("abs"), line(F(500))), Rounder(Rounding.RND, 0, 4095))
    form = choose_form(scalar_map, CODES)
    assert isinstance(form, LinesForm)
    (name, amount) = next(iter(change.items()))
    numbers = np.array(getattr(form, name))
    numbers[0, 0] += amount * (1 if name == "breaks" else 1 << (form.shift - 3))
    every = np.arange(CODES.low, CODES.high + 1)[:, None]
    broken = replace(form, **{name: numbers})
    assert not np.array_equal(apply_form(broken, every), scalar_map.apply(every))
