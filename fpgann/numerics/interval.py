# SPDX-License-Identifier: Apache-2.0
"""Exact intervals of codes: which integers can occur, hence how many bits a signal needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fpgann.numerics.integers import IntArray, fits_int64, magnitude


@dataclass(frozen=True, slots=True)
class CodeRange:
    """All integers from low to high, both included; plain Python integers of any size."""

    low: int
    high: int

    def __post_init__(self) -> None:
        """Refuse empty ranges: no signal has none."""
        if self.low > self.high:
            raise ValueError(f"empty range {self.low}..{self.high}")

    @property
    def signed(self) -> bool:
        """Whether the range needs a sign bit."""
        return self.low < 0

    @property
    def width_bits(self) -> int:
        """Bits of the narrowest type: unsigned if nothing is negative, two's complement else; at least 1."""
        if self.low >= 0:
            return max(1, self.high.bit_length())
        return 1 + max(self.high.bit_length() if self.high > 0 else 0, (-self.low - 1).bit_length())

    def __contains__(self, code: int) -> bool:
        """Whether a code lies in the range."""
        return self.low <= code <= self.high

    def __add__(self, other: CodeRange) -> CodeRange:
        """The range of sums of independent codes."""
        return CodeRange(self.low + other.low, self.high + other.high)

    def __neg__(self) -> CodeRange:
        """The range of negated codes."""
        return CodeRange(-self.high, -self.low)

    def scaled(self, factor: int) -> CodeRange:
        """The range of products with a constant."""
        ends = (self.low * factor, self.high * factor)
        return CodeRange(min(ends), max(ends))

    def times(self, other: CodeRange) -> CodeRange:
        """The range of products of independent codes."""
        return self.scaled(other.low).union(self.scaled(other.high))

    def shifted(self, bits: int) -> CodeRange:
        """The range after a left shift, or after an arithmetic right shift (floor) for negative `bits`."""
        if bits >= 0:
            return CodeRange(self.low << bits, self.high << bits)
        return CodeRange(self.low >> -bits, self.high >> -bits)

    def clamped(self, low: int, high: int) -> CodeRange:
        """The range after saturation to low..high."""
        return CodeRange(min(max(self.low, low), high), min(max(self.high, low), high))

    def union(self, other: CodeRange) -> CodeRange:
        """The smallest range that holds both."""
        return CodeRange(min(self.low, other.low), max(self.high, other.high))

    @staticmethod
    def hull(ranges: Iterable[CodeRange]) -> CodeRange:
        """The smallest range that holds all of at least one range."""
        items = list(ranges)
        return CodeRange(min(r.low for r in items), max(r.high for r in items))


def matmul_ranges(low: IntArray, high: IntArray, weights: IntArray) -> tuple[IntArray, IntArray]:
    """Exact per-output bounds of `codes @ weights` for codes that vary independently in low..high.

    Args:
        low: least code of each input, shape (inputs,).
        high: greatest code of each input, shape (inputs,).
        weights: shape (inputs, outputs).

    Returns:
        Least and greatest accumulator, each of shape (outputs,).
    """
    bound = max(1, magnitude(low), magnitude(high)) * max(1, magnitude(weights)) * max(1, weights.shape[0])
    kind = np.int64 if fits_int64(bound) else object
    lows, highs, factors = low.astype(kind)[:, None], high.astype(kind)[:, None], weights.astype(kind)
    at_low, at_high = lows * factors, highs * factors
    return np.minimum(at_low, at_high).sum(axis=0), np.maximum(at_low, at_high).sum(axis=0)
