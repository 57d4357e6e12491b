# SPDX-License-Identifier: Apache-2.0
"""Every function of the table against mpmath at 200 digits, written again from the literature."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fpgann.errors import VerificationError
from fpgann.numerics import balls, functions, reals, runs
from fpgann.numerics.balls import Ball
from fpgann.numerics.float_functions import evaluate_floats
from fpgann.numerics.function_values import evaluate_balls, evaluate_exactly
from fpgann.numerics.functions import TABLE, Function
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding, round_fraction
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize, Step

F = Fraction
DIGITS = 200
INFINITE = mpmath.mpf(10) ** 4000
mp = mpmath.mp


def power(x: mpmath.mpf, exponent: mpmath.mpf) -> mpmath.mpf:
    if exponent == int(exponent):
        return INFINITE if x == 0 and exponent < 0 else x ** int(exponent)
    x = max(x, mpmath.mpf(0))
    return (mpmath.mpf(0) if exponent > 0 else INFINITE) if x == 0 else mp.exp(exponent * mp.log(x))


def half_even(x: mpmath.mpf) -> mpmath.mpf:
    floor = mp.floor(x)
    return floor + (x - floor > 0.5 or (x - floor == 0.5 and floor % 2 == 1))


ORACLE: dict[Function, Callable[..., mpmath.mpf]] = {
    Function.RELU: lambda x: max(x, 0),
    Function.LEAKY_RELU: lambda x, slope: x if x >= 0 else slope * x,
    Function.THRESHOLDED_RELU: lambda x, alpha: x if x > alpha else 0,
    Function.CLIP: lambda x, low, high: min(max(x, low), high),
    Function.HARD_SIGMOID: lambda x, alpha, beta: max(0, min(1, alpha * x + beta)),
    Function.HARD_SWISH: lambda x: x * max(0, min(1, x / 6 + mpmath.mpf(1) / 2)),
    Function.SIGMOID: lambda x: 1 / (1 + mp.exp(-x)),
    Function.TANH: mp.tanh,
    Function.ELU: lambda x, alpha: x if x >= 0 else alpha * (mp.exp(x) - 1),
    Function.SELU: lambda x, alpha, gamma: gamma * (x if x > 0 else alpha * mp.exp(x) - alpha),
    Function.CELU: lambda x, alpha: max(0, x) + min(0, alpha * (mp.exp(x / alpha) - 1)),
    Function.SOFTPLUS: lambda x: mp.log(mp.exp(x) + 1),
    Function.SOFTSIGN: lambda x: x / (1 + abs(x)),
    Function.GELU: lambda x: x * mp.ncdf(x),
    Function.GELU_TANH: lambda x: x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mpmath.mpf("0.044715") * x**3))),
    Function.MISH: lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    Function.SWISH: lambda x, alpha: x / (1 + mp.exp(-alpha * x)),
    Function.ERF: mp.erf,
    Function.EXP: mp.exp,
    Function.LOG: lambda x: -INFINITE if x <= 0 else mp.log(x),
    Function.SQRT: lambda x: mp.sqrt(max(x, 0)),
    Function.RSQRT: lambda x: INFINITE if x <= 0 else 1 / mp.sqrt(x),
    Function.RECIPROCAL: lambda x: INFINITE if x == 0 else 1 / x,
    Function.SQUARE: lambda x: x * x,
    Function.POW: power,
    Function.ABS: abs,
    Function.SIGN: mp.sign,
    Function.FLOOR: mp.floor,
    Function.CEIL: mp.ceil,
    Function.ROUND: half_even,
}

SHAPES: dict[str, list[tuple[Fraction, ...]]] = {
    "slope": [(F(1, 8),), (F(float(np.float32(0.01))),), (F(-1, 3),), (F(0),), (F(2),)],
    "alpha": [(F(1),), (F(float(np.float32(1.6))),), (F(1, 3),)],
    "exponent": [(F(3),), (F(4),), (F(-1),), (F(-2),), (F(1, 2),), (F(-1, 2),), (F(3, 2),), (F(0.3),), (F(0),)],
}
SHAPES_OF = {
    Function.CLIP: [(F(-1), F(2)), (F(1, 3), F(5)), (F(1), F(-1))],
    Function.HARD_SIGMOID: [(F(1, 5), F(1, 2)), (F(-1, 3), F(1, 4)), (F(0), F(1, 4))],
    Function.SELU: [(F(1.67326319217681884765625), F(1.05070102214813232421875))],
    Function.THRESHOLDED_RELU: [(F(1),), (F(-1, 3),)],
    Function.SWISH: [(F(1),), (F(float(np.float32(1.702))),), (F(-1),), (F(0),)],
}


def shapes(function: Function) -> list[tuple[Fraction, ...]]:
    names = TABLE[function].parameters
    return SHAPES_OF.get(function) or (SHAPES[names[0]] if names else [()])


CASES = [(function, parameters) for function in Function for parameters in shapes(function)]
IDS = [f"{function.value}{i}" for i, (function, _) in enumerate(CASES)]


def to_mp(number: Fraction) -> mpmath.mpf:
    return mpmath.mpf(number.numerator) / number.denominator


def true_value(function: Function, parameters: tuple[Fraction, ...], x: Fraction) -> mpmath.mpf:
    return mpmath.mpf(ORACLE[function](to_mp(x), *map(to_mp, parameters)))


def oracle_code(value: mpmath.mpf, scale: Fraction, rounder: Rounder) -> int:
    """Round a number of 200 digits; what is within 100 digits of a tie is one."""
    doubled = 2 * value * to_mp(scale)
    nearest = mp.nint(doubled)
    is_tie = abs(doubled - nearest) < mpmath.mpf(10) ** -100 * (1 + abs(doubled))
    below = int(nearest if is_tie else mp.floor(doubled))
    exact = F(below, 2) if is_tie else F(2 * below + 1, 4)
    return min(max(round_fraction(exact, rounder.mode), rounder.low), rounder.high)


def chain(function: Function, parameters: tuple[Fraction, ...], into: Fraction, out: Fraction, rounder: Rounder):
    curve = Curve(function.value, tuple((p,) for p in parameters))
    return ScalarMap((Affine((into,), (F(0),)), curve, Affine((out,), (F(0),))), rounder)


@pytest.mark.parametrize("mode", [Rounding.RND_CONV, Rounding.TRN, Rounding.UP])
@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_all_codes_of_8_bits(function: Function, parameters: tuple[Fraction, ...], mode: Rounding) -> None:
    into, out = F(1, 16), F(float(np.float32(7.3)))
    rounder = Rounder(mode, -128, 127)
    codes = np.arange(-128, 128)
    scalar_map = chain(function, parameters, into, out, rounder)
    with mpmath.workdps(DIGITS):
        wanted = [oracle_code(true_value(function, parameters, code * into), out, rounder) for code in range(-128, 128)]
    assert scalar_map.apply(codes).tolist() == wanted
    assert scalar_map.runs(0, -128, 127).apply(codes).tolist() == wanted
    assert scalar_map.apply_floats(codes.astype(np.float64)).tolist() == wanted
    assert scalar_map.reach(CodeRange(-128, 127)) == CodeRange(min(wanted), max(wanted))
    assert scalar_map.reach(CodeRange(-7, 30)) == CodeRange(min(wanted[121:159]), max(wanted[121:159]))


@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_float64_values(function: Function, parameters: tuple[Fraction, ...]) -> None:
    x = np.concatenate([np.linspace(-9, 9, 289), [-700.0, 700.0, 1e-9, -1e-9]])
    got = evaluate_floats(function, x, *(np.array(float(p)) for p in parameters))
    with mpmath.workdps(DIGITS):
        for number, value in zip(x, got, strict=True):
            true = true_value(function, parameters, F(float(number)))
            if abs(true) < 1e300:
                assert abs(value - true) <= 1e-13 * abs(true) + 1e-300, number
            else:
                assert abs(value) > 1e299


@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_balls_hold_the_value(function: Function, parameters: tuple[Fraction, ...]) -> None:
    rng = np.random.default_rng(1)
    centre = np.concatenate([rng.normal(0, 4, 150), np.arange(-8.0, 8.0, 0.5), [40.0, -40.0, 0.1, 1e-8]])
    radius = np.where(rng.random(centre.size) < 0.4, 0.0, 10.0 ** rng.uniform(-12, -0.5, centre.size))
    shift = rng.choice([-1.0, 0.0, 0.5, 1.0], centre.size)
    result = evaluate_balls(function, parameters, Ball(centre, radius))
    with mpmath.workdps(DIGITS):
        for c, r, s, low, high in zip(centre, radius, shift, result.low, result.high, strict=True):
            x = F(float(c)) + F(float(r)) * F(float(s))
            true = true_value(function, parameters, x)
            if abs(true) < INFINITE / 2:
                slack = abs(true) * mpmath.mpf(10) ** -150
                assert low - slack <= true <= high + slack, (c, r, s)
            else:
                assert (high if true > 0 else -low) == np.inf


@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_balls_of_exact_numbers_are_tight(function: Function, parameters: tuple[Fraction, ...]) -> None:
    """Else nearly every result would be settled the slow way."""
    x = np.linspace(-6.03, 6.05, 500)
    result = evaluate_balls(function, parameters, Ball.of_floats(x))
    assert np.all(result.radius <= 1e-13 * np.maximum(1.0, np.abs(result.centre)))


@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_irrational_arguments(function: Function, parameters: tuple[Fraction, ...]) -> None:
    for radicand, offset in ((2, 0), (3, -2), (7, -F(11, 4)), (5, -9), (10**9, 0), (10**9, -70000)):
        x = reals.add(reals.sqrt(F(radicand)), F(offset))
        number = evaluate_exactly(function, parameters, x)
        with mpmath.workdps(DIGITS):
            argument = mp.sqrt(radicand) + to_mp(F(offset))
            true = mpmath.mpf(ORACLE[function](argument, *map(to_mp, parameters)))
            scaled = true * 2**20
            assume_clear = abs(scaled - mp.nint(scaled)) > mpmath.mpf(10) ** -100 and abs(scaled) < INFINITE / 2
            if assume_clear:
                assert reals.floor(reals.multiply(number, F(2**20))) == int(mp.floor(scaled))


@pytest.mark.parametrize("x", [F(10**6), F(-(10**6)), F(10**15), F(-(10**15)), F(1, 10**15), F(-1, 10**15)], ids=str)
@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_extreme_arguments_are_rounded_right(function: Function, parameters: tuple[Fraction, ...], x: Fraction) -> None:
    """Down to the sign of what is far too small to be a float64."""
    number = evaluate_exactly(function, parameters, x)
    below, nearest = reals.rounded(number, Rounding.TRN), reals.rounded(number, Rounding.RND)
    above = reals.rounded(number, Rounding.CEIL)
    assert below <= nearest <= above <= below + 1
    assert reals.floor(number) == below


@pytest.mark.parametrize(("function", "parameters"), CASES, ids=IDS)
def test_turning_points(function: Function, parameters: tuple[Fraction, ...]) -> None:
    """Between them all samples rise or all fall."""
    turning = TABLE[function].turning(*parameters)
    assert turning is not None
    x = np.linspace(-8, 8, 200_001)
    y = evaluate_floats(function, x, *(np.array(float(p)) for p in parameters))
    edges = [-np.inf, *(float(end) for point in turning for end in point), np.inf]
    for low, high in pairwise(edges):
        inside = (x > low) & (x < high) & (np.abs(y) < 1e6)
        change = np.diff(y[inside])
        change = change[np.abs(change) > 1e-13]
        assert np.all(change > 0) or np.all(change < 0)


@pytest.mark.parametrize("digits", ["GELU", "GELU_TANH", "MISH", "SWISH"])
def test_irrational_turning_points(digits: str) -> None:
    """The derivative changes its sign within the bounds that the table gives."""
    function = Function[digits]
    parameters = (F(1),) if function is Function.SWISH else ()
    ((low, high),) = TABLE[function].turning(*parameters)
    assert high - low <= F(3, 10**18)
    with mpmath.workdps(60):
        slope = [mp.diff(lambda x: ORACLE[function](x, *map(to_mp, parameters)), to_mp(end)) for end in (low, high)]
    assert slope[0] < 0 < slope[1]


steps = st.one_of(
    st.builds(lambda s, o: Affine((s,), (o,)), st.fractions(-4, 4, max_denominator=9), st.fractions(-3, 3)),
    st.just(Clip(F(-2), F(3))),
    st.just(Normalize((F(2),), (F(1, 3),), (F(1, 7),), (F(5),))),
    st.sampled_from(CASES).map(lambda case: Curve(case[0].value, tuple((p,) for p in case[1]))),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=1, max_size=4), st.sampled_from(Rounding), st.integers(3, 9))
@example([Curve("floor", ()), Curve("ceil", ())], Rounding.RND, 4)
@example([Curve("floor", ()), Curve("floor", ())], Rounding.RND, 4)
def test_runs_are_what_single_numbers_say(chosen: list[Step], mode: Rounding, bits: int) -> None:
    """Chains of functions that turn, with pieces that are flat, on a range of codes: halving misses nothing."""
    scalar_map = ScalarMap((Affine((F(1, 11),), (F(0),)), *chosen), Rounder(mode, -40, 77))
    codes = np.arange(-(1 << bits), 1 << bits)
    each = scalar_map.apply(codes)
    assert scalar_map.runs(0, int(codes[0]), int(codes[-1])).apply(codes).tolist() == each.tolist()
    assert scalar_map.reach(CodeRange(int(codes[0]), int(codes[-1]))) == CodeRange(int(each.min()), int(each.max()))


def test_wide_accumulators_need_few_evaluations() -> None:
    """Thresholds of a function that falls and rises, among 2**40 codes."""
    scalar_map = chain(Function.GELU, (), F(1, 2**36), F(64), Rounder(Rounding.RND, -128, 127))
    found = scalar_map.runs(0, -(1 << 40), 1 << 40)
    codes = np.concatenate([found.starts, found.starts - 1])
    assert np.array_equal(found.apply(codes), scalar_map.apply(codes))
    assert len(found.starts) == 127 + 11 * 2
    assert found.staircase is None


def test_wide_results() -> None:
    """32-bit results of 32-bit codes: no list of them is ever made."""
    scalar_map = chain(Function.SIGMOID, (), F(1, 2**28), F(2**32), Rounder(Rounding.RND, 0, 2**32 - 1))
    codes = np.array([0, 1, -(2**31), 2**31 - 1, 12345678])
    with mpmath.workdps(DIGITS):
        wanted = [
            oracle_code(true_value(Function.SIGMOID, (), F(int(c), 2**28)), F(2**32), scalar_map.rounder) for c in codes
        ]
    assert scalar_map.apply(codes).tolist() == wanted


def test_results_beyond_int64() -> None:
    scalar_map = chain(Function.EXP, (), F(1), F(2**20), Rounder(Rounding.RND, -(2**80), 2**80))
    assert scalar_map.apply(np.array([0, 10, 60])).tolist()[:1] == [2**20]
    with mpmath.workdps(DIGITS):
        assert scalar_map.apply(np.array([41])).tolist() == [int(mp.nint(mp.exp(41) * 2**20))]
    assert scalar_map.apply(np.array([1000, -1000])).tolist() == [2**80, 0]


# Mutation twins


def test_twin_without_the_error_of_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balls, "_FUNCTION", 0.0)
    monkeypatch.setattr(balls, "_TINY", 0.0)
    with pytest.raises(AssertionError):
        test_balls_hold_the_value(Function.EXP, ())


def test_twin_that_forgets_a_turning_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_cut", lambda steps, channel, part, point: [part])
    with pytest.raises(AssertionError):
        test_all_codes_of_8_bits(Function.ABS, (), Rounding.RND_CONV)


def test_twin_that_takes_a_rational_root_for_irrational(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "root", lambda value, degree_bits: None)
    number = evaluate_exactly(Function.SQRT, (), F(4, 9))
    with pytest.raises(VerificationError, match="irrational"):
        reals.rounded(reals.multiply(number, F(3)), Rounding.TRN)
