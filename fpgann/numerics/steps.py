# SPDX-License-Identifier: Apache-2.0
"""The real functions a ScalarMap is made of, each with its exact inverse.

A step knows the preimage of a half line, once exactly (`preimage`) and once for many half lines at a time as
float64 numbers with a rigorous error radius (`preimage_floats`). The second settles almost every threshold of
a staircase; the first decides the few whose float64 interval holds an integer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import mpmath
import numpy as np

from fpgann.numerics import reals
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
        return _solve_affine(bounds, _float(scale), _float(offset))


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
        gain = _float(gamma) / _float(variance) ** 0.5 if is_normal else 0.0
        return _solve_affine(_solve_affine(bounds, gain, _float(beta)), 1.0, -_float(mean))


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

    def apply(self, value: Fraction) -> Fraction:
        """The clipped value."""
        value = value if self.low is None else max(value, self.low)
        return value if self.high is None else min(value, self.high)

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
                distance = centres - _float(limit)
                margin = radii + _EPSILON * (np.abs(centres) + abs(_float(limit))) + _TINY
            # a centre that is no number is doubtful, an infinite one without error is beyond all limits
            doubtful = ~((np.abs(distance) > margin) | (np.isinf(centres) & (radii == 0)))
            outside = ~doubtful & ((distance < 0) == (beyond < 0))
            centres = np.where(outside, beyond, centres)
            radii = np.where(doubtful, np.inf, np.where(outside, 0.0, radii))
        return centres, radii


@dataclass(frozen=True, slots=True)
class Curve:
    """A strictly increasing transcendental function from all reals onto an open interval.

    Args:
        name: operator name, "sigmoid" or "tanh".
    """

    name: str

    @property
    def channels(self) -> int:
        """One function for all."""
        return 1

    def gain(self, channel: int) -> int:
        """Sign of the slope."""
        del channel
        return 1

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
class CurveDefinition:
    """A curve: its limits, its value at zero, its inverse in interval arithmetic and in float64."""

    low: Fraction
    high: Fraction
    middle: Fraction
    inverse: Callable[[mpmath.iv.mpf], mpmath.iv.mpf]
    inverse_float: Callable[[FloatArray], FloatArray]


CURVES = {
    "sigmoid": CurveDefinition(
        Fraction(0),
        Fraction(1),
        Fraction(1, 2),
        lambda y: mpmath.iv.log(y / (1 - y)),
        lambda y: np.log(y / (1 - y)),
    ),
    "tanh": CurveDefinition(
        Fraction(-1),
        Fraction(1),
        Fraction(0),
        lambda y: mpmath.iv.log((1 + y) / (1 - y)) / 2,
        lambda y: np.log((1 + y) / (1 - y)) / 2,
    ),
}

Step: TypeAlias = Affine | Normalize | Clip | Curve


def _float(number: Fraction) -> float:
    """The nearest float64; infinite beyond all of them."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else -float("inf")


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
