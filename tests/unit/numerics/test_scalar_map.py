# SPDX-License-Identifier: Apache-2.0
"""Staircases against the definition, code by code."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import VerificationError
from fpgann.numerics import linear_rounding, staircases
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.rounding import Rounder, Rounding
from fpgann.numerics.scalar_map import LinearRounding, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Normalize
from tests.unit.numerics import chains, oracle
from tests.unit.numerics.chains import RELU, SIGMOID, TANH, F, chain, line
from tests.unit.numerics.properties import holds

CODES = [*range(-40, 41)]


def expected(scalar_map: ScalarMap, channel: int, codes: Iterable[int]) -> list[int]:
    """The definition, for each code of one channel."""
    return [oracle.evaluate(scalar_map.steps, scalar_map.rounder, channel, F(code)) for code in codes]


def fresh(scalar_map: ScalarMap) -> ScalarMap:
    """The same map without cached staircases."""
    return ScalarMap(scalar_map.steps, scalar_map.rounder)


def check_every_path(scalar_map: ScalarMap, codes: list[int]) -> None:
    """All ways to evaluate a map yield what its definition says."""
    scalar_map = fresh(scalar_map)
    channels = scalar_map.channels
    wanted = [expected(scalar_map, channel, codes) for channel in range(channels)]
    for dtype in (np.int64, object):
        array = np.stack([np.array(codes, dtype)] * channels, axis=-1)
        assert scalar_map.apply(array).T.tolist() == wanted
        assert scalar_map._apply_steps(array).T.tolist() == wanted
        if scalar_map.linear is not None:
            assert scalar_map.linear.apply(array).T.tolist() == wanted
    ends = sorted({codes[0], codes[len(codes) // 3], codes[-len(codes) // 3], codes[-1]})
    for channel, (low, high) in itertools.product(range(channels), itertools.combinations_with_replacement(ends, 2)):
        inside = [i for i, code in enumerate(codes) if low <= code <= high]
        staircase = scalar_map.staircase(channel, low, high)
        results = staircase.apply(np.array([codes[i] for i in inside]))
        assert results.tolist() == [wanted[channel][i] for i in inside]
        assert all(low < t <= high for t in staircase.thresholds.tolist())
        assert staircase.thresholds.tolist() == sorted(staircase.thresholds.tolist())


@holds(chains.scalar_maps(), corners=tuple((corner,) for corner in chains.CORNERS))
def definition(scalar_map: ScalarMap) -> None:
    check_every_path(scalar_map, CODES)


@holds(chains.scalar_maps(linear=True), corners=tuple((c,) for c in chains.CORNERS if fresh(c).linear))
def closed_form(scalar_map: ScalarMap) -> None:
    assert fresh(scalar_map).linear is not None
    check_every_path(scalar_map, CODES)


@holds(
    chains.scalar_maps(linear=True),
    oracle.arrays_of(oracle.wide_integers, max_size=6),
    st.integers(40, 80),
    corners=(
        (chain(line(1), low=-(2**70), high=2**70), np.array(oracle.CORNERS, object), 0),
        (chain(line(F(1, 2**63)), mode=Rounding.RND_CONV), np.array(oracle.INT64_CORNERS), 0),
        (chain(line(F(1, 2**62 + 1))), np.array([2**62, 2**62 + 1, 2**63 - 1]), 0),
        (chain(line(F(3, 2**60), F(1, 2)), mode=Rounding.RND_ZERO), np.array(oracle.INT64_CORNERS), 0),
        (chain(line(-1), low=2**70, high=2**70 + 5), np.array([-(2**70) - 3, -(2**70) + 9], object), 0),
        (chain(line(2**70), low=-7), np.array([0, 0]), 0),
    ),
)
def far_codes(scalar_map: ScalarMap, codes: IntArray, bits: int) -> None:
    """Codes on both sides of 2**53 and 2**63, with steps between them."""
    scaled = ScalarMap((line(F(1, 2**bits)), *scalar_map.steps), scalar_map.rounder) if bits else scalar_map
    array = np.stack([codes] * scaled.channels, axis=-1)
    for channel in range(scaled.channels):
        wanted = expected(scaled, channel, codes.tolist())
        assert scaled.apply(array)[..., channel].tolist() == wanted
        if scaled.rounder.high - scaled.rounder.low < 1000:
            assert scaled._apply_steps(array)[..., channel].tolist() == wanted


@st.composite
def tensors(draw: st.DrawFn) -> tuple[ScalarMap, tuple[int, ...], int]:
    """A map of three channels, a shape, and the axis of its channels."""
    scale = tuple(draw(chains.gains) for _ in range(3))
    offset = tuple(draw(chains.rationals) for _ in range(3))
    curve = draw(st.sampled_from([(), (TANH, line(20))]))
    rank = draw(st.integers(1, 4))
    axis = draw(st.integers(-rank, -1))
    shape = [draw(st.integers(0, 3)) for _ in range(rank)]
    shape[axis] = 3
    return chain(Affine(scale, offset), *curve, low=-8, high=8), tuple(shape), axis


@holds(tensors())
def channels_along_any_axis(example: tuple[ScalarMap, tuple[int, ...], int]) -> None:
    scalar_map, shape, axis = example
    codes = np.arange(int(np.prod(shape))).reshape(shape) - 20
    for offset in (axis, len(shape) + axis):
        result = scalar_map.apply(codes, axis=offset)
        assert result.shape == shape
        for index in np.ndindex(*shape):
            assert int(result[index]) == expected(scalar_map, index[axis], [int(codes[index])])[0]
    one = ScalarMap(
        (
            Affine(*((v[0],) for v in (scalar_map.steps[0].scale, scalar_map.steps[0].offset))),
            *scalar_map.steps[1:],
        ),
        scalar_map.rounder,
    )
    assert one.apply(codes, axis=axis).reshape(-1).tolist() == expected(one, 0, codes.reshape(-1).tolist())


@pytest.mark.parametrize("scalar_map", [chain(line(F(1, 3))), chain(SIGMOID, line(8))])
@pytest.mark.parametrize("dtype", [np.int64, object])
def test_empty_and_scalar_arrays(scalar_map: ScalarMap, dtype: type) -> None:
    assert scalar_map.apply(np.zeros((2, 0, 3), dtype)).shape == (2, 0, 3)
    assert scalar_map.apply(np.zeros(0, dtype)).dtype == np.int64
    assert int(scalar_map.apply(np.array(5, dtype))) == expected(scalar_map, 0, [5])[0]


@pytest.mark.parametrize(("low", "high"), [(-30, -5), (-30, -3), (5, 30), (-7, -7), (7, 7), (0, 0), (-1000, -900)])
@pytest.mark.parametrize("gain", [F(1, 4), F(-1, 4)])
def test_ranges_on_one_side_of_zero(low: int, high: int, gain: Fraction) -> None:
    for scalar_map in (chain(line(gain), low=-8), chain(line(gain), TANH, line(8), low=-8)):
        codes = [*range(low, high + 1)]
        result = scalar_map.staircase(0, low, high).apply(np.array(codes))
        assert result.tolist() == expected(scalar_map, 0, codes)


@pytest.mark.parametrize("centre", [2**50, 2**51, 2**52, 2**53, 2**60, 2**70])
def test_staircases_far_out(centre: int) -> None:
    """Thresholds beyond the integers of float64 are still exact."""
    for sign, mode in itertools.product((-1, 1), Rounding):
        scalar_map = chain(line(F(sign, 3), F(1, 3) - F(sign * centre, 3)), mode=mode, low=-3, high=3)
        codes = [centre + step for step in range(-15, 16)]
        staircase = scalar_map.staircase(0, centre - 15, centre + 15)
        assert staircase.apply(np.array(codes, object)).tolist() == expected(scalar_map, 0, codes)


@pytest.mark.parametrize("base", [2**62, 2**63 - 5, 2**63, -(2**63), 2**80])
def test_outputs_beyond_int64(base: int) -> None:
    for direction in (1, -1):
        scalar_map = chain(line(direction, base + 4), TANH, line(8, base), low=base, high=base + 8)
        linear = chain(line(direction, base + 4), low=base, high=base + 8)
        codes = [*range(-9, 10)]
        for each in (scalar_map, linear):
            assert each.apply(np.array(codes)).tolist() == expected(each, 0, codes)
            assert each._apply_steps(np.array(codes)).tolist() == expected(each, 0, codes)


def test_many_steps_use_the_closed_form() -> None:
    wide = chain(line(F(1, 3)), low=-(2**40), high=2**40)
    codes = [-(2**45), -(2**42), -5, 0, 5, 2**41, 2**50]
    assert wide.apply(np.array(codes)).tolist() == expected(wide, 0, codes)
    assert not wide._staircases


def test_staircases_are_cached() -> None:
    scalar_map = chain(SIGMOID, line(8))
    first = scalar_map.staircase(0, -8, 8)
    assert scalar_map.staircase(0, -8, 8) is first
    assert scalar_map.staircase(5, -8, 8) is first  # one channel serves all
    assert scalar_map == chain(SIGMOID, line(8))
    assert hash(scalar_map) == hash(chain(SIGMOID, line(8)))


def test_multi_step_jumps() -> None:
    staircase = chain(line(3), low=-8, high=8).staircase(0, -2, 2)
    assert (staircase.base, staircase.rising) == (-6, True)
    assert staircase.thresholds.tolist() == [-1, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    falling = chain(line(-3), low=-8, high=8).staircase(0, -2, 2)
    assert (falling.base, falling.rising) == (6, False)


def test_direction() -> None:
    assert staircases.all_rising((line(-1), line(-1)), 0)
    assert not staircases.all_rising((line(-1), TANH, RELU), 0)
    assert staircases.all_rising((line(-1), line(0)), 0)
    two = (Affine((F(1), F(-1)), (F(0),)),)
    assert [staircases.all_rising(two, channel) for channel in (0, 1)] == [True, False]


def test_two_roots_whose_product_is_rational_are_refused() -> None:
    """Not supported; but refused, not rounded wrongly."""
    root = Normalize((F(1),), (F(0),), (F(0),), (F(2),))
    with pytest.raises(VerificationError, match="was taken for irrational"):
        chain(root, root, mode=Rounding.TRN).apply(np.arange(8))


FLOATS = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    0.49999999999999994,
    5e-324,
    -5e-324,
    1e-300,
    1e300,
    -1e300,
    1.7e308,
]
floats = st.one_of(st.sampled_from(FLOATS), st.floats(-40, 40), st.floats(allow_nan=False, allow_infinity=False))
powers = st.builds(
    lambda power, mode, low, span: chain(line(F(2) ** power), mode=mode, low=low, high=low + span),
    st.sampled_from([0, 4, -4, 60, -60, 1000, -1000]),
    oracle.modes,
    st.sampled_from([-8, 0, 5, -200, -(2**51)]),
    st.sampled_from([1, 15, 2**51]),
)


@holds(
    st.one_of(chains.scalar_maps(), powers),
    st.lists(floats, min_size=1, max_size=4),
    corners=(
        *((corner, FLOATS) for corner in chains.CORNERS),
        *(
            (chain(line(F(2) ** power), mode=mode, low=-8), FLOATS)
            for power in (0, 4, -1, -4, 1000, -1000)
            for mode in Rounding
        ),
    ),
)
def real_arguments(scalar_map: ScalarMap, values: list[float]) -> None:
    """float64 arguments count as the exact numbers they are."""
    array = np.stack([np.array(values, np.float64)] * scalar_map.channels, axis=-1)
    result = fresh(scalar_map).apply_floats(array)
    for channel in range(scalar_map.channels):
        wanted = [oracle.evaluate(scalar_map.steps, scalar_map.rounder, channel, F(v)) for v in values]
        assert result[..., channel].tolist() == wanted


def test_real_arguments_along_an_axis() -> None:
    scalar_map = chain(Affine((F(1), F(-1, 3)), (F(0), F(5))), TANH, line(8), low=-8, high=8)
    values: FloatArray = np.linspace(-4, 4, 24).reshape(3, 2, 4)
    result = scalar_map.apply_floats(values, axis=-2)
    for index in np.ndindex(*values.shape):
        wanted = oracle.evaluate(scalar_map.steps, scalar_map.rounder, index[1], F(float(values[index])))
        assert int(result[index]) == wanted
    assert scalar_map.apply_floats(values, axis=1).tolist() == result.tolist()


def test_real_arguments_next_to_every_step() -> None:
    """The float64 numbers on both sides of each threshold, for a curve."""
    scalar_map = chain(line(F(1, 3)), SIGMOID, line(32), high=32)
    thresholds = scalar_map._float_staircase(0).thresholds
    finite = thresholds[np.isfinite(thresholds)]
    for values in (finite, np.nextafter(finite, -np.inf), np.nextafter(finite, np.inf)):
        wanted = [oracle.evaluate(scalar_map.steps, scalar_map.rounder, 0, F(float(v))) for v in values]
        assert scalar_map.apply_floats(values).tolist() == wanted


@pytest.mark.slow
def test_a_sigmoid_of_sixteen_bits() -> None:
    scalar_map = chain(line(F(1, 1024)), SIGMOID, line(65536), high=65535)
    codes = np.arange(-32768, 32768)
    result = scalar_map.apply(codes)
    assert result[::7].tolist() == expected(scalar_map, 0, codes[::7].tolist())


# Mutation twins


def test_twin_of_the_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties fall on the other side."""
    original = staircases.step_boundary
    monkeypatch.setattr(staircases, "step_boundary", lambda c, m: (original(c, m)[0], not original(c, m)[1]))
    definition.must_fail()
    real_arguments.must_fail()


def test_twin_of_the_first_code(monkeypatch: pytest.MonkeyPatch) -> None:
    original = staircases._first_code
    monkeypatch.setattr(staircases, "_first_code", lambda bound, low, high: original(bound, low, high) + 1)
    definition.must_fail()


def test_twin_of_the_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staircases, "all_rising", lambda steps, channel: True)
    definition.must_fail()


def test_twin_of_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    original = linear_rounding.round_ratio
    monkeypatch.setattr(linear_rounding, "round_ratio", lambda n, d, mode: original(n + 1, d, mode))
    closed_form.must_fail()
    far_codes.must_fail()


def test_twin_of_the_saturation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip's limit rounded in another mode."""
    original = linear_rounding.round_fraction
    monkeypatch.setattr(linear_rounding, "round_fraction", lambda value, mode: original(value, Rounding.TRN))
    closed_form.must_fail()


def test_twin_of_int64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearRounding, "fits_int64", lambda self, codes: codes.dtype != object)
    far_codes.must_fail()


def test_twin_of_the_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    original = ScalarMap.apply
    monkeypatch.setattr(ScalarMap, "apply", lambda self, codes, axis=-1: original(self, codes))
    with pytest.raises((AssertionError, ValueError, IndexError)):
        channels_along_any_axis.unshrunk()


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize(
    ("scale", "offset"), [(F(1, 8), F(0)), (F(3, 16), F(-5, 7)), (F(2**70, 3), F(1)), (F(1, 2), F(1, 2))]
)
def test_thresholds_of_lines_equal_those_of_preimages(mode, scale, offset):
    steps = (Affine((scale,), (offset,)), Clip(F(-20), None))
    scalar_map = ScalarMap(steps, Rounder(mode, -30, 30))
    low, high = (-400, 400) if scale < 2**60 else (-1, 1)
    found = scalar_map.staircase(0, low, high)
    ends = scalar_map.apply(np.array([[low], [high]])).reshape(-1).tolist()
    wanted = staircases.invert(steps, Rounder(mode, *ends), 0, low, high)
    assert (found.base, found.rising) == (wanted.base, wanted.rising)
    assert np.array_equal(found.thresholds, wanted.thresholds)
