# SPDX-License-Identifier: Apache-2.0
"""Find the cheapest lines that stay within one unit in the last place of a function.

For a segment with slope a and offset o, both integers in units of 2**-p, the result floor((a * x + o) / 2**p) is
nearer than 1 to the true value y if e - 1 < o < e + 2**p for all x of the segment, where e = y * 2**p - a * x. So
each segment has an interval of good offsets. Offsets in its middle round to nearest; a function that rises or falls
throughout takes, segment by segment, the nearest offset that keeps it doing so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fpgann.errors import VerificationError
from fpgann.numerics import reals
from fpgann.numerics.balls import Ball
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import MAX_CODES, Interpolation
from fpgann.numerics.rounding import Rounding, round_values
from fpgann.numerics.steps import apply_balls, apply_exactly

if TYPE_CHECKING:
    from fpgann.numerics.scalar_map import ScalarMap

_MARGIN = 2.0**-20  # of a unit in the last place: far more than the errors of the true values
_SPARE_BITS = 6  # up to so many more fractional bits for slopes than the rest has
_ROM_BITS_PER_LUT = 32  # with the multiplexers between
_MAX_SEGMENTS = 1 << 12
_SMALLER = 2  # sizes tried below the largest that does


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """What is to be approximated, on consecutive codes.

    Args:
        values: true values in units in the last place, clamped.
        least: least result, flat ends included.
        greatest: greatest result.
        direction: 1 or -1 if the function only rises or falls, else 0.
    """

    values: FloatArray
    least: int
    greatest: int
    direction: int


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Lines of equal segments: slope, interval of good offsets, best offset; `good` where there is any."""

    slopes: FloatArray
    least: FloatArray
    greatest: FloatArray

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.least <= self.greatest)


def interpolate(scalar_map: ScalarMap, codes: CodeRange) -> Interpolation | None:
    """The cheapest interpolation of a map on a range of codes, verified on every single code.

    Args:
        scalar_map: the map; its rounding mode is replaced by rounding to nearest.
        codes: all codes that can occur.

    Returns:
        The interpolation, or None if channels differ, codes are too many, or lines are no good.
    """
    if scalar_map.channels > 1 or codes.high - codes.low >= MAX_CODES:
        return None
    rounder = scalar_map.rounder
    reach = max(codes.high, -codes.low)
    every = np.arange(min(codes.low, -reach), reach + 1) if codes.low < 0 < codes.high else _span(codes)
    wide = 2 * max(abs(rounder.low), abs(rounder.high)) + 2
    values = _true_values(scalar_map, every, -wide, wide)
    if not np.all(np.isfinite(values)):
        return None
    mirror, even = _symmetry(values, every)
    low, high = rounder.low, rounder.high
    if mirror is not None:  # one half reaches as far as the other, its results are clamped in the end
        low, high = min(low, mirror - high), max(high, mirror - low)
    kept = every >= 0 if even or mirror is not None else (every >= codes.low) & (every <= codes.high)
    half = np.clip(values[kept], low, high)
    if mirror is not None:
        half = _snapped(half, (rounder.high, mirror - rounder.low), (rounder.low, mirror - rounder.high))
    best = _cheapest(every[kept], half)
    if best is None:
        return None
    best = replace(best, mirror=mirror, even=even, bottom=rounder.low, top=rounder.high)
    inside = (every >= codes.low) & (every <= codes.high)
    _verify(best, _span(codes), np.clip(values[inside], rounder.low, rounder.high))
    return best


_FLAT = 1 / 64  # units per code below which a function counts as saturated


def _snapped(values: FloatArray, upper: tuple[int, int], lower: tuple[int, int]) -> FloatArray:
    """Values that a later clamp should make exactly its limit: those that round to it are it already."""
    for limit in upper:
        values = np.where((values > limit - 0.5) & (values < limit), limit, values)
    for limit in lower:
        values = np.where((values < limit + 0.5) & (values > limit), limit, values)
    return values


def _span(codes: CodeRange) -> IntArray:
    return np.arange(codes.low, codes.high + 1)


def _true_values(scalar_map: ScalarMap, codes: IntArray, low: int, high: int) -> FloatArray:
    """The function before rounding, clamped, to within a small part of a unit; NaN where that is not possible."""
    with np.errstate(all="ignore"):
        y = apply_balls(scalar_map.steps, 0, Ball.of_codes(codes))
    ends = [np.broadcast_to(np.clip(end, float(low), float(high)), codes.shape) for end in (y.low, y.high)]
    values = np.array((ends[0] + ends[1]) / 2)
    for index in np.flatnonzero(~(ends[1] - ends[0] < _MARGIN / 4)):
        exact = reals.enclose(apply_exactly(scalar_map.steps, 0, Fraction(int(codes[index]))), 256)
        clamped = [min(max(end, Fraction(low)), Fraction(high)) for end in exact]
        values[index] = float(clamped[0]) if clamped[1] - clamped[0] < _MARGIN / 4 else np.nan
    return values


def _symmetry(values: FloatArray, codes: IntArray) -> tuple[int | None, bool]:
    """The sum of opposite values if it is a whole number common to all, and whether opposite values are equal."""
    if not codes[0] < 0 < codes[-1]:
        return None, False
    positive, negative = values[codes > 0], values[codes < 0][::-1]
    if np.max(np.abs(positive - negative)) < _MARGIN / 2:
        return None, True
    sums = positive + negative
    whole = float(np.round(sums[0]))
    return (int(whole) if np.max(np.abs(sums - whole)) < _MARGIN / 2 else None), False


def _cheapest(codes: IntArray, values: FloatArray) -> Interpolation | None:
    """The cheapest choice for codes in ascending order, without symmetry."""
    rounded = round_values(values, Rounding.RND).astype(np.int64)
    changes = np.flatnonzero(np.diff(rounded))
    if len(changes) < 2:
        return None
    first, last = int(changes[0]) + 1, int(changes[-1])  # between the flat ends
    steps = np.diff(rounded)
    direction = 1 if np.all(steps >= 0) else -1 if np.all(steps <= 0) else 0
    target = _Target(values[first : last + 1], int(rounded.min()), int(rounded.max()), direction)
    ends = (int(codes[first]), int(codes[last]), int(rounded[0]), int(rounded[-1]))
    found: Interpolation | None = None
    for candidate in _candidates(target, ends):
        if found is None or cost_luts(candidate) < cost_luts(found):
            found = candidate
    return found


def cost_luts(form: Interpolation) -> float:
    """Memories and multiplier in 6-input LUTs, about."""
    slope_bits, offset_bits = (CodeRange(int(a.min()), int(a.max())).width_bits for a in (form.slopes, form.offsets))
    memory = len(form.slopes) * (slope_bits + offset_bits)
    if not form.uniform:
        memory += len(form.bases) * (len(form.slopes).bit_length() + form.rest_bits.bit_length())
    steering = 0 if form.uniform else 3 * form.rest_bits
    return memory / _ROM_BITS_PER_LUT + slope_bits * form.rest_bits + steering


def _candidates(target: _Target, ends: tuple[int, int, int, int]) -> Iterator[Interpolation]:
    """Segments of one size, then of sizes that differ between regions."""
    fit = cache(lambda segment_bits, shift: _fit(target, segment_bits, shift))
    yield from _equal_segments(target, ends, fit)
    yield from _unequal_segments(target, ends, fit)


def _equal_segments(
    target: _Target, ends: tuple[int, int, int, int], fit: Callable[[int, int], _Lines]
) -> Iterator[Interpolation]:
    """From the largest segments that do down to some that are smaller, which need fewer bits of slopes."""
    found = 0
    for rest_bits in range((len(target.values) - 1).bit_length(), 0, -1):
        segments = ceil(len(target.values) / (1 << rest_bits))
        if segments > _MAX_SEGMENTS or found > _SMALLER:
            return
        for shift in range(max(0, rest_bits - 4), rest_bits + _SPARE_BITS):
            lines = fit(rest_bits, shift)
            candidate = None
            if np.all(lines.good):
                candidate = _assemble(target, ends, rest_bits, shift, np.full(segments, rest_bits), {rest_bits: lines})
            if candidate is not None:
                yield candidate
                found += 1
                break


def _unequal_segments(
    target: _Target, ends: tuple[int, int, int, int], fit: Callable[[int, int], _Lines]
) -> Iterator[Interpolation]:
    """In each region the largest segments that do."""
    bits = (len(target.values) - 1).bit_length()
    choices = itertools.product(range(max(2, bits - 8), bits - 2), (-2, 0, 2, 4))
    for rest_bits, more_bits in choices:
        shift = rest_bits + more_bits
        fits = {k: fit(k, shift) for k in range(rest_bits + 1)}
        chosen = _largest_segments(target, rest_bits, fits)
        if chosen is None or np.sum(1 << (rest_bits - chosen)) > _MAX_SEGMENTS:
            continue
        candidate = _assemble(target, ends, rest_bits, shift, chosen, fits)
        if candidate is not None:
            yield candidate


def _fit(target: _Target, segment_bits: int, shift: int) -> _Lines:
    """Slopes of the chords, which are best for what bends one way only, and the offsets that are good with them."""
    size = 1 << segment_bits
    count = ceil(len(target.values) / size)
    padded = np.full(count * size, np.nan)
    padded[: len(target.values)] = target.values
    rows = padded.reshape(count, size)
    used = np.minimum(size, len(target.values) - size * np.arange(count))
    last = rows[np.arange(count), used - 1]
    chord = (last - rows[:, 0]) / np.maximum(used - 1, 1)
    slopes = np.rint(chord * 2.0**shift)
    errors = rows * 2.0**shift - slopes[:, None] * np.arange(size)
    slack = _MARGIN * 2.0**shift
    least = np.floor(np.nanmax(errors, axis=1) - 1 + slack) + 1
    greatest = np.ceil(np.nanmin(errors, axis=1) + 2.0**shift - slack) - 1
    return _Lines(slopes, least, greatest)


def _largest_segments(target: _Target, rest_bits: int, fits: dict[int, _Lines]) -> IntArray | None:
    """For each region the largest size of segments that are all good."""
    regions = ceil(len(target.values) / (1 << rest_bits))
    chosen = np.full(regions, -1)
    for bits in range(rest_bits + 1):
        good = fits[bits].good
        padded = np.ones(regions << (rest_bits - bits), bool)
        padded[: len(good)] = good
        chosen[np.all(padded.reshape(regions, -1), axis=1)] = bits
    return chosen if np.all(chosen >= 0) else None


def _assemble(
    target: _Target,
    ends: tuple[int, int, int, int],
    rest_bits: int,
    shift: int,
    segment_bits: IntArray,
    fits: dict[int, _Lines],
) -> Interpolation | None:
    """Segments of all regions, in order; None if the function would no longer rise or fall throughout."""
    counts = 1 << (rest_bits - segment_bits)
    bases = np.concatenate([[0], np.cumsum(counts)[:-1]])
    slopes, least, greatest, starts, firsts, sizes = [], [], [], [], [], []
    for region, bits in enumerate(segment_bits.tolist()):
        within = np.arange(region << (rest_bits - bits), (region + 1) << (rest_bits - bits))
        within = within[within < len(fits[bits].slopes)]
        start = (within << bits) - (region << rest_bits)
        a = fits[bits].slopes[within]
        slopes.append(a)
        least.append(fits[bits].least[within] - a * start)
        greatest.append(fits[bits].greatest[within] - a * start)
        starts.append(start)
        firsts.append(within << bits)
        sizes.append(np.minimum(1 << bits, len(target.values) - (within << bits)))
    joined = [np.concatenate(part).astype(np.int64) for part in (slopes, least, greatest, starts, sizes)]
    slope, low, high, start, size = joined
    middle = np.clip((low + high + 1) >> 1, low, high)
    offsets = _keep_direction(target.direction, shift, slope, (low, middle, high), start, size)
    if offsets is None:
        return None
    return Interpolation(
        *ends,
        rest_bits=rest_bits,
        bases=bases,
        segment_bits=np.asarray(segment_bits),
        slopes=slope,
        offsets=offsets,
        shift=shift,
        least=target.least,
        greatest=target.greatest,
        bottom=target.least,
        top=target.greatest,
    )


def _keep_direction(
    direction: int,
    shift: int,
    slopes: IntArray,
    offsets: tuple[IntArray, IntArray, IntArray],
    start: IntArray,
    size: IntArray,
) -> IntArray | None:
    """Offsets nearest to the middle with which no segment begins on the wrong side of where the last one ended."""
    low, middle, high = offsets
    if direction == 0:
        return middle
    if np.any(slopes * direction < 0):
        return None
    chosen = np.array(middle)
    before: int | None = None
    unit = 1 << shift
    for index in range(len(slopes)):
        slope, first = int(slopes[index]), int(start[index])
        if before is not None:
            # rising: slope * first + offset >= before * unit; falling: the floor is at most `before`
            bound = before * unit - slope * first + (0 if direction > 0 else unit - 1)
            wanted = max(int(middle[index]), bound) if direction > 0 else min(int(middle[index]), bound)
            if not low[index] <= wanted <= high[index]:
                return None
            chosen[index] = wanted
        before = (slope * (first + int(size[index]) - 1) + int(chosen[index])) >> shift
    return chosen


def _verify(form: Interpolation, codes: IntArray, values: FloatArray) -> None:
    """Every code: within a unit of the true value, exact where the function is flat, never against its direction.

    Raises:
        VerificationError: it is not so.
    """
    results = form.apply(codes)
    rounded = round_values(values, Rounding.RND)
    steps, wanted = np.diff(results), np.diff(rounded)
    faithful = np.all(np.abs(results - values) < 1 - _MARGIN / 2)
    monotone = not (np.all(wanted >= 0) and np.any(steps < 0)) and not (np.all(wanted <= 0) and np.any(steps > 0))
    # the runs of equal results at both ends; in a folded function only where it ends and saturates
    reach = max(abs(int(codes[0])), abs(int(codes[-1])))
    rise, changes = np.abs(np.diff(values)), np.flatnonzero(wanted)
    start, end = (int(changes[0]) + 1, int(changes[-1]) + 1) if len(changes) else (0, len(codes))
    flat = all(
        np.array_equal(results[part], rounded[part])
        or (form.folded and (rise[edge] > _FLAT or abs(int(codes[edge])) < reach))
        for part, edge in ((slice(start), 0), (slice(end, None), -1))
    )
    if not (faithful and monotone and flat):
        raise VerificationError(
            "lines miss the function that they stand for", hint="this is a bug of fpgann, please report it"
        )
