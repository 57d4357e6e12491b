# SPDX-License-Identifier: Apache-2.0
"""Real functions of one code that end in rounding: what lies between an accumulator and the next codes.

A ScalarMap is the exact meaning of "scale, add bias, batch normalization, ReLU, sigmoid, quantize" between
two integer tensors. It is a staircase: a monotone function from integers to integers. It is evaluated by
exact rational arithmetic where it is piecewise linear, and through its steps otherwise.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import lcm

import numpy as np

from fpgann.numerics import reals
from fpgann.numerics.integers import FloatArray, IntArray, fits_int64, integers, magnitude, multiply_add
from fpgann.numerics.rounding import Rounding, round_fraction, round_ratio, round_values, step_boundary, step_positions
from fpgann.numerics.steps import Affine, Bound, Clip, Step

_GREATEST_FLOAT = Fraction(sys.float_info.max)
MANY_STEPS = 4096  # above this many output codes, closed-form evaluation beats a list of thresholds
_MANY_FLOAT_STEPS = 1 << 16  # the same for float64 inputs, whose closed form is slower


@dataclass(frozen=True, slots=True)
class Rounder:
    """The end of a ScalarMap: code = clamp(round(y), low, high).

    Args:
        mode: rounding mode.
        low: least code.
        high: greatest code.
    """

    mode: Rounding
    low: int
    high: int


@dataclass(frozen=True)
class ScalarMap:
    """Steps applied to an integer code one after another, then rounding to a code.

    Args:
        steps: real functions in order of application.
        rounder: final rounding and saturation.
    """

    steps: tuple[Step, ...]
    rounder: Rounder
    _staircases: dict[tuple[int, int, int], Staircase] = field(default_factory=dict, compare=False, repr=False)
    _float_staircases: dict[tuple[int, int, int], Staircase] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def channels(self) -> int:
        """How many channels differ; 1 if all share one function."""
        return max((step.channels for step in self.steps), default=1)

    @cached_property
    def linear(self) -> LinearRounding | None:
        """The map as one affine function with rounding and per-channel clamps, if it is that; else None."""
        return _linear(self)

    def staircase(self, channel: int, low: int, high: int) -> Staircase:
        """The steps of one channel that lie within codes low..high."""
        key = (channel % self.channels, low, high)
        if key not in self._staircases:
            self._staircases[key] = _staircase(self, *key)
        return self._staircases[key]

    def apply(self, codes: IntArray, axis: int = -1) -> IntArray:
        """Evaluate on an array of codes.

        Args:
            codes: integers of any shape.
            axis: the axis along which channels lie, if there are several.

        Returns:
            Codes of the same shape, int64 (object beyond 63 bits).
        """
        moved = np.moveaxis(codes, axis, -1) if codes.ndim and self.channels > 1 else codes
        few_steps = self.rounder.high - self.rounder.low <= MANY_STEPS
        closed_form = self.linear is not None and (self.linear.fits_int64(moved) or not few_steps)
        result = self.linear.apply(moved) if self.linear and closed_form else self._apply_steps(moved)
        return np.moveaxis(result, -1, axis) if codes.ndim and self.channels > 1 else result

    def apply_floats(self, values: FloatArray, axis: int = -1) -> IntArray:
        """Evaluate on float64 numbers taken as the exact numbers they are.

        Args:
            values: finite float64 of any shape.
            axis: the axis along which channels lie, if there are several.

        Returns:
            Codes of the same shape.
        """
        exponent = self._power_of_two
        if exponent is not None:
            rounder = self.rounder
            limit = float(max(abs(rounder.low), abs(rounder.high)) + 1)
            with np.errstate(over="ignore", under="ignore"):
                scaled = np.clip(np.ldexp(np.asarray(values, np.float64), exponent), -limit, limit)
            # what float64 is too coarse for is still not zero
            scaled = np.where((scaled == 0) & (values != 0), np.copysign(0.25, values), scaled)
            return np.clip(round_values(scaled, rounder.mode).astype(np.int64), rounder.low, rounder.high)
        moved = np.moveaxis(values, axis, -1) if self.channels > 1 else values
        if self.linear and self.rounder.high - self.rounder.low > _MANY_FLOAT_STEPS:
            result = self.linear.apply_floats(moved)
            return np.moveaxis(result, -1, axis) if self.channels > 1 else result
        if self.channels == 1:
            return self._float_staircase(0).apply(moved)
        columns = [self._float_staircase(c).apply(moved[..., c]) for c in range(moved.shape[-1])]
        return np.moveaxis(np.stack(columns, axis=-1), -1, axis)

    @cached_property
    def _power_of_two(self) -> int | None:
        """The exponent if the map only multiplies by a power of two within the exact integers of float64."""
        if len(self.steps) != 1 or not isinstance(self.steps[0], Affine) or self.channels > 1:
            return None
        scale, offset = self.steps[0].at(0)
        power = scale.numerator.bit_length() - scale.denominator.bit_length()
        if scale != Fraction(2) ** power or offset != 0 or max(-self.rounder.low, self.rounder.high) >> 52:
            return None
        return power

    def _float_staircase(self, channel: int) -> Staircase:
        key = (channel % self.channels, 0, 0)
        if key not in self._float_staircases:
            self._float_staircases[key] = _float_staircase(self, key[0])
        return self._float_staircases[key]

    def _apply_steps(self, codes: IntArray) -> IntArray:
        if codes.size == 0:
            return codes.astype(np.int64)
        # Round the range outwards, so that near-identical calls share one staircase.
        bits = max(int(codes.max()).bit_length(), int(codes.min()).bit_length())
        low, high = -(1 << bits), 1 << bits
        if self.channels == 1:
            return self.staircase(0, low, high).apply(codes)
        columns = [self.staircase(c, low, high).apply(codes[..., c]) for c in range(codes.shape[-1])]
        return np.stack(columns, axis=-1)


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


def _exact_threshold(scalar_map: ScalarMap, channel: int, code: int, *, rising: bool, low: int, high: int) -> int:
    at, inclusive = step_boundary(code, scalar_map.rounder.mode)
    bound = Bound(at, inclusive)
    for step in reversed(scalar_map.steps):
        bound = step.preimage(bound, channel)
    if bound.at is None:
        bound = Bound(None, rising=rising, always=bound.always)
    return _first_code(bound, low, high)


def _staircase(scalar_map: ScalarMap, channel: int, low: int, high: int) -> Staircase:
    """All thresholds of a channel: by float64 with error bounds, exactly wherever those leave a doubt."""
    rounder = scalar_map.rounder
    largest = max(abs(rounder.low), abs(rounder.high)) + 1
    codes = rounder.low + 1 + np.arange(rounder.high - rounder.low).astype(np.int64 if fits_int64(largest) else object)
    rising = all_rising(scalar_map.steps, channel)
    at = step_positions(codes, rounder.mode)
    bounds = (at, np.abs(at) * 2.0**-52)
    for step in reversed(scalar_map.steps):
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
        _exact_threshold(scalar_map, channel, int(code), rising=rising, low=low, high=high) for code in codes[~settled]
    ]
    wide = any(abs(threshold) >> 62 for threshold in doubtful)
    exact = exact.astype(object) if wide else exact
    exact[~settled] = doubtful
    exact.sort()
    at_or_below = int(np.sum(exact <= low))
    base = rounder.low + at_or_below if rising else rounder.high - at_or_below
    return Staircase(base, exact[at_or_below:][exact[at_or_below:] <= high], rising)


def _float_staircase(scalar_map: ScalarMap, channel: int) -> Staircase:
    """The least float64 number at which each output code is reached (rising) or left (falling)."""
    rounder, rising = scalar_map.rounder, all_rising(scalar_map.steps, channel)
    thresholds = []
    for code in range(rounder.low + 1, rounder.high + 1):
        bound = Bound(*step_boundary(code, rounder.mode))
        for step in reversed(scalar_map.steps):
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


@dataclass(frozen=True, slots=True)
class LinearRounding:
    """clamp(round((numerator * code + constant) / denominator), low, high), each per channel.

    Args:
        numerator: integers, shape (channels,).
        constant: integers, same shape.
        denominator: positive integers, same shape.
        mode: rounding mode.
        low: least code, same shape.
        high: greatest code, same shape.
    """

    numerator: IntArray
    constant: IntArray
    denominator: IntArray
    mode: Rounding
    low: IntArray
    high: IntArray

    def fits_int64(self, codes: IntArray) -> bool:
        """Whether evaluation on these codes stays within int64."""
        largest = max(1, magnitude(codes)) * max(1, magnitude(self.numerator)) + magnitude(self.constant)
        return codes.dtype != object and fits_int64(max(largest, 2 * magnitude(self.denominator)))

    def apply(self, codes: IntArray) -> IntArray:
        """Evaluate exactly; channels lie along the last axis."""
        exact, denominator = multiply_add(codes, self.numerator, self.constant), self.denominator
        if not self.fits_int64(codes):
            exact, denominator = exact.astype(object), denominator.astype(object)
        result = np.clip(round_ratio(exact, denominator, self.mode), self.low, self.high)
        return integers(result).reshape(codes.shape)

    def apply_floats(self, values: FloatArray) -> IntArray:
        """Evaluate exactly on float64 numbers, one by one; channels lie along the last axis."""
        columns = zip(self.numerator, self.constant, self.denominator, self.low, self.high, strict=True)
        channels = [tuple(int(number) for number in column) for column in columns]
        codes = np.empty(values.size, object)
        for index, value in enumerate(np.asarray(values, np.float64).flat):
            numerator, constant, denominator, low, high = channels[index % len(channels)]
            exact = (Fraction(float(value)) * numerator + constant) / denominator
            codes[index] = min(max(round_fraction(exact, self.mode), low), high)
        return integers(codes).reshape(np.shape(values))


def _linear(scalar_map: ScalarMap) -> LinearRounding | None:
    """Compose affine steps and clips; None where a step is curved."""
    rounder = scalar_map.rounder
    rows = []
    for channel in range(scalar_map.channels):
        scale, offset = Fraction(1), Fraction(0)
        floor: Fraction | None = None
        ceiling: Fraction | None = None
        for step in scalar_map.steps:
            if isinstance(step, Affine):
                factor, addend = step.at(channel)
                scale, offset = scale * factor, offset * factor + addend
                ends = [None if e is None else e * factor + addend for e in (floor, ceiling)]
                floor, ceiling = (ends[0], ends[1]) if factor >= 0 else (ends[1], ends[0])
            elif isinstance(step, Clip):
                floor = step.low if floor is None else step.apply(floor)
                ceiling = step.high if ceiling is None else step.apply(ceiling)
            else:
                return None
        low = rounder.low if floor is None else max(rounder.low, round_fraction(floor, rounder.mode))
        high = rounder.high if ceiling is None else min(rounder.high, round_fraction(ceiling, rounder.mode))
        common = lcm(scale.denominator, offset.denominator)
        numerator, constant = int(scale * common), int(offset * common)
        rows.append((numerator, constant, common, min(low, rounder.high), max(high, rounder.low)))
    numerators, constants, denominators, lows, highs = (
        integers(np.array(column, dtype=object)) for column in zip(*rows, strict=True)
    )
    return LinearRounding(numerators, constants, denominators, rounder.mode, lows, highs)
