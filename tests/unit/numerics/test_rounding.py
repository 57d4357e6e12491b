# SPDX-License-Identifier: Apache-2.0
"""Rounding, from the definition on one Fraction to the vectorised forms."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.numerics import rounding
from fpgann.numerics.integers import IntArray
from fpgann.numerics.rounding import Rounding, round_fraction
from tests.unit.numerics import oracle
from tests.unit.numerics.properties import holds

QUARTERS = [Fraction(n, 4) for n in range(-14, 15)]
NEXT_TO_TIES = [Fraction(n, 2) + sign * Fraction(1, 2**200) for n in range(-7, 8) for sign in (-1, 1)]
LARGE = [Fraction(2 * n + 1, 2) for n in oracle.CORNERS]
fractions = st.one_of(
    st.sampled_from(QUARTERS + NEXT_TO_TIES + LARGE),
    st.fractions(),
    st.builds(Fraction, oracle.wide_integers, st.integers(1, 2**40)),
)
shifts = st.one_of(st.integers(-3, 8), st.integers(-70, 90), st.sampled_from([61, 62, 63, 64, -61, -62, -63]))


@pytest.mark.parametrize("mode", Rounding)
def test_corners_of_the_definition(mode: Rounding) -> None:
    for value in QUARTERS + NEXT_TO_TIES + LARGE:
        assert round_fraction(value, mode) == oracle.round_by_distance(value, mode)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        # AMD UG1399, "Quantization Modes": ap_fixed<3, 2, mode> x = value
        (Rounding.RND, 1.25, 1.5),
        (Rounding.RND, -1.25, -1.0),
        (Rounding.RND_ZERO, 1.25, 1.0),
        (Rounding.RND_ZERO, -1.25, -1.0),
        (Rounding.RND_MIN_INF, 1.25, 1.0),
        (Rounding.RND_MIN_INF, -1.25, -1.5),
        (Rounding.RND_INF, 1.25, 1.5),
        (Rounding.RND_INF, -1.25, -1.5),
        (Rounding.RND_CONV, 0.75, 1.0),
        (Rounding.RND_CONV, -0.75, -1.0),
        (Rounding.TRN, 1.25, 1.0),
        (Rounding.TRN, -1.25, -1.5),
        (Rounding.TRN_ZERO, 1.25, 1.0),
        (Rounding.TRN_ZERO, -1.25, -1.0),
    ],
)
def test_examples_of_the_manual(mode: Rounding, value: float, expected: float) -> None:
    assert round_fraction(Fraction(value) * 2, mode) == 2 * expected


@holds(fractions)
def definition(value: Fraction) -> None:
    for mode in Rounding:
        assert rounding.round_fraction(value, mode) == oracle.round_by_distance(value, mode)


@holds(oracle.wide_integers, st.integers(0, 90))
def definition_on_bits(code: int, dropped: int) -> None:
    for mode in Rounding:
        value = Fraction(code, 2**dropped)
        assert rounding.round_fraction(value, mode) == oracle.round_bits(code, dropped, mode)


@holds(oracle.wide_integers, corners=((0,), (1,)))
def step_boundary(code: int) -> None:
    nearby = Fraction(1, 2**300)
    for mode in Rounding:
        at, inclusive = rounding.step_boundary(code, mode)
        assert (round_fraction(at, mode) >= code) == inclusive
        assert round_fraction(at + nearby, mode) >= code
        assert round_fraction(at - nearby, mode) < code


@holds(oracle.arrays_of(oracle.wide_integers), corners=((np.arange(-9, 10),), (np.array(oracle.INT64_CORNERS),)))
def step_positions(codes: IntArray) -> None:
    for mode in Rounding:
        positions = rounding.step_positions(codes, mode)
        assert positions.dtype == np.float64
        for code, position in zip(codes.tolist(), positions.tolist(), strict=True):
            at = rounding.step_boundary(code, mode)[0]
            assert abs(Fraction(position) - at) <= (abs(at) / 2**52 if abs(code) >= 2**52 else 0)


@st.composite
def ratios(draw: st.DrawFn) -> tuple[IntArray, int | IntArray]:
    """Numerators, many next to ties, with one denominator or one for each; twice it fits."""
    limit = draw(st.sampled_from([2**90, (2**63 - 1) // 2, 9]))
    corners = [c for c in oracle.CORNERS if 1 <= c <= limit]
    denominator = st.one_of(st.sampled_from([*corners, limit]), st.integers(1, limit), st.integers(1, 9))
    denominators = draw(st.lists(denominator, min_size=1, max_size=6))
    if draw(st.booleans()):
        denominators = denominators[:1] * len(denominators)
    d = denominators[0]
    near_tie = st.builds(lambda k, e: d * (2 * k + 1) // 2 + e, st.integers(-4, 4), st.integers(-1, 1))
    numerators = [draw(st.one_of(oracle.int64s, near_tie)) for _ in denominators]
    is_wide = draw(st.booleans()) or not all(map(oracle.fits, (*numerators, *(2 * d for d in denominators))))
    dtype = object if is_wide else np.int64
    one_for_all = len(set(denominators)) == 1 and draw(st.booleans())
    return np.array(numerators, dtype), denominators[0] if one_for_all else np.array(denominators, dtype)


@holds(
    ratios(),
    corners=(
        ((np.array([-(2**63), 2**63 - 1]), 3),),
        ((np.array([-(2**63), 2**63 - 1]), 2**62 - 1),),
        ((np.arange(-9, 10), 6),),
        ((np.array([], object), 2**80),),
    ),
)
def ratio(pair: tuple[IntArray, int | IntArray]) -> None:
    numerators, denominators = pair
    each = np.broadcast_to(np.asarray(denominators, object), numerators.shape)
    exact = [Fraction(int(n), int(d)) for n, d in zip(numerators, each, strict=True)]
    for mode in Rounding:
        rounded = rounding.round_ratio(numerators, denominators, mode)
        assert rounded.tolist() == [round_fraction(value, mode) for value in exact]
        assert rounded.dtype == numerators.dtype


@st.composite
def shifted(draw: st.DrawFn) -> tuple[IntArray, int]:
    """Codes, many of them next to ties, and how far they are shifted."""
    shift = draw(shifts)
    tie = 1 << shift >> 1 if shift >= 0 else 0
    near_tie = st.builds(lambda k, e: (2 * k + 1) * tie + e, st.integers(-4, 4), st.integers(-1, 1))
    return draw(oracle.arrays_of(st.one_of(oracle.wide_integers, near_tie))), shift


@holds(
    shifted(),
    corners=(
        ((np.array([-(2**63), 0, 2**63 - 1]), -1),),
        ((np.array([-(2**63), 0, 2**63 - 1]), 1),),
        ((np.array([-(2**63), 0, 2**63 - 1]), 62),),
        ((np.array([-(2**63), 0, 2**63 - 1]), 63),),
        ((np.array([0, 0]), -63),),
        ((np.array([], np.int64), -70),),
        ((np.arange(-9, 10), 2),),
    ),
)
def shift(example: tuple[IntArray, int]) -> None:
    codes, bits = example
    for mode in Rounding:
        expected = [oracle.round_bits(c, bits, mode) if bits >= 0 else c << -bits for c in codes.tolist()]
        assert rounding.round_shift(codes, bits, mode).tolist() == expected


@pytest.mark.parametrize("mode", Rounding)
@pytest.mark.parametrize("dtype", [np.int64, object])
@pytest.mark.parametrize("code", [-7, -6, -5, 0, 5, 6, 7])
def test_scalars_round_like_arrays(code: int, dtype: type, mode: Rounding) -> None:
    rounded = rounding.round_shift(np.array(code, dtype), 2, mode)
    assert rounded.shape == ()
    assert int(rounded) == oracle.round_bits(code, 2, mode)


def test_small_codes_exhaustively() -> None:
    codes = np.arange(-40, 41)
    for mode in Rounding:
        for shift in range(5):
            expected = [oracle.round_bits(int(c), shift, mode) for c in codes]
            assert rounding.round_shift(codes, shift, mode).tolist() == expected


BELOW_HALF = 0.49999999999999994
HALVES = [0.0, 0.5, 1.5, 2.5, BELOW_HALF, 0.5000000000000001, 4503599627370495.5, 2.0**53, 5e-324, 1e308]
floats = st.one_of(
    st.sampled_from(HALVES + [-h for h in HALVES]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-40, 40).map(lambda n: n / 4),
)


@holds(st.lists(floats, max_size=6), corners=((HALVES,), ([-h for h in HALVES],)))
def values(numbers: list[float]) -> None:
    for mode in Rounding:
        rounded = rounding.round_values(np.array(numbers, np.float64), mode)
        assert rounded.dtype == np.float64
        assert [int(r) for r in rounded] == [round_fraction(Fraction(n), mode) for n in numbers]


# Mutation twins: each breaks one thing, which the properties above must notice.


@pytest.mark.parametrize("mode", Rounding)
def test_twin_of_every_mode(monkeypatch: pytest.MonkeyPatch, mode: Rounding) -> None:
    def next_mode(m: Rounding) -> Rounding:
        return list(Rounding)[(list(Rounding).index(m) + 1) % len(Rounding)] if m is mode else m

    for name, broken in (
        ("round_fraction", definition),
        ("step_boundary", step_boundary),
        ("round_shift", shift),
        ("round_ratio", ratio),
        ("round_values", values),
    ):
        original = getattr(rounding, name)
        with monkeypatch.context() as patch:
            patch.setattr(rounding, name, lambda *args, f=original: f(*args[:-1], next_mode(args[-1])))
            broken.must_fail()


@pytest.mark.parametrize("mode", Rounding)
def test_twin_of_the_positions(monkeypatch: pytest.MonkeyPatch, mode: Rounding) -> None:
    original = rounding.step_positions
    other = Rounding.TRN if mode in rounding.NEAREST else Rounding.RND
    monkeypatch.setattr(rounding, "step_positions", lambda codes, m: original(codes, other if m is mode else m))
    step_positions.must_fail()


def test_twin_that_doubles_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounding, "fits_int64", lambda bound: bound <= 2**64)
    shift.must_fail()


def test_twin_of_the_naive_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding one half first rounds the number below one half up."""
    monkeypatch.setattr(rounding, "round_values", lambda numbers, _: np.floor(numbers + 0.5))
    with pytest.raises(AssertionError):
        values.check([BELOW_HALF])
