# SPDX-License-Identifier: Apache-2.0
"""Maps of integers that need not be monotone, as runs of equal results.

A chain is monotone between the codes where one of its functions turns. There, equal results at both ends of an
interval mean equal results throughout, so that halving intervals finds every change with few evaluations. The codes
that are too close to a turning point to tell its sides are evaluated one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.errors import UnsupportedOperatorError
from fpgann.numerics.balls import Ball
from fpgann.numerics.float_functions import Floats
from fpgann.numerics.functions import TABLE, Function, Point
from fpgann.numerics.integers import IntArray, fits_int64, integers
from fpgann.numerics.staircases import Staircase
from fpgann.numerics.steps import Clip, Curve, Step, apply_balls

MAX_LISTED = 1 << 22  # codes that are evaluated one by one
MAX_RUNS = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """Codes low..high, on which a chain is monotone or of which nothing is known."""

    low: int
    high: int
    monotone: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """A piecewise constant map of integers.

    Args:
        starts: the first code of every run but the first, ascending.
        values: result of every run.
    """

    starts: IntArray
    values: IntArray

    def apply(self, codes: IntArray) -> IntArray:
        """Evaluate; codes may have any shape."""
        return np.asarray(self.values[np.searchsorted(self.starts, codes, side="right")])

    @property
    def staircase(self) -> Staircase | None:
        """The same as a staircase, if it is monotone."""
        steps = np.diff(self.values)
        if len(steps) and not (np.all(steps > 0) or np.all(steps < 0)):
            return None
        rising = not len(steps) or bool(steps[0] > 0)
        thresholds = np.repeat(self.starts, np.abs(steps).astype(np.int64))
        return Staircase(int(self.values[0]), thresholds, rising)


def segments(steps: tuple[Step, ...], channel: int, low: int, high: int) -> list[Segment]:
    """Codes low..high cut where a function of the chain turns."""
    parts = [Segment(low, high)]
    for count, step in enumerate(steps):
        turning = step.turning(channel) if isinstance(step, Curve) else ()
        if turning is None:
            return [Segment(low, high, monotone=False)]
        for point in turning:
            parts = [
                piece
                for part in parts
                for piece in (_cut(steps[:count], channel, part, point) if part.monotone else [part])
            ]
    return parts


def linear_parts(steps: tuple[Step, ...], channel: int, low: int, high: int) -> list[Segment] | None:
    """Codes low..high cut where a chain of lines bends or jumps; None if a step is no line."""
    parts = [Segment(low, high)]
    for count, step in enumerate(steps):
        bends: list[Fraction] = []
        if isinstance(step, Clip):
            bends = [limit for limit in (step.low, step.high) if limit is not None]
        elif isinstance(step, Curve):
            definition = TABLE[step.function]
            if not definition.is_lines or step.function in (Function.CLIP, Function.HARD_SIGMOID):
                return None
            bends = [end.at for end in definition.breaks(*step.at(channel))]
        for at in bends:
            parts = [piece for part in parts for piece in _cut(steps[:count], channel, part, (at, at))]
    return parts


def _cut(steps: tuple[Step, ...], channel: int, part: Segment, point: Point) -> list[Segment]:
    """A segment cut where the value of a chain that is monotone on it crosses a turning point."""
    least, greatest = Floats.number(point[0]), Floats.number(point[1])
    if least != point[0]:
        least = float(np.nextafter(least, -np.inf))
    if greatest != point[1]:
        greatest = float(np.nextafter(greatest, np.inf))

    def value(code: int) -> Ball:
        return apply_balls(steps, channel, Ball.of_codes(integers([code])))

    def side(code: int) -> int:
        y = value(code)
        return int(np.all(y.low > greatest)) - int(np.all(y.high < least))

    first, last = side(part.low), side(part.high)
    if first == last != 0:
        return [part]
    start = _first(lambda code: side(code) != first, part) if first else part.low
    end = _first(lambda code: side(code) == last, part) if last else part.high + 1
    pieces = [Segment(part.low, start - 1)] if start > part.low else []
    if start < end:
        a, b = value(start), value(end - 1)
        constant = bool(np.all((a.radius == 0) & (b.radius == 0) & (a.centre == b.centre)))
        pieces.append(Segment(start, end - 1, monotone=constant))
    return [*pieces, Segment(end, part.high)] if end <= part.high else pieces


def _first(holds: Callable[[int], bool], part: Segment) -> int:
    """The first code from which on a condition holds; it does at the end."""
    low, high = part.low, part.high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def extremes(parts: list[Segment]) -> IntArray | None:
    """Codes among whose results the least and the greatest are; None if these would be too many."""
    if sum(part.high - part.low for part in parts if not part.monotone) > MAX_LISTED:
        return None
    return _codes(parts)


def _codes(parts: list[Segment]) -> IntArray:
    listed = [_every(part) if not part.monotone else np.array([part.low, part.high], object) for part in parts]
    return integers(np.unique(np.concatenate([part.astype(object) for part in listed])))


def _every(part: Segment) -> IntArray:
    if fits_int64(max(abs(part.low), abs(part.high))):
        return np.arange(part.low, part.high + 1)
    return np.array(range(part.low, part.high + 1), dtype=object)


def find_runs(compute: Callable[[IntArray], IntArray], parts: list[Segment]) -> Runs:
    """All runs of a map.

    Args:
        compute: the map, on vectors of codes.
        parts: consecutive segments that cover all codes.

    Raises:
        UnsupportedOperatorError: neither halving nor listing is possible, or there are too many runs.
    """
    listed = sum(part.high - part.low for part in parts if not part.monotone)
    if listed > MAX_LISTED:
        raise UnsupportedOperatorError(
            f"a function that rises and falls has {listed} different arguments here, too many to list",
            hint="quantize its argument to 22 bits or less",
        )
    codes = _codes(parts)
    results = compute(codes)
    starts, values = [codes[:1]], [results[:1]]
    low, high = codes[:-1], codes[1:]
    at_low, at_high = results[:-1], results[1:]
    while len(low):
        changes = at_low != at_high
        low, high, at_low, at_high = low[changes], high[changes], at_low[changes], at_high[changes]
        near = high - low == 1
        starts.append(high[near])
        values.append(at_high[near])
        low, high, at_low, at_high = low[~near], high[~near], at_low[~near], at_high[~near]
        if len(low) + sum(map(len, starts)) > MAX_RUNS:
            raise UnsupportedOperatorError(
                f"a function has more than {MAX_RUNS} different results here", hint="use fewer bits for its result"
            )
        if len(low) == 0:
            break
        middle = low + (high - low) // 2
        at_middle = compute(middle)
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        at_low, at_high = np.concatenate([at_low, at_middle]), np.concatenate([at_middle, at_high])
    where, what = np.concatenate(starts), np.concatenate(values)
    order = np.argsort(where, kind="stable")
    return Runs(where[order][1:], what[order])
