# SPDX-License-Identifier: Apache-2.0
"""Hardware forms of staircases equal them on every code, and netlists equal the forms."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.interpreter import evaluate
from fpgann.kernel.netlist import NetlistBuilder
from fpgann.kernel.requantize import (
    FEW_STEPS,
    MultiplyForm,
    ShiftForm,
    TableForm,
    ThresholdForm,
    apply_form,
    choose_form,
)
from fpgann.kernel.staircase_logic import fits_netlist, rounding_constant, staircase_nodes
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize, Step

ZERO = (Fraction(0),)


def float32() -> st.SearchStrategy[Fraction]:
    """Numbers with 24 significant bits, as model files hold them; not zero."""
    return st.builds(
        lambda m, e: Fraction(m) * Fraction(2) ** e,
        st.one_of(st.integers(1, 2**24 - 1), st.integers(-(2**24) + 1, -1)),
        st.integers(-32, -20),
    )


@st.composite
def maps(draw: st.DrawFn) -> tuple[ScalarMap, CodeRange]:
    """What stands between accumulators and codes in real models."""
    channels = draw(st.sampled_from([1, 1, 3]))

    def numbers() -> tuple[Fraction, ...]:
        return tuple(draw(float32()) for _ in range(channels))

    to_codes = Affine((1 / abs(draw(float32())),), (Fraction(draw(st.sampled_from([0, 0, 3, 128]))),))
    variance = tuple(abs(draw(float32())) for _ in range(channels))
    steps: tuple[Step, ...] = draw(
        st.sampled_from(
            [
                (Affine((Fraction(2) ** draw(st.integers(-9, 3)),), ZERO),),
                (Affine(numbers(), numbers()), Clip(Fraction(0), None), to_codes),
                (Normalize(numbers(), numbers(), numbers(), variance), to_codes),
                (
                    Affine((Fraction(2) ** -draw(st.integers(2, 9)),), ZERO),
                    Curve("tanh"),
                    Affine((Fraction(64),), ZERO),
                ),
                (Affine((Fraction(1, 32),), ZERO), Curve("sigmoid"), Affine((Fraction(256),), ZERO)),
            ]
        )
    )
    low, high = draw(st.sampled_from([(0, 1), (-1, 1), (-8, 7), (0, 255), (-128, 127)]))
    rounder = Rounder(draw(st.sampled_from(list(Rounding))), low, high)
    return ScalarMap(steps, rounder), CodeRange(-draw(st.integers(0, 3000)), draw(st.integers(1, 3000)))


@settings(max_examples=150)
@given(maps())
def test_forms_and_netlists_equal_their_staircase(case: tuple[ScalarMap, CodeRange]) -> None:
    scalar_map, codes = case
    inputs = np.arange(codes.low, codes.high + 1)[:, None] * np.ones((1, scalar_map.channels), np.int64)
    wanted = scalar_map.apply(inputs)
    form = choose_form(scalar_map, codes)
    assert np.array_equal(apply_form(form, inputs), wanted)
    if fits_netlist(form):
        for added in (False, True):
            builder = NetlistBuilder([codes] * scalar_map.channels)
            nodes = []
            for channel in range(scalar_map.channels):
                node = builder.input(channel)
                constant = rounding_constant(form, channel)
                if added and constant:
                    node = builder.add(node, builder.constant(constant))
                nodes.append(staircase_nodes(MatrixBuilder(builder), node, form, channel, added=added))
            assert np.array_equal(evaluate(builder.build(nodes), inputs), wanted)


def test_every_form_is_met() -> None:
    codes = CodeRange(-5000, 5000)
    shift = ScalarMap((Affine((Fraction(1, 16),), ZERO),), Rounder(Rounding.RND_CONV, -128, 127))
    scale = ScalarMap((Affine((Fraction(1, 37),), ZERO),), Rounder(Rounding.RND_CONV, -128, 127))
    binary = ScalarMap((Affine((Fraction(1, 37),), (Fraction(1, 3),)),), Rounder(Rounding.TRN, 0, 1))
    curve = ScalarMap(
        (Affine((Fraction(1, 512),), ZERO), Curve("tanh"), Affine((Fraction(128),), ZERO)),
        Rounder(Rounding.RND, -128, 127),
    )
    kinds = [type(choose_form(m, codes)) for m in (shift, scale, binary, curve)]
    assert kinds == [ShiftForm, MultiplyForm, ThresholdForm, TableForm]


@settings(max_examples=60)
@given(float32(), float32(), st.integers(3, 11), st.integers(10, 22), st.booleans())
def test_lines_need_no_search(scale: Fraction, offset: Fraction, bits: int, code_bits: int, relu: bool) -> None:
    """Scaling and shifting is one multiplication, however fine the staircase."""
    size = Fraction(2) ** (bits - code_bits) * (1 + abs(scale) % 1)
    line = Affine((size if scale > 0 else -size,), (offset,))
    steps: tuple[Step, ...] = (line, Clip(Fraction(0), None)) if relu else (line,)
    scalar_map = ScalarMap(steps, Rounder(Rounding.RND_CONV, -(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    codes = CodeRange(-(1 << (code_bits - 1)), (1 << (code_bits - 1)) - 1)
    form = choose_form(scalar_map, codes)
    if isinstance(form, ThresholdForm):
        assert form.steps <= FEW_STEPS
    inputs = np.arange(codes.low, codes.high + 1, max(1, (codes.high - codes.low) >> 14))[:, None]
    assert np.array_equal(apply_form(form, inputs), scalar_map.apply(inputs))
    assert not isinstance(form, TableForm)


def test_symmetric_tables_are_folded_and_cut() -> None:
    curve = ScalarMap(
        (Affine((Fraction(1, 64),), ZERO), Curve("sigmoid"), Affine((Fraction(256),), ZERO)),
        Rounder(Rounding.RND, 0, 255),
    )
    tanh = ScalarMap((*curve.steps[:1], Curve("tanh"), *curve.steps[2:]), Rounder(Rounding.RND_INF, -255, 255))
    form = choose_form(tanh, CodeRange(-32768, 32767))
    assert isinstance(form, TableForm)
    assert form.mirror == 0
    assert form.low == 0
    assert len(form.words) < 400  # of 65,536
    cut = choose_form(curve, CodeRange(-32768, 32767))
    assert isinstance(cut, TableForm)
    assert len(cut.words) < 1000


@pytest.mark.parametrize("change", [{"factor": 1}, {"offset": 1 << 14}, {"shift": 1}, {"low": 1}, {"high": -1}])
def test_twin_a_changed_number_breaks_equality(change: dict[str, int]) -> None:
    scalar_map = ScalarMap((Affine((Fraction(1, 37),), ZERO),), Rounder(Rounding.RND_CONV, -128, 127))
    codes = CodeRange(-5000, 5000)
    form = choose_form(scalar_map, codes)
    assert isinstance(form, MultiplyForm)
    broken = replace(form, **{name: getattr(form, name) + delta for name, delta in change.items()})
    inputs = np.arange(codes.low, codes.high + 1)[:, None]
    assert np.array_equal(apply_form(form, inputs), scalar_map.apply(inputs))
    assert not np.array_equal(apply_form(broken, inputs), scalar_map.apply(inputs))
