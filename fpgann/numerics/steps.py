# SPDX-License-Identifier: Apache-2.0
"""The real functions a ScalarMap is made of, evaluated and inverted exactly.

Each step can be evaluated, once exactly (`apply`) and once on many float64 numbers with rigorous error radii
(`apply_balls`); the first decides the few results that the second leaves in doubt.

An invertible step knows the preimage of a half line too, likewise exactly (`preimage`) and for many half lines at a
time (`preimage_floats`): that finds the thresholds of a staircase without any search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import mpmath
import numpy as np

from fpgann.numerics import reals
from fpgann.numerics.balls import Ball, Balls
from fpgann.numerics.float_functions import Floats, evaluate_floats
from fpgann.numerics.function_values import evaluate_balls, evaluate_exactly
from fpgann.numerics.functions import TABLE, Function, Parameters, Point
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.reals import Real

_EPSILON = 2.0**-51  # two units in the last place: one for the operation, one for the constant
_TINY = 2.0**-1060  # covers what float64 loses below its normal numbers
_LEAST = 2.0**-1000  # numbers below have too few bits left to be factors

FloatBounds: TypeAlias = tuple[FloatArray, FloatArray]  # centres and error radii


@dataclass(frozen=True, slots=True)
class Bound:
    """One half of the real line: all x >= at (or > at if not inclusive), mirrored if not rising.

    `at` None stands for the whole line (`always`) or for nothing.
    """

    at: Real | None
    inclusive: bool = True
    rising: bool = True
    always: bool = False


@dataclass(frozen=True, slots=True)
class Affine:
    """y = scale * x + offset with exact rational numbers, one pair per channel or one for all."""

    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]

    @property
    def channels(self) -> int:
        """How many channels differ; 1 if all share one pair."""
        return max(len(self.scale), len(self.offset))

    def at(self, channel: int) -> tuple[Fraction, Fraction]:
        """Scale and offset of one channel."""
        return self.scale[channel % len(self.scale)], self.offset[channel % len(self.offset)]

    def gain(self, channel: int) -> int:
        """Sign of the slope: 1, 0 or -1."""
        return reals.sign(self.at(channel)[0])

    def apply(self, x: Real, channel: int) -> Real:
        """The exact value."""
        scale, offset = self.at(channel)
        return offset if scale == 0 else reals.add(reals.multiply(x, scale), offset)

    def apply_balls(self, x: Ball, channel: int) -> Ball:
        """The values of many numbers with errors."""
        scale, offset = self.at(channel)
        scaled = x if scale == 1 else x * Balls.number(scale)
        return scaled if offset == 0 else scaled + Balls.number(offset)

    def preimage(self, bound: Bound, channel: int) -> Bound:
        """The x for which y lies in a bound."""
        scale, offset = self.at(channel)
        if bound.at is None:
            return bound
        if scale == 0:
            return _constant(offset, bound)
        at = reals.multiply(reals.add(bound.at, -offset), 1 / scale)
        return Bound(at, bound.inclusive, bound.rising == (scale > 0))

    def preimage_floats(self, bounds: FloatBounds, channel: int) -> FloatBounds:
        """The same for many bounds: centres and error radii."""
        scale, offset = self.at(channel)
        return _solve_affine(bounds, Floats.number(scale), Floats.number(offset))


@dataclass(frozen=True, slots=True)
class Normalize:
    """Batch normalization, y = (x - mean) / sqrt(variance) * gamma + beta, exact, square root included.

    Ioffe and Szegedy 2015, algorithm 2; `variance` includes epsilon. One entry per channel or one for all.
    """

    gamma: tuple[Fraction, ...]
    beta: tuple[Fraction, ...]
    mean: tuple[Fraction, ...]
    variance: tuple[Fraction, ...]

    @property
    def channels(self) -> int:
        """How many channels differ."""
        return max(len(self.gamma), len(self.beta), len(self.mean), len(self.variance))

    def at(self, channel: int) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        """Gamma, beta, mean and variance of one channel."""
        gamma, beta, mean, variance = (v[channel % len(v)] for v in (self.gamma, self.beta, self.mean, self.variance))
        return gamma, beta, mean, variance

    def gain(self, channel: int) -> int:
        """Sign of the slope: 1, 0 or -1."""
        return reals.sign(self.at(channel)[0])

    def apply(self, x: Real, channel: int) -> Real:
        """The exact value; beta where x equals the mean."""
        gamma, beta, mean, variance = self.at(channel)
        if gamma == 0 or x == mean:
            return beta
        gain = reals.multiply(reals.reciprocal(reals.sqrt(variance)), gamma)
        return reals.add(reals.multiply(reals.add(x, -mean), gain), beta)

    def apply_balls(self, x: Ball, channel: int) -> Ball:
        """The values of many numbers with errors."""
        gamma, beta, mean, variance = (Balls.number(v) for v in self.at(channel))
        return (x - mean) * (gamma / Balls.sqrt(variance)) + beta

    def preimage(self, bound: Bound, channel: int) -> Bound:
        """The x for which y lies in a bound; exactly the mean where y equals beta."""
        gamma, beta, mean, variance = self.at(channel)
        if bound.at is None:
            return bound
        if gamma == 0:
            return _constant(beta, bound)
        distance = reals.multiply(reals.add(bound.at, -beta), 1 / gamma)
        at = reals.add(reals.multiply(distance, reals.sqrt(variance)), mean)
        return Bound(at, bound.inclusive, bound.rising == (gamma > 0))

    def preimage_floats(self, bounds: FloatBounds, channel: int) -> FloatBounds:
        """The same for many bounds: centres and error radii."""
        gamma, beta, mean, variance = self.at(channel)
        is_normal = min(abs(gamma), variance) > _LEAST
        gain = Floats.number(gamma) / Floats.number(variance) ** 0.5 if is_normal else 0.0
        return _solve_affine(_solve_affine(bounds, gain, Floats.number(beta)), 1.0, -Floats.number(mean))


@dataclass(frozen=True, slots=True)
class Clip:
    """y = min(max(x, low), high); ReLU is Clip(0, None)."""

    low: Fraction | None
    high: Fraction | None

    @property
    def channels(self) -> int:
        """One function for all."""
        return 1

    def gain(self, channel: int) -> int:
        """Sign of the slope."""
        del channel
        return 1

    def clip(self, value: Fraction) -> Fraction:
        """The clipped value of a fraction."""
        value = value if self.low is None else max(value, self.low)
        return value if self.high is None else min(value, self.high)

    def apply(self, x: Real, channel: int) -> Real:
        """The exact value."""
        del channel
        if self.low is not None and reals.compare(x, self.low) < 0:
            x = self.low
        return self.high if self.high is not None and reals.compare(x, self.high) > 0 else x

    def apply_balls(self, x: Ball, channel: int) -> Ball:
        """The values of many numbers with errors."""
        del channel
        low, high = (reals.BEYOND * sign if v is None else v for v, sign in ((self.low, -1), (self.high, 1)))
        return Balls.clip(x, Balls.number(low), Balls.number(high))

    def preimage(self, bound: Bound, channel: int) -> Bound:
        """The x for which y lies in a bound."""
        del channel
        if bound.at is None:
            return bound
        for limit, is_floor in ((self.low, True), (self.high, False)):
            if limit is None:
                continue
            position = reals.sign(reals.add(bound.at, -limit))  # where the bound lies, seen from the limit
            outside = -position if is_floor else position
            if outside > 0 or (outside == 0 and bound.inclusive != (bound.rising != is_floor)):
                # every y is on the limit's inner side, so the bound beyond it holds for all or for none
                return _everything(always=bound.rising == is_floor)
        return bound

    def preimage_floats(self, bounds: FloatBounds, channel: int) -> FloatBounds:
        """The same for many bounds; one too close to a limit to call gets an infinite radius."""
        del channel
        centres, radii = bounds
        for limit, beyond in ((self.low, -np.inf), (self.high, np.inf)):
            if limit is None:
                continue
            with np.errstate(all="ignore"):
                distance = centres - Floats.number(limit)
                margin = radii + _EPSILON * (np.abs(centres) + abs(Floats.number(limit))) + _TINY
            # a centre that is no number is doubtful, an infinite one without error is beyond all limits
            doubtful = ~((np.abs(distance) > margin) | (np.isinf(centres) & (radii == 0)))
            outside = ~doubtful & ((distance < 0) == (beyond < 0))
            centres = np.where(outside, beyond, centres)
            radii = np.where(doubtful, np.inf, np.where(outside, 0.0, radii))
        return centres, radii


@dataclass(frozen=True, slots=True)
class Curve:
    """A function of the table.

    Args:
        name: its name there, "sigmoid" for instance.
        parameters: the numbers that shape it, each once per channel or once for all.
    """

    name: str
    parameters: tuple[tuple[Fraction, ...], ...] = ()

    @property
    def function(self) -> Function:
        """Its entry in the table."""
        return Function(self.name)

    @property
    def channels(self) -> int:
        """How many channels differ."""
        return max(map(len, self.parameters), default=1)

    @property
    def invertible(self) -> bool:
        """Whether preimages are known."""
        return self.name in CURVES

    def at(self, channel: int) -> Parameters:
        """The parameters of one channel."""
        return tuple(p[channel % len(p)] for p in self.parameters)

    def turning(self, channel: int) -> tuple[Point, ...] | None:
        """The arguments between which the function is monotone; None if they are not known."""
        return TABLE[self.function].turning(*self.at(channel))

    def gain(self, channel: int) -> int:
        """Sign of the slope, of an invertible curve."""
        del channel
        assert self.invertible
        return 1

    def apply(self, x: Real, channel: int) -> Real:
        """The exact value."""
        return evaluate_exactly(self.function, self.at(channel), x)

    def apply_balls(self, x: Ball, channel: int) -> Ball:
        """The values of many numbers with errors."""
        return evaluate_balls(self.function, self.at(channel), x)

    def preimage(self, bound: Bound, channel: int) -> Bound:
        """The x for which y lies in a bound."""
        del channel
        if bound.at is None:
            return bound
        curve = CURVES[self.name]
        if reals.sign(reals.add(bound.at, -curve.low)) <= 0:
            return _everything(always=bound.rising)
        if reals.sign(reals.add(bound.at, -curve.high)) >= 0:
            return _everything(always=not bound.rising)
        at = Fraction(0) if bound.at == curve.middle else reals.increasing_function(curve.inverse, bound.at)
        return Bound(at, bound.inclusive, bound.rising)

    def preimage_floats(self, bounds: FloatBounds, channel: int) -> FloatBounds:
        """The same for many bounds: the inverse at both ends of each float64 interval."""
        del channel
        curve = CURVES[self.name]
        low, high = float(curve.low), float(curve.high)
        with np.errstate(all="ignore"):
            outermost = [np.nextafter(bounds[0] + side * bounds[1], side * np.inf) for side in (-1, 1)]
            ends = [np.clip(np.where(bounds[1] == 0, bounds[0], end), low, high) for end in outermost]
            below, above = (np.asarray(curve.inverse_float(end)) for end in ends)
            centres = np.where(np.isinf(below) & (below == above), below, (below + above) / 2)
            radii = np.where(np.isinf(centres), 0.0, (above - below) / 2 + 1e-14 * (1 + np.abs(centres)))
        touches = (ends[0] != ends[1]) & ((ends[0] <= low) | (ends[1] >= high))
        return centres, np.where(touches | np.isnan(radii), np.inf, radii)


@dataclass(frozen=True, slots=True)
class Inverse:
    """How a strictly increasing curve is inverted: limits, value at zero, inverse in intervals and in float64."""

    low: Fraction
    high: Fraction
    middle: Fraction
    inverse: Callable[[mpmath.iv.mpf], mpmath.iv.mpf]
    inverse_float: Callable[[FloatArray], FloatArray]


CURVES = {
    "sigmoid": Inverse(
        Fraction(0),
        Fraction(1),
        Fraction(1, 2),
        lambda y: mpmath.iv.log(y / (1 - y)),
        lambda y: np.log(y / (1 - y)),
    ),
    "tanh": Inverse(
        Fraction(-1),
        Fraction(1),
        Fraction(0),
        lambda y: mpmath.iv.log((1 + y) / (1 - y)) / 2,
        lambda y: np.log((1 + y) / (1 - y)) / 2,
    ),
}

Step: TypeAlias = Affine | Normalize | Clip | Curve


def invertible(steps: tuple[Step, ...]) -> bool:
    """Whether the preimages of a chain are known."""
    return all(step.invertible for step in steps if isinstance(step, Curve))


def apply_exactly(steps: tuple[Step, ...], channel: int, x: Fraction) -> Real:
    """The exact value of a chain."""
    value: Real = x
    for step in steps:
        value = step.apply(value, channel)
    return value


def apply_balls(steps: tuple[Step, ...], channel: int, x: Ball) -> Ball:
    """The values of a chain at many numbers with errors."""
    for step in steps:
        x = step.apply_balls(x, channel)
    return x


def _solve_affine(bounds: FloatBounds, scale: float, offset: float) -> FloatBounds:
    centres, radii = bounds
    if not _LEAST < abs(scale) < 1 / _LEAST or not np.isfinite(offset):
        return centres, np.full_like(radii, np.inf)
    with np.errstate(all="ignore"):
        solved = (centres - offset) / scale
        error = (radii + _EPSILON * (np.abs(centres) + abs(offset)) + _TINY) / abs(scale) * (1 + 1e-9)
        error = np.where(np.isinf(solved), np.inf, error + 4 * _EPSILON * np.abs(solved) + _TINY)
    return solved, np.where(np.isinf(centres), radii, error)


def _everything(*, always: bool) -> Bound:
    return Bound(None, always=always)


def _constant(value: Real, bound: Bound) -> Bound:
    assert bound.at is not None
    side = reals.sign(reals.add(value, reals.multiply(bound.at, Fraction(-1))))
    return _everything(always=bound.inclusive if side == 0 else (side > 0) == bound.rising)


def apply_values(steps: tuple[Step, ...], x: FloatArray) -> FloatArray:
    """The values of a chain's first channel in float64, to within rounding errors; infinite at poles."""
    for step in steps:
        match step:
            case Affine():
                scale, offset = (Floats.number(v) for v in step.at(0))
                x = x * scale + offset
            case Normalize():
                gamma, beta, mean, variance = (Floats.number(v) for v in step.at(0))
                x = (x - mean) / variance**0.5 * gamma + beta
            case Clip():
                x = x if step.low is None else np.maximum(x, Floats.number(step.low))
                x = x if step.high is None else np.minimum(x, Floats.number(step.high))
            case Curve():
                x = evaluate_floats(step.function, x, *(np.array(Floats.number(p)) for p in step.at(0)))
    return x
