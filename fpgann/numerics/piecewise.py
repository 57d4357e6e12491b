# SPDX-License-Identifier: Apache-2.0
"""Functions of wide codes as straight lines, one for each segment of the codes.

A table of 2**16 words is no small memory; a line for each of a hundred segments is. The lines are the definition: the
reference computes with the same integers as the hardware. `fpgann/numerics/fit_lines.py` finds lines that stay within
one unit in the last place of the function they stand for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.numerics.integers import IntArray, fits_int64, magnitude
from fpgann.numerics.interval import CodeRange

MAX_CODES = 1 << 20  # of which every single one is verified


@dataclass(frozen=True, slots=True, eq=False)
class Interpolation:
    """A function of codes: (slope * rest + offset) >> shift, clamped, slope and offset by segment.

    The distance of a code from `low` is split into a region and a rest of `rest_bits` bits. A region has one segment
    for each 2**segment_bits rests; its first segment is `bases[region]`. Codes outside low..high have constants.

    Args:
        low: first code that a segment covers.
        high: last code that a segment covers.
        below: result of the codes below.
        above: result of the codes above.
        rest_bits: bits of a rest: one side of the multiplier.
        bases: number of each region's first segment.
        segment_bits: bits of a rest that do not choose among its region's segments, by region.
        slopes: one per segment.
        offsets: one per segment.
        shift: bits dropped from the sum.
        least: least result of the lines.
        greatest: greatest result of the lines.
        bottom: least result of all: clamps what a mirror yields.
        top: greatest result of all.
        mirror: sum of the results of opposite codes, if the codes -1 and below are found through it.
        even: opposite codes have the same result, and only those from 0 have segments.
    """

    low: int
    high: int
    below: int
    above: int
    rest_bits: int
    bases: IntArray
    segment_bits: IntArray
    slopes: IntArray
    offsets: IntArray
    shift: int
    least: int
    greatest: int
    bottom: int
    top: int
    mirror: int | None = None
    even: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        regions = ((self.high - self.low) >> self.rest_bits) + 1 if 0 <= self.rest_bits <= 64 else -1
        counts = [np.ndim(a) == 1 and a.dtype != np.float64 for a in self._arrays]
        if not all(counts) or not len(self.bases) == len(self.segment_bits) == regions:
            raise ValueError("an interpolation with too many or too few regions")
        if (
            not len(self.slopes) == len(self.offsets) > 0
            or not 0 <= self.shift <= 64
            or self.least > self.greatest
            or self.bottom > self.top
        ):
            raise ValueError("an interpolation whose numbers do not fit together")
        bits = self.segment_bits
        if int(bits.min()) < 0 or int(bits.max()) > self.rest_bits or int(self.bases.min()) < 0:
            raise ValueError("an interpolation with segments that do not exist")
        if int((self.bases + ((1 << (self.rest_bits - bits)) - 1))[:-1].max(initial=0)) >= len(self.slopes):
            raise ValueError("an interpolation with segments that do not exist")

    @property
    def _arrays(self) -> tuple[IntArray, ...]:
        return self.bases, self.segment_bits, self.slopes, self.offsets

    @property
    def channels(self) -> int:
        """One function for all."""
        return 1

    @property
    def folded(self) -> bool:
        """Whether segments exist for codes from 0 only."""
        return self.even or self.mirror is not None

    @property
    def uniform(self) -> bool:
        """Whether every region is one segment, so that no first memory is needed."""
        return bool(np.all(self.segment_bits == self.rest_bits))

    @property
    def slope_bits(self) -> int:
        """Bits of a slope, with a sign."""
        return CodeRange(min(-1, int(self.slopes.min())), max(0, int(self.slopes.max()))).width_bits

    @property
    def offset_bits(self) -> int:
        """Bits of an offset, with a sign."""
        return CodeRange(min(-1, int(self.offsets.min())), max(0, int(self.offsets.max()))).width_bits

    def apply(self, codes: IntArray, axis: int = -1) -> IntArray:
        """Evaluate; codes may have any shape."""
        del axis
        x = np.abs(codes) if self.folded else np.asarray(codes)
        inside = np.clip(x, self.low, self.high)
        distance = (inside - self.low).astype(np.int64)
        region, rest = distance >> self.rest_bits, distance & ((1 << self.rest_bits) - 1)
        segment = self.bases[region] + (rest >> self.segment_bits[region])
        largest = magnitude(self.slopes) * (1 << self.rest_bits) + magnitude(self.offsets)
        kind = np.int64 if fits_int64(largest) else object
        sums = self.slopes[segment].astype(kind) * rest.astype(kind) + self.offsets[segment].astype(kind)
        lines = np.clip(sums >> self.shift, self.least, self.greatest)
        result = np.where(x < self.low, self.below, np.where(x > self.high, self.above, lines))
        if self.mirror is not None:
            result = np.clip(np.where(codes < 0, self.mirror - result, result), self.bottom, self.top)
        return np.asarray(result)

    def reach(self, codes: CodeRange) -> CodeRange:
        """The results that a range of codes can have: exactly, or safely where that would take too long."""
        if codes.high - codes.low > MAX_CODES:
            return CodeRange(self.bottom, self.top)
        results = self.apply(np.arange(codes.low, codes.high + 1))
        return CodeRange(int(results.min()), int(results.max()))
