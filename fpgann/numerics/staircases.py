# SPDX-License-Identifier: Apache-2.0
"""Monotone maps of integers, and their thresholds by exact preimages."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.numerics import reals
from fpgann.numerics.integers import FloatArray, IntArray, fits_int64
from fpgann.numerics.rounding import Rounder, Rounding, step_boundary, step_positions
from fpgann.numerics.steps import Bound, Step

_GREATEST_FLOAT = Fraction(sys.float_info.max)


@dataclass(frozen=True, slots=True)
class Staircase:
    """A monotone map of integers: base, plus (or minus) one for each threshold at or below the code.

    Args:
        base: output below every threshold.
        thresholds: sorted inputs (codes, or float64), repeated where the output jumps by several.
        rising: output grows with the input.
    """

    base: int
    thresholds: IntArray | FloatArray
    rising: bool

    def apply(self, codes: IntArray | FloatArray) -> IntArray:
        """Evaluate; codes may have any shape."""
        count = np.asarray(np.searchsorted(self.thresholds, codes, side="right"))
        if not fits_int64(abs(self.base) + len(self.thresholds)):
            count = count.astype(object)
        return self.base + count if self.rising else self.base - count


def _first_code(bound: Bound, low: int, high: int) -> int:
    """Where an integer enters (rising) or leaves (falling) a bound, kept within low..high + 1."""
    if bound.at is None:
        return low if bound.always == bound.rising else high + 1
    if bound.rising == bound.inclusive:
        code = reals.ceil(bound.at)  # x >= at, or not x < at
    else:
        code = reals.floor(bound.at) + 1
    return min(max(code, low), high + 1)


def _exact_threshold(
    steps: tuple[Step, ...], mode: Rounding, channel: int, code: int, *, rising: bool, low: int, high: int
) -> int:
    at, inclusive = step_boundary(code, mode)
    bound = Bound(at, inclusive)
    for step in reversed(steps):
        bound = step.preimage(bound, channel)
    if bound.at is None:
        bound = Bound(None, rising=rising, always=bound.always)
    return _first_code(bound, low, high)


def invert(steps: tuple[Step, ...], rounder: Rounder, channel: int, low: int, high: int) -> Staircase:
    """The thresholds of one channel within codes low..high, by preimages of an invertible chain.

    By float64 with error bounds, exactly wherever those leave a doubt.
    """
    largest = max(abs(rounder.low), abs(rounder.high)) + 1
    codes = rounder.low + 1 + np.arange(rounder.high - rounder.low).astype(np.int64 if fits_int64(largest) else object)
    rising = all_rising(steps, channel)
    at = step_positions(codes, rounder.mode)
    bounds = (at, np.abs(at) * 2.0**-52)
    for step in reversed(steps):
        bounds = step.preimage_floats(bounds, channel)
    centres, radii = bounds
    least, greatest = max(-(2.0**52), float(low) - 2), min(2.0**52, float(high) + 2)
    with np.errstate(invalid="ignore"):
        below = np.clip(np.nextafter(centres - radii, -np.inf), least, greatest)
        above = np.clip(np.nextafter(centres + radii, np.inf), least, greatest)
    thresholds = np.ceil(below)
    settled = (thresholds == np.ceil(above)) & ((thresholds != below) | (below == above))
    settled &= np.abs(thresholds) < 2.0**51
    exact = np.where(settled, thresholds, 0.0).astype(np.int64)
    doubtful = [
        _exact_threshold(steps, rounder.mode, channel, int(code), rising=rising, low=low, high=high)
        for code in codes[~settled]
    ]
    wide = any(abs(threshold) >> 62 for threshold in doubtful)
    exact = exact.astype(object) if wide else exact
    exact[~settled] = doubtful
    exact.sort()
    at_or_below = int(np.sum(exact <= low))
    base = rounder.low + at_or_below if rising else rounder.high - at_or_below
    return Staircase(base, exact[at_or_below:][exact[at_or_below:] <= high], rising)


def invert_floats(steps: tuple[Step, ...], rounder: Rounder, channel: int) -> Staircase:
    """The least float64 number at which each output code is reached (rising) or left (falling)."""
    rising = all_rising(steps, channel)
    thresholds = []
    for code in range(rounder.low + 1, rounder.high + 1):
        bound = Bound(*step_boundary(code, rounder.mode))
        for step in reversed(steps):
            bound = step.preimage(bound, channel)
        if bound.at is None:
            thresholds.append(-math.inf if bound.always == rising else math.inf)
            continue
        low, high = reals.enclose(bound.at, 256)
        tie_is_below = low == high and bound.rising != bound.inclusive
        least = float(min(max(high, -_GREATEST_FLOAT), _GREATEST_FLOAT))
        while least < math.inf and (Fraction(least) < high or (tie_is_below and Fraction(least) == high)):
            least = math.nextafter(least, math.inf)
        thresholds.append(least)
    base = rounder.low if rising else rounder.high
    return Staircase(base, np.sort(np.array(thresholds, np.float64)), rising)


def all_rising(steps: tuple[Step, ...], channel: int) -> bool:
    """Whether the composed function grows with its argument (a constant one counts as growing)."""
    rising = True
    for step in steps:
        gain = step.gain(channel)
        if gain == 0:
            return True
        rising = rising == (gain > 0)
    return rising
