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
_SMALLEST_EXPONENT = 100  # denominators up to 2**100: far from the least normal float32
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

    With everything in units of one denominator, x * scale + offset is numerator * x + constant (+ half the
    denominator, to round by floor or ceil): an integer that the carrier must hold.

    Args:
        linear: clamp(round((numerator * code + constant) / denominator), low, high).
        codes: codes that can occur.
        bias: the line is applied to x = code - bias; shape (channels,) or (1,).
        carrier: float type.
        bound: greatest magnitude of x, and of the partial sums that x is made of.
    """
    rounded = _rounding_of(linear)
    if rounded is None:
        return None
    rounding, half = rounded
    rows = []
    for channel in range(max(len(linear.numerator), len(bias))):
        numbers = (linear.numerator, linear.constant, linear.denominator, linear.low, linear.high, bias)
        n, c, d, low, high, b = (int(column[channel % len(column)]) for column in numbers)
        moved = c + n * b + (half * d // 2 if d > 1 else 0)
        fits = holds(carrier, abs(n) * max(1, bound) + abs(moved))
        if not fits or d & (d - 1) or d >> _SMALLEST_EXPONENT:
            return None
        reach = sorted((n * end + c, d) for end in (codes.low, codes.high))
        least, greatest = reach[0][0] // d, -(-reach[1][0] // d)
        if any(
            limit_needed and not holds(carrier, abs(limit))
            for limit, limit_needed in ((low, least < low), (high, greatest > high))
        ):
            return None
        rows.append(
            (
                n / d,
                moved / d,
                d > 1,
                low if holds(carrier, abs(low)) else least,
                least < low,
                high if holds(carrier, abs(high)) else greatest,
                greatest > high,
            )
        )
    scale, offset, inexact, lows, below, highs, above = (np.array(column) for column in zip(*rows, strict=True))
    return Line(
        scale.astype(np.float64),
        offset.astype(np.float64),
        rounding if inexact.any() else None,
        lows.astype(np.float64) if below.any() else None,
        highs.astype(np.float64) if above.any() else None,
        is_exact=True,
    )


def _rounding_of(linear: LinearRounding) -> tuple[Rounder, int] | None:
    """Which numpy function rounds after how many halves are added; None for modes that ask for the sign first."""
    mode = linear.mode
    never_negative, never_positive = bool((linear.low >= 0).all()), bool((linear.high <= 0).all())
    if mode in _BY_SIGN and (never_negative or never_positive):
        mode = _BY_SIGN[mode][0 if never_negative else 1]  # on the other side the clamp decides
    return _ROUNDINGS.get(mode)


_ROUNDINGS: dict[Rounding, tuple[Rounder, int]] = {
    Rounding.TRN: (np.floor, 0),
    Rounding.CEIL: (np.ceil, 0),
    Rounding.TRN_ZERO: (np.trunc, 0),
    Rounding.RND: (np.floor, 1),
    Rounding.RND_MIN_INF: (np.ceil, -1),
    Rounding.RND_CONV: (np.rint, 0),
}
_BY_SIGN = {  # what a mode does to positive and to negative numbers
    Rounding.RND_ZERO: (Rounding.RND_MIN_INF, Rounding.RND),
    Rounding.RND_INF: (Rounding.RND, Rounding.RND_MIN_INF),
    Rounding.UP: (Rounding.CEIL, Rounding.TRN),
}


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
