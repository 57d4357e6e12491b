# SPDX-License-Identifier: Apache-2.0
"""Real functions of one code that end in rounding: what lies between an accumulator and the next codes.

A ScalarMap is the exact meaning of "scale, add bias, batch normalization, ReLU, sigmoid, quantize" between
two integer tensors: the correctly rounded value of a chain of real functions. Most are staircases, monotone functions
from integers to integers. There are several ways to evaluate one, all with the same results: exact rational arithmetic
where it is piecewise linear, thresholds where it can be inverted, and number by number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from fpgann.errors import UnsupportedOperatorError
from fpgann.numerics import linear_rounding, staircases
from fpgann.numerics.integers import FloatArray, IntArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.linear_rounding import LinearRounding
from fpgann.numerics.pointwise import evaluate_codes, evaluate_exactly, evaluate_values
from fpgann.numerics.rounding import Rounder, round_values
from fpgann.numerics.runs import Runs, Segment, extremes, find_runs, linear_parts, segments
from fpgann.numerics.staircases import Staircase
from fpgann.numerics.steps import Affine, Step, invertible

__all__ = ["LinearRounding", "Rounder", "Runs", "ScalarMap", "Staircase"]

MANY_STEPS = 4096  # above this many output codes, closed-form evaluation beats a list of thresholds
_MANY_FLOAT_STEPS = 1 << 16  # the same for float64 inputs, whose closed form is slower
_MANY_CODES = 1 << 17  # up to so many codes a list of all results is made
MAX_THRESHOLDS = 1 << 22  # of one channel


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
    _runs: dict[tuple[int, int, int], Runs] = field(default_factory=dict, compare=False, repr=False)
    _lists: dict[tuple[int, int, int], IntArray] = field(default_factory=dict, compare=False, repr=False)
    _reaches: dict[tuple[int, int], CodeRange] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def channels(self) -> int:
        """How many channels differ; 1 if all share one function."""
        return max((step.channels for step in self.steps), default=1)

    @cached_property
    def linear(self) -> LinearRounding | None:
        """The map as one affine function with rounding and per-channel clamps, if it is that; else None."""
        return linear_rounding.compose(self.steps, self.rounder, self.channels)

    @cached_property
    def invertible(self) -> bool:
        """Whether thresholds follow from preimages; the map is a staircase then."""
        return invertible(self.steps)

    def staircase(self, channel: int, low: int, high: int) -> Staircase:
        """The steps of one channel that lie within codes low..high.

        Raises:
            UnsupportedOperatorError: it rises and falls, or has too many steps.
        """
        key = (channel % self.channels, low, high)
        if key not in self._staircases:
            found = self._inverted(*key) if self.invertible else self.runs(*key).staircase
            if found is None:
                raise UnsupportedOperatorError("a function that rises and falls is no staircase")
            self._staircases[key] = found
        return self._staircases[key]

    def _inverted(self, channel: int, low: int, high: int) -> Staircase:
        """Thresholds between the results at both ends of the range."""
        ends = sorted(evaluate_exactly(self.steps, self.rounder, channel, Fraction(end)) for end in (low, high))
        if ends[1] - ends[0] > MAX_THRESHOLDS:
            raise UnsupportedOperatorError(
                f"a function takes {ends[1] - ends[0]} steps here, too many to list", hint="use fewer bits"
            )
        rising = None if self.linear is None else self.linear.thresholds(channel, *ends)
        if rising is not None:
            return Staircase(ends[0], rising, rising=True)
        return staircases.invert(self.steps, Rounder(self.rounder.mode, *ends), channel, low, high)

    def segments(self, channel: int, low: int, high: int) -> list[Segment]:
        """Codes low..high cut so that one channel is monotone on each part where that is known."""
        return segments(self.steps, channel, low, high)

    def linear_parts(self, channel: int, low: int, high: int) -> list[Segment] | None:
        """Codes low..high cut where one channel bends or jumps; None if it is not made of lines."""
        return linear_parts(self.steps, channel, low, high)

    def runs(self, channel: int, low: int, high: int) -> Runs:
        """All results of one channel on codes low..high, as runs.

        Raises:
            UnsupportedOperatorError: there are too many.
        """
        key = (channel % self.channels, low, high)
        if key not in self._runs:
            self._runs[key] = find_runs(self._pointwise(key[0]), self.segments(*key))
        return self._runs[key]

    def reach(self, codes: CodeRange) -> CodeRange:
        """The results that a range of codes can have: exactly, or safely where that would take too long."""
        key = (codes.low, codes.high)
        if key not in self._reaches:
            self._reaches[key] = self._reach(codes)
        return self._reaches[key]

    def _reach(self, codes: CodeRange) -> CodeRange:
        if self.linear is not None:  # rising or falling all the way, so that the ends decide
            results = self.linear.apply(integers([[codes.low] * self.channels, [codes.high] * self.channels]))
            return CodeRange(int(results.min()), int(results.max()))
        found = []
        for channel in range(self.channels):
            where = extremes(self.segments(channel, codes.low, codes.high))
            if where is None:
                return CodeRange(self.rounder.low, self.rounder.high)
            results = self._pointwise(channel)(where)
            found.append(CodeRange(int(results.min()), int(results.max())))
        return CodeRange.hull(found)

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

    def apply_channel(self, channel: int, codes: IntArray) -> IntArray:
        """Evaluate one channel, number by number."""
        return self._pointwise(channel)(codes)

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
        many_steps = self.rounder.high - self.rounder.low > _MANY_FLOAT_STEPS
        if self.linear and many_steps:
            result = self.linear.apply_floats(moved)
        elif self.invertible and not many_steps:
            result = self._each(moved, lambda channel, column: self._float_staircase(channel).apply(column))
        else:
            result = self._each(
                moved, lambda channel, column: evaluate_values(self.steps, self.rounder, channel, column)
            )
        return np.moveaxis(result, -1, axis) if self.channels > 1 else result

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
            self._float_staircases[key] = staircases.invert_floats(self.steps, self.rounder, key[0])
        return self._float_staircases[key]

    def _each(
        self, array: IntArray | FloatArray, compute: Callable[[int, IntArray | FloatArray], IntArray]
    ) -> IntArray:
        """A function of each channel on its elements; channels lie along the last axis."""
        if self.channels == 1:
            return compute(0, array)
        return np.stack([compute(channel, array[..., channel]) for channel in range(array.shape[-1])], axis=-1)

    def _apply_steps(self, codes: IntArray) -> IntArray:
        if codes.size == 0:
            return codes.astype(np.int64)
        # Round the range outwards, so that near-identical calls share what is found out about it.
        bits = max(int(codes.max()).bit_length(), int(codes.min()).bit_length())
        low, high = -(1 << bits), 1 << bits
        many_steps = self.rounder.high - self.rounder.low > MANY_STEPS
        if self.invertible and not many_steps:
            return self._each(codes, lambda channel, column: self.staircase(channel, low, high).apply(column))
        if high - low <= _MANY_CODES < codes.size * 16:
            return self._each(codes, lambda channel, column: self._list(channel, low, high)[column - low])
        return self._each(codes, lambda channel, column: self._pointwise(channel % self.channels)(column))

    def _list(self, channel: int, low: int, high: int) -> IntArray:
        """The results of all codes low..high."""
        key = (channel % self.channels, low, high)
        if key not in self._lists:
            self._lists[key] = self._pointwise(key[0])(np.arange(low, high + 1))
        return self._lists[key]

    def _pointwise(self, channel: int) -> Callable[[IntArray], IntArray]:
        return lambda codes: integers(evaluate_codes(self.steps, self.rounder, channel, codes))
