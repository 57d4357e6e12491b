# SPDX-License-Identifier: Apache-2.0
"""Chains of affine steps and clips as one rational function with rounding, evaluated in integers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np

from fpgann.numerics.integers import FloatArray, IntArray, fits_int64, integers, magnitude, multiply_add
from fpgann.numerics.rounding import Rounder, Rounding, doubled_boundaries, round_fraction, round_ratio
from fpgann.numerics.steps import Affine, Clip, Step


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

    def thresholds(self, channel: int, low: int, high: int) -> IntArray | None:
        """The least input of each output low + 1 .. high of one channel; None where outputs do not rise."""
        numerator, constant, denominator = (
            int(numbers[channel]) for numbers in (self.numerator, self.constant, self.denominator)
        )
        if numerator <= 0:
            return None
        largest = 2 * (max(abs(low), abs(high)) + 1) * denominator + 2 * abs(constant)
        wide = not fits_int64(max(largest, 2 * numerator))
        outputs = np.array(range(low + 1, high + 1), object if wide else np.int64)
        boundary, inclusive = doubled_boundaries(outputs, self.mode)
        rest = boundary * denominator - 2 * constant  # reached where 2 * numerator * input is at or above it
        return integers(np.where(inclusive, -(-rest // (2 * numerator)), rest // (2 * numerator) + 1))

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


def compose(steps: tuple[Step, ...], rounder: Rounder, channels: int) -> LinearRounding | None:
    """Affine steps and clips in one; None where a step is curved."""
    rows = []
    for channel in range(channels):
        scale, offset = Fraction(1), Fraction(0)
        floor: Fraction | None = None
        ceiling: Fraction | None = None
        for step in steps:
            if isinstance(step, Affine):
                factor, addend = step.at(channel)
                scale, offset = scale * factor, offset * factor + addend
                ends = [None if e is None else e * factor + addend for e in (floor, ceiling)]
                floor, ceiling = (ends[0], ends[1]) if factor >= 0 else (ends[1], ends[0])
            elif isinstance(step, Clip):
                floor = step.low if floor is None else step.clip(floor)
                ceiling = step.high if ceiling is None else step.clip(ceiling)
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
