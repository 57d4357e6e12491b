# SPDX-License-Identifier: Apache-2.0
"""Each step's inverse: exact on half lines, and rigorous in float64."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import VerificationError
from fpgann.numerics import reals
from fpgann.numerics import steps as module
from fpgann.numerics.float_functions import Floats
from fpgann.numerics.reals import Real
from fpgann.numerics.steps import Affine, Bound, Clip, Curve, Normalize, Step
from tests.unit.numerics import chains, oracle
from tests.unit.numerics.chains import F
from tests.unit.numerics.properties import holds

any_step = st.one_of(chains.affine_steps(2), chains.normalize_steps(2), chains.clip_steps(), chains.curve_steps)
points = st.one_of(
    chains.rationals,
    st.sampled_from([F(0), F(1), F(-1), F(1, 2), F(1) - F(1, 2**60), F(1, 2**60), F(-1) + F(1, 2**80)]),
)


def lies_in(y: Fraction | mpmath.mpf, bound: Bound) -> bool:
    """Whether a number lies in a rational bound."""
    at = bound.at
    if at is None:
        return bound.always
    at = at if isinstance(y, Fraction) else oracle.to_mp(at)
    if y == at:
        return bound.inclusive
    return (y > at) == bound.rising


def lies_in_real(x: Fraction, bound: Bound) -> bool:
    """Whether a rational number lies in any bound."""
    if bound.at is None:
        return bound.always
    side = reals.sign(reals.add(x, reals.multiply(bound.at, F(-1))))
    return bound.inclusive if side == 0 else (side > 0) == bound.rising


@holds(
    any_step,
    points,
    st.booleans(),
    st.booleans(),
    st.lists(points, min_size=1, max_size=5),
    corners=(
        *(
            (Clip(F(1), None), F(1), inclusive, rising, [F(0), F(1), F(2)])
            for inclusive in (True, False)
            for rising in (True, False)
        ),
        *(
            (Clip(None, F(1)), F(1), inclusive, rising, [F(0), F(1), F(2)])
            for inclusive in (True, False)
            for rising in (True, False)
        ),
        *(
            (Clip(F(1), F(1)), F(1), inclusive, rising, [F(0), F(1), F(2)])
            for inclusive in (True, False)
            for rising in (True, False)
        ),
        *(
            (curve, limit, inclusive, rising, [F(-3), F(0), F(3)])
            for curve in (Curve("sigmoid"), Curve("tanh"))
            for limit in (F(-1), F(0), F(1, 2), F(1))
            for inclusive in (True, False)
            for rising in (True, False)
        ),
    ),
)
def preimage(step: Step, at: Fraction, inclusive: bool, rising: bool, arguments: list[Fraction]) -> None:
    """x lies in the preimage exactly if the step's result lies in the bound."""
    bound = Bound(at, inclusive, rising)
    for channel in (0, 1):
        inverse = step.preimage(bound, channel)
        inner = [*arguments, *_next_to(inverse.at)]
        for x in inner:
            with mpmath.workprec(oracle.PRECISION_BITS):
                exact, value = oracle.apply(step, channel, x, oracle.to_mp(x))
                expected = lies_in(value if exact is None else exact, bound)
            assert lies_in_real(x, inverse) == expected


def _next_to(at: Real | None) -> list[Fraction]:
    """A rational bound and what lies close to any bound on both sides."""
    if at is None:
        return []
    low, high = reals.enclose(at, 128)
    nearby = F(1, 2**90)
    return [low - nearby, high + nearby, *([low] if low == high else [])]


@holds(any_step, st.booleans(), st.booleans())
def nothing_and_everything(step: Step, always: bool, rising: bool) -> None:
    bound = Bound(None, always=always, rising=rising)
    for channel in (0, 1):
        assert step.preimage(bound, channel).at is None
        assert step.preimage(bound, channel).always == always


@holds(any_step, chains.rationals)
def gain(step: Step, x: Fraction) -> None:
    """The sign of the slope is that of a difference, where there is any."""
    with mpmath.workprec(oracle.PRECISION_BITS):
        for channel in (0, 1):
            ends = [oracle.apply(step, channel, at, oracle.to_mp(at)) for at in (x, x + 1)]
            difference = ends[1][1] - ends[0][1]
            sign = int(mpmath.sign(difference)) if abs(difference) > mpmath.mpf(2) ** -300 else 0
            assert sign == step.gain(channel) or (sign == 0 and isinstance(step, Clip))


ranges = st.sampled_from([F(1), F(1, 2**30), F(2**40), F(1, 2**500), F(2**500), F(1, 2**1000), F(2**1000)])
scales = st.sampled_from([F(1), F(1, 2**30), F(2**40), F(1, 2**500), F(2**500), F(1, 2**1060), F(2**1060)])
near_limits = st.builds(
    lambda limit, tiny: limit + tiny,
    st.sampled_from([F(0), F(1), F(-1)]),
    st.builds(Fraction, st.integers(-3, 3), st.sampled_from([2**20, 2**52, 2**70])),
)


@holds(
    st.lists(any_step, min_size=1, max_size=4),
    st.lists(st.one_of(points, near_limits, st.builds(Fraction.__mul__, points, ranges)), min_size=1, max_size=6),
    scales,
    corners=(
        ([Clip(None, F(4)), Curve("sigmoid"), Clip(F(1, 2), None)], [F(1, 2)], F(1)),
        ([Curve("sigmoid"), Clip(F(1, 2), None)], [F(1, 4), F(1, 2), F(3, 4)], F(1)),
        ([Curve("tanh")], [F(-1), F(0), F(1), F(1) - F(1, 2**53), F(1) - F(1, 2**80), F(2)], F(1)),
        ([Affine((F(1, 2**990),), (F(0),)), Affine((F(2**565),), (F(0),))], [F(1)], F(2**500)),
        ([Curve("sigmoid")], [F(2) ** 60 - 1], F(2**60)),
        ([chains.RELU, chains.RELU, Curve("sigmoid")], [1 - F(1, 2**60), 1 - F(1, 2**53)], F(1)),
    ),
)
def preimage_floats(steps: list[Step], ends: list[Fraction], scale: Fraction) -> None:
    """The exact preimage lies within the error radius; an infinite centre means beyond everything."""
    steps = [*steps[:2], Affine((scale,), (F(1, 3),)), *steps[2:]]
    for channel in (0, 1):
        at = np.array([Floats.number(end) for end in ends])
        errors = [abs(end - F(float(a))) for end, a in zip(ends, at, strict=True)]
        bounds = (at, np.array([float(error) * 1.01 + 2.0**-1070 * (error > 0) for error in errors]))
        for step in reversed(steps):
            bounds = step.preimage_floats(bounds, channel)
        for end, centre, radius in zip(ends, *bounds, strict=True):
            if not np.isfinite(radius):
                continue
            bound = Bound(end)
            try:
                for step in reversed(steps):
                    bound = step.preimage(bound, channel)
            except VerificationError:
                continue  # a product of roots that happens to be rational
            if np.isinf(centre):
                assert bound.at is None
            else:
                assert bound.at is not None
                low, high = reals.enclose(bound.at, 512)
                assert F(float(centre)) - F(float(radius)) <= high
                assert low <= F(float(centre)) + F(float(radius))


def test_curves_are_their_own_inverse() -> None:
    for name, definition in module.CURVES.items():
        y = np.linspace(float(definition.low), float(definition.high), 1001)[1:-1]
        x = definition.inverse_float(y)
        forward = 1 / (1 + np.exp(-x)) if name == "sigmoid" else np.tanh(x)
        assert np.max(np.abs(forward - y)) < 1e-14
        for value in y[::100]:
            enclosed = definition.inverse(mpmath.iv.mpf(float(value)))
            assert abs(float(enclosed.mid) - definition.inverse_float(np.array(value))) < 1e-12


def test_channels() -> None:
    one, two = (F(1),), (F(1), F(2))
    assert Affine(one, two).channels == 2
    assert Affine(two, one).at(1) == (F(2), F(1))
    assert Affine(two, one).at(3) == (F(2), F(1))
    assert Normalize(one, one, two, one).channels == 2
    assert Normalize(one, one, two, one).at(1) == (F(1), F(1), F(2), F(1))
    assert Clip(None, None).channels == Curve("tanh").channels == 1


# Mutation twins


def test_twin_that_ignores_the_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Affine.preimage

    def broken(self: Affine, bound: Bound, channel: int) -> Bound:
        inverse = original(self, bound, channel)
        return Bound(inverse.at, inverse.inclusive, bound.rising, inverse.always)

    monkeypatch.setattr(Affine, "preimage", broken)
    preimage.must_fail()


def test_twin_that_misses_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clip, "preimage", lambda self, bound, channel: bound)
    preimage.must_fail()


def test_twin_without_error_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EPSILON", 0.0)
    preimage_floats.must_fail()


def test_twin_that_forgets_subnormal_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TINY", 0.0)
    monkeypatch.setattr(module, "_LEAST", 2.0**-1023)
    preimage_floats.must_fail()
