# SPDX-License-Identifier: Apache-2.0
"""The rounded sum of two scaled codes with small factors.

Between quantizers of arbitrary scales a sum x * a + y * b is exact only with factors of many bits. What is rounded
afterwards needs far fewer: clamp(floor((f x + g y + offset) / 2**shift)) with small f and g is accepted if it gives
the same code for every pair (x, y), all of which are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.numerics.integers import IntArray, fits_int64
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.scalar_map import ScalarMap

MAX_PAIRS = 1 << 18
_MAX_SHIFT = 30


@dataclass(frozen=True, slots=True)
class Plane:
    """clamp(floor((factors[0] * x + factors[1] * y + offset) / 2**shift), low, high)."""

    factors: tuple[int, int]
    offset: int
    shift: int
    low: int
    high: int


def fit_plane(
    coefficients: tuple[int, int], constant: int, ranges: tuple[CodeRange, CodeRange], rounding: ScalarMap
) -> Plane | None:
    """The plane with the smallest shift that equals a rounded sum for every pair of codes; None if there is none.

    For each pair the result v asks for v * 2**shift <= f x + g y + offset < (v + 1) * 2**shift, one side of it where
    v is saturated: bounds for the offset, which must not contradict each other.

    Args:
        coefficients: exact factors of the two codes.
        constant: exact addend.
        ranges: ranges of the two codes.
        rounding: the staircase of the exact sum, the same for all elements.
    """
    linear = rounding.linear
    sizes = [codes.high - codes.low + 1 for codes in ranges]
    if linear is None or rounding.channels > 1 or sizes[0] * sizes[1] > MAX_PAIRS:
        return None
    x, y = np.meshgrid(*(np.arange(codes.low, codes.high + 1) for codes in ranges), indexing="ij")
    exact = x.astype(object) * coefficients[0] + y.astype(object) * coefficients[1] + constant
    results = rounding.apply(exact).astype(np.int64)
    low, high = int(results.min()), int(results.max())
    slope = Fraction(int(linear.numerator[0]), int(linear.denominator[0]))
    slopes = tuple(slope * coefficient for coefficient in coefficients)
    for shift in range(_MAX_SHIFT):
        factors = tuple(round(s * (1 << shift)) for s in slopes)
        if not fits_int64((abs(factors[0]) + abs(factors[1])) * max(sizes) * 4):
            return None
        offset = _offset(factors[0] * x + factors[1] * y, results, shift, low, high)
        if offset is not None:
            return Plane((factors[0], factors[1]), offset, shift, low, high)
    return None


def _offset(sums: IntArray, results: IntArray, shift: int, low: int, high: int) -> int | None:
    """An offset that satisfies every pair."""
    inner = results > low
    at_least = int(((results << shift) - sums)[inner].max()) if inner.any() else -(1 << 62)
    inner = results < high
    at_most = int((((results + 1) << shift) - 1 - sums)[inner].min()) if inner.any() else 1 << 62
    return None if at_least > at_most else max(at_least, min(0, at_most))
