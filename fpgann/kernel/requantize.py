# SPDX-License-Identifier: Apache-2.0
"""Cheap hardware forms of a map of codes, each proven equal to it over the whole range of codes.

A staircase is given by its thresholds, exact integers. A form is accepted only if it changes its output at the
very same integers: that is checked at every threshold, from both sides, so it holds for every code. Maps that rise and
fall are runs of equal results, or staircases side by side.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np

from fpgann.errors import VerificationError
from fpgann.kernel.forms import (
    Form,
    LinesForm,
    MultiplyForm,
    RunsForm,
    ShiftForm,
    TableForm,
    ThresholdForm,
    apply_form,
    spread,
)
from fpgann.numerics.integers import IntArray, fits_int64, integers, magnitude
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.runs import Segment
from fpgann.numerics.scalar_map import Rounder, ScalarMap, Staircase
from fpgann.numerics.steps import Affine, Curve, apply_exactly

__all__ = [
    "FEW_STEPS",
    "Form",
    "LinesForm",
    "MultiplyForm",
    "RunsForm",
    "ShiftForm",
    "TableForm",
    "ThresholdForm",
    "apply_form",
    "choose_form",
    "spread",
]

FEW_STEPS = 3  # up to so many thresholds are compared side by side
TABLE_BITS = 13  # tables have at most 2**13 entries after folding
SHORT_TABLE_BITS = 9  # a table of at most so many entries is cheaper than a multiplier
MAX_PIECES = 4  # of lines that are told apart by comparisons
MAX_FACTOR_BITS = 56
_SLOPE_STEPS = 60  # until float64 has no more digits


@lru_cache(maxsize=1024)  # a form may be asked for by the layer before and by the stage itself
def choose_form(scalar_map: ScalarMap | Interpolation, codes: CodeRange) -> Form:
    """The cheapest form that equals a map on a range of codes.

    Args:
        scalar_map: the map.
        codes: all codes that can occur.

    Raises:
        UnsupportedOperatorError: it has too many different results to be listed.
    """
    if isinstance(scalar_map, Interpolation):
        return scalar_map
    found = shift_form(scalar_map) or _kinked_form(scalar_map, codes)
    if found is not None:
        return found
    staircases = _staircases(scalar_map, codes)
    if staircases is None:
        runs = tuple(scalar_map.runs(c, codes.low, codes.high) for c in range(scalar_map.channels))
        return table_form(scalar_map, codes) or RunsForm(runs)
    thresholds = ThresholdForm(staircases)
    if thresholds.steps <= FEW_STEPS:
        return thresholds
    curved = any(isinstance(step, Curve) for step in scalar_map.steps)
    line = None if curved else multiply_form(staircases, codes)
    return line or table_form(scalar_map, codes) or thresholds


def _kinked_form(scalar_map: ScalarMap, codes: CodeRange) -> Form | None:
    """A short table or a few lines, for functions that are lines with kinks and have many results."""
    outputs = scalar_map.reach(codes)
    kinked = any(isinstance(step, Curve) for step in scalar_map.steps)
    if not kinked or outputs.high - outputs.low <= FEW_STEPS:
        return None
    parts = [scalar_map.linear_parts(c, codes.low, codes.high) for c in range(scalar_map.channels)]
    if any(part is None for part in parts):
        return None
    table = table_form(scalar_map, codes) if codes.high - codes.low < 1 << (SHORT_TABLE_BITS + 2) else None
    if table is not None and len(table.words) <= 1 << SHORT_TABLE_BITS:
        return table
    return lines_form(scalar_map, codes, [part for part in parts if part is not None], outputs)


def _staircases(scalar_map: ScalarMap, codes: CodeRange) -> tuple[Staircase, ...] | None:
    """The thresholds of every channel, if all are monotone."""
    if scalar_map.invertible:
        return tuple(scalar_map.staircase(c, codes.low, codes.high) for c in range(scalar_map.channels))
    found = [scalar_map.runs(c, codes.low, codes.high).staircase for c in range(scalar_map.channels)]
    return None if any(staircase is None for staircase in found) else tuple(s for s in found if s is not None)


def shift_form(scalar_map: ScalarMap) -> ShiftForm | None:
    """The map as rounding and saturation alone, if it is that."""
    linear = scalar_map.linear
    if linear is None or np.any(linear.constant != 0):
        return None
    first = (linear.numerator[0], linear.denominator[0], linear.low[0], linear.high[0])
    columns = (linear.numerator, linear.denominator, linear.low, linear.high)
    if any(np.any(column != value) for column, value in zip(columns, first, strict=True)):
        return None
    numerator, denominator, low, high = (int(v) for v in first)
    if numerator <= 0 or numerator & (numerator - 1) or denominator & (denominator - 1):
        return None
    shift = denominator.bit_length() - numerator.bit_length()
    return ShiftForm(shift, linear.mode, low, high)


def multiply_form(staircases: tuple[Staircase, ...], codes: CodeRange) -> MultiplyForm | None:
    """One multiplication, one addition and one shift per code, if some choice of numbers hits every threshold."""
    ends = [sorted((s.base, s.base + (1 if s.rising else -1) * len(s.thresholds))) for s in staircases]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    rows = []
    for staircase in staircases:
        row = _fit_line(staircase, codes, CodeRange(low, high))
        if row is None:
            return None
        rows.append(row)
    shift = max(row[2] for row in rows)
    factor, offset = (integers(np.array([row[i] << (shift - row[2]) for row in rows], dtype=object)) for i in (0, 1))
    return MultiplyForm(factor, offset, shift, low, high)


def lines_form(
    scalar_map: ScalarMap, codes: CodeRange, parts: list[list[Segment]], outputs: CodeRange
) -> LinesForm | None:
    """A line on each of a few pieces, if the lines hit every threshold.

    Args:
        scalar_map: the map.
        codes: all codes that can occur.
        parts: for each channel, the codes on which it is a line.
        outputs: all results that can occur.
    """
    rows = []
    for channel, pieces in enumerate(parts):
        row = _fit_pieces(scalar_map, channel, pieces, outputs)
        if row is None:
            return None
        rows.append(row)
    count, shift = max(map(len, rows)), max(line[2] for row in rows for _, line in row)
    breaks, factors, offsets = [], [], []
    for row in rows:
        row += [(codes.high + 1, row[-1][1])] * (count - len(row))  # never reached
        breaks.append([start for start, _ in row[1:]])
        factors.append([factor << (shift - own) for _, (factor, _, own) in row])
        offsets.append([offset << (shift - own) for _, (_, offset, own) in row])
    starts, factor, offset = (
        integers(np.array(a, dtype=object)).reshape(len(rows), -1) for a in (breaks, factors, offsets)
    )
    form = LinesForm(starts, factor, offset, shift, outputs.low, outputs.high)
    _check_lines(form, scalar_map, codes)
    return form


def _fit_pieces(
    scalar_map: ScalarMap, channel: int, parts: list[Segment], outputs: CodeRange
) -> list[tuple[int, tuple[int, int, int]]] | None:
    """First code and multiplication of every piece; a part that the line before it serves joins its piece."""
    pieces: list[tuple[int, int, ScalarMap]] = []  # first code, last code, line
    for part in parts:
        if pieces and _serves(pieces[-1][2], scalar_map, channel, part.low, part.high):
            pieces[-1] = (pieces[-1][0], part.high, pieces[-1][2])
            continue
        line = _line_of(scalar_map, channel, part, outputs)
        if line is None:
            return None
        if pieces and _serves(line, scalar_map, channel, pieces[-1][0], pieces[-1][1]):
            pieces[-1] = (pieces[-1][0], part.high, line)
        else:
            pieces.append((part.low, part.high, line))
    if len(pieces) > MAX_PIECES:
        return None
    fitted = []
    for low, high, line in pieces:
        fit = _fit_line(line.staircase(0, low, high), CodeRange(low, high), outputs)
        if fit is None:
            return None
        fitted.append((low, fit))
    return fitted


def _serves(line: ScalarMap, scalar_map: ScalarMap, channel: int, low: int, high: int) -> bool:
    """Whether a line yields what a channel yields on a part on which that is constant, or which is a code or two."""
    ends = integers([low, high])
    wanted = scalar_map.apply_channel(channel, ends)
    flat = high - low <= 1 or int(wanted[0]) == int(wanted[1])
    return flat and bool(np.array_equal(line.apply(ends), wanted))


def _line_of(scalar_map: ScalarMap, channel: int, part: Segment, outputs: CodeRange) -> ScalarMap | None:
    """The line that a channel is on a part, rounded; None if its numbers are not rational."""
    first, last = (apply_exactly(scalar_map.steps, channel, Fraction(code)) for code in (part.low, part.high))
    if not isinstance(first, Fraction) or not isinstance(last, Fraction):
        return None
    scale = (last - first) / (part.high - part.low) if part.high > part.low else Fraction(0)
    rounder = Rounder(scalar_map.rounder.mode, outputs.low, outputs.high)
    return ScalarMap((Affine((scale,), (first - scale * part.low,)),), rounder)


def _check_lines(form: LinesForm, scalar_map: ScalarMap, codes: CodeRange) -> None:
    """Compare at all breaks, ends and some codes between.

    Raises:
        VerificationError: lines differ from the map they stand for.
    """
    near = np.concatenate([form.breaks.reshape(-1) + step for step in (-1, 0, 1)]).astype(object)
    sample = [codes.low + (codes.high - codes.low) * k // 1000 for k in range(1001)]
    chosen = np.unique(np.concatenate([np.clip(near, codes.low, codes.high), np.array(sample, dtype=object)]))
    every = np.broadcast_to(integers(chosen)[:, None], (len(chosen), scalar_map.channels))
    if not np.array_equal(apply_form(form, every), scalar_map.apply(every)):
        raise VerificationError("lines differ from the function they stand for")


def _fit_line(staircase: Staircase, codes: CodeRange, outputs: CodeRange) -> tuple[int, int, int] | None:
    """Factor, offset and shift that reproduce a staircase, with the smallest shift; None if there are none.

    For a rising staircase, output v is reached at threshold t exactly if
    factor * t + offset >= v * 2**shift > factor * (t - 1) + offset. Each threshold bounds the offset from both
    sides; a choice is valid if the greatest lower bound does not exceed the least upper bound. An end of the
    staircase that the common saturation does not hold is one more bound, at the end of the range of codes.

    Args:
        staircase: the staircase.
        codes: range of codes.
        outputs: bounds of the saturation.
    """
    count = len(staircase.thresholds)
    if count == 0:
        return 0, staircase.base, 0
    direction = 1 if staircase.rising else -1
    # A falling staircase is a rising one of the negated code: x < t becomes -x >= 1 - t.
    thresholds = staircase.thresholds if staircase.rising else (1 - staircase.thresholds)[::-1]
    reach = codes if staircase.rising else -codes
    first = staircase.base if staircase.rising else staircase.base - count
    at_least, values = thresholds, first + 1 + np.arange(count)  # codes that must reach their value
    below, limits = thresholds - 1, values  # codes that must stay below it
    if first > outputs.low:
        at_least, values = np.append(at_least, reach.low), np.append(values, first)
    if first + count < outputs.high:
        below, limits = np.append(below, reach.high), np.append(limits, first + count + 1)
    slope = _clearest_slope(at_least, values, below, limits)
    far, most = max(magnitude(at_least), magnitude(below)), max(magnitude(values), magnitude(limits))

    def fit(shift: int) -> tuple[int, int, int] | None:
        nearest = int(slope * (1 << shift))
        wide = not fits_int64((most << shift) + (nearest + 1) * far + 1)
        t, v, u, w = (a.astype(object) if wide else a for a in (at_least, values, below, limits))
        for factor in (max(1, nearest), nearest + 1):
            lower = int((v * (1 << shift) - factor * t).max())
            upper = int((w * (1 << shift) - 1 - factor * u).min())
            if lower <= upper:
                return direction * factor, _roundest(lower, upper), shift
        return None

    found = fit(MAX_FACTOR_BITS)
    low, high = 0, MAX_FACTOR_BITS
    while found is not None and low < high:  # what fits a shift fits, doubled, the next
        middle = (low + high) // 2
        better = fit(middle)
        low, high, found = (low, middle, better) if better is not None else (middle + 1, high, found)
    return found


def _clearest_slope(at_least: IntArray, values: IntArray, below: IntArray, limits: IntArray) -> Fraction:
    """The slope of the line that passes between both sets of points with the greatest clearance.

    The clearance is a concave function of the slope, so bisection by its derivative finds the maximum.

    Args:
        at_least: codes on or above which the line must have reached `values`.
        values: results.
        below: codes at which it must not have reached `limits`.
        limits: results.
    """
    t, v, u, w = (np.asarray(a, np.float64) for a in (at_least, values, below, limits))
    low, high = 0.0, float(len(values) + 1)
    span, rise = float(u.max() - t.min()), float(w.max() - v.min())
    if span > 0:  # the first point of one set and the last of the other are met by every line
        high = min(high, rise / span)
    for _ in range(_SLOPE_STEPS):
        slope = (low + high) / 2
        if t[np.argmax(v - slope * t)] > u[np.argmin(w - slope * u)]:
            low = slope
        else:
            high = slope
    return Fraction((low + high) / 2)


def _roundest(lower: int, upper: int) -> int:
    """The number between two bounds with the most trailing zeros: the cheapest constant to add."""
    if lower <= 0 <= upper:
        return 0
    bits = (lower ^ upper).bit_length()
    for position in range(bits, -1, -1):
        candidate = -((-lower) >> position) << position  # lower, rounded up to a multiple of 2**position
        if lower <= candidate <= upper:
            return candidate
    return lower


def table_form(scalar_map: ScalarMap, codes: CodeRange) -> TableForm | None:
    """A table, folded where it is symmetric and cut where it saturates, if it is small enough then."""
    if scalar_map.channels > 1 or codes.high - codes.low >= 1 << 20:
        return None
    inputs = np.arange(codes.low, codes.high + 1)
    outputs = scalar_map.apply(inputs)
    changes = np.flatnonzero(np.diff(outputs))
    if len(changes) == 0:
        return None
    low, high = int(inputs[changes[0]]), int(inputs[changes[-1] + 1])
    # symmetric: the saturated regions must lie opposite to each other as well
    reach = max(high, -low, 0)
    mirror: int | None = None
    if low < 0 < high:
        positive = scalar_map.apply(np.arange(0, reach + 1))
        negative = scalar_map.apply(-np.arange(0, reach + 1))
        sums = positive[1:] + negative[1:]
        if np.all(sums == sums[0]):
            mirror = int(sums[0])
            low, high = 0, reach
    if high - low >= 1 << TABLE_BITS:
        return None
    form = TableForm(scalar_map.apply(np.arange(low, high + 1)), low, high, mirror)
    if not np.array_equal(apply_form(form, inputs), outputs):
        raise VerificationError("a folded table differs from its staircase")
    return form
