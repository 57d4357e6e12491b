# SPDX-License-Identifier: Apache-2.0
"""Random and chosen chains of steps, for the tests of steps and of ScalarMap."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize, Step

F = Fraction

rationals = st.builds(Fraction, st.integers(-64, 64), st.sampled_from([1, 2, 4, 8, 3, 7]))
positives = st.builds(Fraction, st.integers(1, 50), st.sampled_from([1, 4, 3]))
gains = st.one_of(rationals, st.sampled_from([F(0), F(1), F(-1), F(1, 16), F(-1, 16)]))


@st.composite
def affine_steps(draw: st.DrawFn, channels: int) -> Affine:
    """Scale and offset, one for all channels or one for each."""
    return Affine(_each(draw, gains, channels), _each(draw, rationals, channels))


@st.composite
def normalize_steps(draw: st.DrawFn, channels: int) -> Normalize:
    """Batch normalization; its square root is rational for some channels only."""
    parameters = (gains, rationals, rationals, positives)
    return Normalize(*(_each(draw, numbers, channels) for numbers in parameters))


@st.composite
def clip_steps(draw: st.DrawFn) -> Clip:
    """One limit, both or none; sometimes equal ones."""
    low, high = sorted((draw(rationals), draw(rationals)))
    return draw(st.sampled_from([Clip(F(0), None), Clip(low, None), Clip(None, high), Clip(low, high), Clip(low, low)]))


curve_steps = st.sampled_from([Curve("sigmoid"), Curve("tanh")])


def _each(draw: st.DrawFn, numbers: st.SearchStrategy[Fraction], channels: int) -> tuple[Fraction, ...]:
    count = draw(st.sampled_from([1, channels]))
    return tuple(draw(numbers) for _ in range(count))


@st.composite
def scalar_maps(draw: st.DrawFn, *, linear: bool = False) -> ScalarMap:
    """Chains of one to four steps with any rounding.

    At most one Normalize and one Curve, so that the oracle can tell rational results from irrational ones.
    """
    channels = draw(st.sampled_from([1, 1, 3]))
    kinds = ["affine", "clip"] if linear else ["affine", "clip", "normalize", "curve"]
    steps: list[Step] = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=0 if linear else 1, max_size=4)):
        if kind == "affine":
            steps.append(draw(affine_steps(channels)))
        elif kind == "clip":
            steps.append(draw(clip_steps()))
        elif kind == "normalize" and not any(isinstance(step, Normalize) for step in steps):
            steps.append(draw(normalize_steps(channels)))
        elif kind == "curve" and not any(isinstance(step, Curve) for step in steps):
            # spread over several codes, in either direction
            steps += [draw(curve_steps), Affine((draw(st.sampled_from([F(32), F(-8), F(100, 3)])),), (F(0),))]
    low = draw(st.sampled_from([-8, -1, 0, -200]))
    high = low + draw(st.sampled_from([0, 1, 7, 15, 300]))
    return ScalarMap(tuple(steps), Rounder(draw(st.sampled_from(Rounding)), low, high))


def chain(*steps: Step, mode: Rounding = Rounding.RND, low: int = 0, high: int = 7) -> ScalarMap:
    """A map, written short."""
    return ScalarMap(steps, Rounder(mode, low, high))


def line(scale: Fraction | int, offset: Fraction | int = 0) -> Affine:
    """One factor and one addend for all channels."""
    return Affine((F(scale),), (F(offset),))


SIGMOID, TANH, RELU = Curve("sigmoid"), Curve("tanh"), Clip(F(0), None)

# Each was wrong once, or is where two branches meet.
CORNERS = [
    chain(),
    chain(line(1), mode=Rounding.RND_CONV),
    chain(line(F(1, 2)), mode=Rounding.RND_CONV),
    chain(line(F(-1, 2)), mode=Rounding.RND_ZERO),
    chain(line(0, F(1, 2)), mode=Rounding.RND_MIN_INF),  # constant, on a tie
    chain(line(0, F(7, 2)), line(-1)),
    chain(RELU, line(0, 3)),
    chain(line(3), low=-8, high=300),  # several steps at once
    chain(line(-3), low=-8, high=300),
    chain(line(1000), low=0, high=300),  # all steps at once
    chain(Clip(F(5, 2), F(5, 2))),  # both limits on a tie
    chain(Clip(F(5, 2), F(5, 2)), mode=Rounding.RND_MIN_INF),
    chain(Clip(F(1, 2), F(9, 2)), mode=Rounding.RND_CONV),
    chain(line(-1), RELU, line(-1), low=-8, high=0),
    chain(SIGMOID, line(8)),
    chain(SIGMOID, line(-8), low=-8, high=0),
    chain(TANH, line(8), low=-8, high=8),
    chain(SIGMOID, line(255), high=255),
    chain(SIGMOID, low=0, high=1),  # a tie exactly at zero
    chain(SIGMOID, mode=Rounding.RND_MIN_INF, low=0, high=1),
    chain(SIGMOID, mode=Rounding.CEIL, low=0, high=1),  # the limits themselves are never reached
    chain(SIGMOID, mode=Rounding.TRN, low=0, high=1),
    chain(line(F(1, 4)), TANH, RELU, line(16), high=15),
    # the bound of the last clip lies on a step: no interval of float64 can decide it
    chain(Clip(None, F(4)), SIGMOID, line(8), Clip(F(1, 2), None)),
    chain(Clip(F(-3), None), TANH, line(8), Clip(None, F(5, 2)), low=-8),
    chain(line(F(1, 4)), SIGMOID, TANH, line(64), high=63),
    chain(Normalize((F(2),), (F(0),), (F(3),), (F(2),)), low=-8),  # beta at the mean
    chain(Normalize((F(-2),), (F(1, 2),), (F(3),), (F(4),)), low=-8),  # a rational root
    chain(Normalize((F(0),), (F(5, 2),), (F(3),), (F(2),)), low=-8),
    # beyond what float64 can hold on the way
    chain(line(F(1, 2**600)), line(F(1, 2**600)), line(2**1200), line(1, F(-3, 5)), low=-8),
    chain(line(F(1, 2**600)), line(F(1, 2**600), F(1, 2**1210)), line(2**1200), low=-8),
    chain(line(F(1, 2**1100)), line(2**1100, F(1, 3)), low=-8),
    chain(line(2**1100), line(F(1, 2**1100), F(1, 3)), low=-8),
    chain(line(1), Clip(-F(2**1100), F(2**1100)), low=-8),
    chain(line(1, 2**1100), line(1, -(2**1100)), low=-8),
]
