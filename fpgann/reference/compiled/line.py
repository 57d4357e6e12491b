# SPDX-License-Identifier: Apache-2.0
"""Staircases as one line, rounded and clamped: `clamp(round(x * scale + offset))` in floating-point arithmetic.

Two kinds of proof make it exact. Either every intermediate result is a number that the float type holds
(`exact_line`: scales that are multiples of powers of two), or the line, evaluated in that very arithmetic,
changes its value at the same integers as the staircase (`fitted_line`: both are monotone, so agreement on both
sides of every threshold and at the ends of the range is agreement everywhere).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import LinearRounding, Staircase
from fpgann.reference.compiled.carrier import Carrier, holds
from fpgann.reference.compiled.kernel import Array, Pass, along

MANY_THRESHOLDS = 1 << 16  # of all channels together: more are not worth the time to find a line
_LARGEST_EXPONENT = 100  # of denominators: 2**-100 is far from the least normal float32
_SLOPE_STEPS = 60  # until float64 has no more digits

Rounder = Callable[..., object]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A staircase as a line, for one channel or for each.

    Args:
        scale: factor of x, shape (channels,).
        offset: added then, likewise.
        rounding: the numpy function that rounds; None where nothing is left to round.
        low: least result, likewise; None where the line never goes below.
        high: greatest result, likewise.
        is_exact: only the rounding rounds, so the scale may as well be multiplied into what x is the sum of.
    """

    scale: FloatArray
    offset: FloatArray
    rounding: Rounder | None
    low: FloatArray | None
    high: FloatArray | None
    is_exact: bool

    def passes(self, carrier: Carrier, axis: int, *, is_scaled: bool = False) -> tuple[Pass, ...]:
        """The line as passes over x in a carrier, or over x times the scale (`is_scaled`)."""

        def numbers(values: FloatArray) -> Array:
            return along(values.astype(carrier.dtype), axis)

        result = []
        if not is_scaled and (self.scale != 1).any():
            result.append(Pass(np.multiply, (numbers(self.scale),)))
        if self.offset.any():
            result.append(Pass(np.add, (numbers(self.offset),)))
        if self.rounding is not None:
            result.append(Pass(self.rounding))
        if self.low is not None and self.high is not None:
            result.append(Pass(np.clip, (numbers(self.low), numbers(self.high))))
        elif self.low is not None:
            result.append(Pass(np.maximum, (numbers(self.low),)))
        elif self.high is not None:
            result.append(Pass(np.minimum, (numbers(self.high),)))
        return tuple(result) or (Pass(np.positive),)


def exact_line(linear: LinearRounding, codes: CodeRange, bias: IntArray, carrier: Carrier, bound: int) -> Line | None:
    """A linear map whose every intermediate result the carrier holds; None if it is not that.

    With everything in units of one denominator, x * scale + offset is numerator * x + constant (plus or minus half
    the denominator, to round by floor or ceil): integers that the carrier must hold.

    Args:
        linear: clamp(round((numerator * code + constant) / denominator), low, high).
        codes: codes that can occur.
        bias: the line is applied to x = code - bias; shape (channels,) or (1,).
        carrier: float type.
        bound: greatest magnitude of x, and of the partial sums that x is made of.
    """
    rounding = _rounding_of(linear)
    rows = []
    for channel in range(max(len(linear.numerator), len(bias))):
        columns = (linear.numerator, linear.constant, linear.denominator, linear.low, linear.high, bias)
        numerator, constant, denominator, low, high, b = (int(c[channel % len(c)]) for c in columns)
        half = denominator // 2  # none where nothing is left to round
        offset = constant + numerator * b + rounding.halves * half
        unit = 2 if denominator == 1 and rounding.adds_halves else 1  # whole numbers get a half as well
        fits = holds(carrier, unit * (abs(numerator) * max(1, bound) + abs(offset)) + max(half, unit - 1))
        if not fits or denominator & (denominator - 1) or denominator >> _LARGEST_EXPONENT:
            return None
        least, greatest = sorted(numerator * end + constant for end in (codes.low, codes.high))
        reach = (least // denominator, -(-greatest // denominator))
        clamps = (reach[0] < low, reach[1] > high)
        # a limit that the carrier does not hold is either never met, or the map is not for this carrier
        limits = [
            limit if holds(carrier, abs(limit)) else None if clamp else end
            for limit, clamp, end in zip((low, high), clamps, reach, strict=True)
        ]
        if None in limits:
            return None
        rows.append((numerator / denominator, offset / denominator, half > 0, *limits, *clamps))
    scale, offsets, is_rounded, lows, highs, below, above = (np.array(column) for column in zip(*rows, strict=True))
    return Line(
        scale.astype(np.float64),
        offsets.astype(np.float64),
        rounding.function if is_rounded.any() else None,
        lows.astype(np.float64) if below.any() else None,
        highs.astype(np.float64) if above.any() else None,
        is_exact=True,
    )


@dataclass(frozen=True, slots=True)
class _Rounding:
    """A rounding mode in floating-point arithmetic.

    Args:
        function: what rounds.
        halves: how many are added to the offset before.
        adds_halves: the function adds some by itself.
    """

    function: Rounder
    halves: int = 0
    adds_halves: bool = False


def _by_magnitude(function: Callable[..., object], half: float) -> Rounder:
    """Rounding that is the same on both sides of zero."""

    def run(x: Array, *, out: Array | None = None) -> Array:
        size = np.abs(x)
        np.add(size, size.dtype.type(half), out=size)
        function(size, out=size)
        return np.asarray(np.copysign(size, x, out=out))

    return run


_ROUNDINGS = {
    Rounding.TRN: _Rounding(np.floor),
    Rounding.CEIL: _Rounding(np.ceil),
    Rounding.TRN_ZERO: _Rounding(np.trunc),
    Rounding.RND: _Rounding(np.floor, 1),
    Rounding.RND_MIN_INF: _Rounding(np.ceil, -1),
    Rounding.RND_CONV: _Rounding(np.rint),
    Rounding.RND_ZERO: _Rounding(_by_magnitude(np.ceil, -0.5), adds_halves=True),
    Rounding.RND_INF: _Rounding(_by_magnitude(np.floor, 0.5), adds_halves=True),
    Rounding.UP: _Rounding(_by_magnitude(np.ceil, 0.0)),
}
_BY_SIGN = {  # modes that treat both signs alike, and what they do to positive and to negative numbers
    Rounding.RND_ZERO: (Rounding.RND_MIN_INF, Rounding.RND),
    Rounding.RND_INF: (Rounding.RND, Rounding.RND_MIN_INF),
    Rounding.UP: (Rounding.CEIL, Rounding.TRN),
}


def _rounding_of(linear: LinearRounding) -> _Rounding:
    """The cheapest rounding: where all results are of one sign, the clamp decides on the other side."""
    never_negative, never_positive = bool((linear.low >= 0).all()), bool((linear.high <= 0).all())
    if linear.mode in _BY_SIGN and (never_negative or never_positive):
        return _ROUNDINGS[_BY_SIGN[linear.mode][0 if never_negative else 1]]
    return _ROUNDINGS[linear.mode]


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The steps of all channels, padded to the same number; x = code - bias.

    Args:
        reached: x at which a value is reached, shape (channels, steps).
        missed: the x next to it at which it is not.
        values: the values.
        is_step: False where padded.
        sign: 1 where a channel rises, -1 where it falls, shape (channels,).
        low: least result of each channel.
        high: greatest result.
    """

    reached: FloatArray
    missed: FloatArray
    values: FloatArray
    is_step: IntArray
    sign: FloatArray
    low: FloatArray
    high: FloatArray


def fitted_line(staircases: tuple[Staircase, ...], codes: CodeRange, bias: IntArray, carrier: Carrier) -> Line | None:
    """A line whose values in a carrier's arithmetic are those of a staircase; None if none is found.

    Args:
        staircases: one per channel, or one for all.
        codes: codes that can occur; the carrier holds all code - bias.
        bias: the line is applied to x = code - bias; shape (channels,) or (1,).
        carrier: float type.
    """
    channels = max(len(staircases), len(bias))
    pairs = [(staircases[c % len(staircases)], int(bias[c % len(bias)])) for c in range(channels)]
    steps = _steps(pairs)
    slope, lower, upper = _clearest(steps)
    line = Line(slope * steps.sign, (lower + upper) / 2, np.floor, steps.low, steps.high, is_exact=False)
    common = replace(line, low=np.full(channels, steps.low.min()), high=np.full(channels, steps.high.max()))
    # one clamp for all is one pass less over memory
    return next((candidate for candidate in (common, line) if agrees(candidate, pairs, codes, carrier)), None)


def agrees(line: Line, pairs: list[tuple[Staircase, int]], codes: CodeRange, carrier: Carrier) -> bool:
    """Whether a line in a carrier's arithmetic equals staircases, each of code = x + bias, for all codes in a range."""
    longest = max(len(staircase.thresholds) for staircase, _ in pairs)
    points = np.empty((2 * longest + 2, len(pairs)), np.int64)
    wanted = np.empty_like(points)
    for channel, (staircase, bias) in enumerate(pairs):
        thresholds = staircase.thresholds
        checked = np.concatenate([thresholds, thresholds - 1, [codes.low, codes.high]])
        checked = np.pad(checked, (0, len(points) - len(checked)), mode="edge")
        points[:, channel], wanted[:, channel] = checked - bias, staircase.apply(checked)
    x = points.astype(carrier.dtype)
    for one in line.passes(carrier, -1):
        x = np.asarray(one.function(x, *one.constants))
    return bool(np.array_equal(x, wanted))


def _steps(pairs: list[tuple[Staircase, int]]) -> _Steps:
    longest = max(1, *(len(staircase.thresholds) for staircase, _ in pairs))
    shape = (len(pairs), longest)
    reached, missed, values = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    is_step, sign, ends = np.zeros(shape, bool), np.ones(len(pairs)), []
    for channel, (staircase, bias) in enumerate(pairs):
        thresholds, count = (staircase.thresholds - bias).astype(np.float64), len(staircase.thresholds)
        numbers = np.arange(count)
        row = (channel, slice(count))
        is_step[row] = True
        if staircase.rising:
            reached[row], missed[row], values[row] = thresholds, thresholds - 1, staircase.base + 1 + numbers
        else:
            sign[channel] = -1
            reached[row], missed[row], values[row] = thresholds - 1, thresholds, staircase.base - numbers
        last = staircase.base + (count if staircase.rising else -count)
        values[channel, count:] = staircase.base  # read only where a channel has no steps at all
        ends.append(sorted((staircase.base, last)))
    low, high = np.array(ends, np.float64).T
    return _Steps(reached, missed, values, is_step, sign, low, high)


def _clearest(steps: _Steps) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Per channel: the slope whose bounds of the offset are farthest apart, and these bounds.

    slope * reached + offset must be at least the value, slope * missed + offset below it (both x with the sign
    of the channel). The distance of the bounds is a concave function of the slope: bisection by its derivative.
    """
    channel = np.arange(len(steps.sign))
    reached, missed = (points * steps.sign[:, None] for points in (steps.reached, steps.missed))
    is_flat = ~steps.is_step.any(axis=1)

    def bounds(slope: FloatArray) -> tuple[FloatArray, FloatArray]:
        lower = np.where(steps.is_step, steps.values - slope[:, None] * reached, -np.inf)
        upper = np.where(steps.is_step, steps.values - slope[:, None] * missed, np.inf)
        return lower, upper

    low, high = np.zeros(len(channel)), steps.is_step.sum(axis=1) + 1.0
    for _ in range(_SLOPE_STEPS):
        slope = (low + high) / 2
        lower, upper = bounds(slope)
        grows = reached[channel, lower.argmax(axis=1)] > missed[channel, upper.argmin(axis=1)]
        low, high = np.where(grows, slope, low), np.where(grows, high, slope)
    slope = np.where(is_flat, 0.0, (low + high) / 2)
    lower, upper = bounds(slope)
    flat = steps.values[:, 0] + 0.5
    return slope, np.where(is_flat, flat, lower.max(axis=1)), np.where(is_flat, flat, upper.min(axis=1))
