# SPDX-License-Identifier: Apache-2.0
"""Elementary functions of exact fractions, and of intervals of any precision (mpmath.iv)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeAlias

import mpmath
from mpmath import libmp

Interval: TypeAlias = Any  # mpmath.iv.mpf, which has no types

_GUARD_BITS = 32  # more than mpmath's error functions lose


class Fractions:
    """What rational functions need of fractions."""

    @staticmethod
    def number(value: Fraction) -> Fraction:
        """The number itself."""
        return value

    @staticmethod
    def clip(x: Fraction, low: Fraction, high: Fraction) -> Fraction:
        """The upper limit wins where they are crossed."""
        return min(max(x, low), high)

    @staticmethod
    def floor(x: Fraction) -> Fraction:
        """The greatest integer not above x."""
        return Fraction(x.numerator // x.denominator)

    @staticmethod
    def round(x: Fraction) -> Fraction:
        """The nearest integer, the even one of two."""
        return Fraction(round(x))


class Intervals:
    """Elementary functions of intervals, at the precision that `mpmath.iv.prec` says."""

    @staticmethod
    def number(value: Fraction) -> Interval:
        """The narrowest interval around a fraction."""
        return mpmath.iv.mpf(value.numerator) / mpmath.iv.mpf(value.denominator)

    @staticmethod
    def pi() -> Interval:
        """The circle's number."""
        return +mpmath.iv.pi

    @staticmethod
    def exp(x: Interval) -> Interval:
        """e**x."""
        return mpmath.iv.exp(x)

    @staticmethod
    def expm1(x: Interval) -> Interval:
        """e**x - 1."""
        return mpmath.iv.exp(x) - 1

    @staticmethod
    def log(x: Interval) -> Interval:
        """Natural logarithm."""
        return mpmath.iv.log(x)

    @staticmethod
    def sqrt(x: Interval) -> Interval:
        """Square root."""
        return mpmath.iv.sqrt(x)

    @staticmethod
    def tanh(x: Interval) -> Interval:
        """Hyperbolic tangent."""
        return 1 - 2 / (mpmath.iv.exp(2 * x) + 1)

    @staticmethod
    def sigmoid(x: Interval) -> Interval:
        """1 / (1 + exp(-x))."""
        return 1 / (1 + mpmath.iv.exp(-x))

    @staticmethod
    def softplus(x: Interval) -> Interval:
        """log(1 + exp(x)), never below x, however large that is."""
        if x.mid > 0:
            return x + mpmath.iv.log(1 + mpmath.iv.exp(-x))
        return mpmath.iv.log(1 + mpmath.iv.exp(x))

    @staticmethod
    def erf(x: Interval) -> Interval:
        """Error function, which rises."""
        return _rising(libmp.mpf_erf, x, -1, 1)

    @staticmethod
    def erfc(x: Interval) -> Interval:
        """1 - erf(x), which falls."""
        return _rising(lambda end, bits, mode: libmp.mpf_erfc(libmp.mpf_neg(end), bits, mode), -x, 0, 2)

    @staticmethod
    def power(x: Interval, exponent: Interval) -> Interval:
        """x**exponent for an exact exponent."""
        exact = libmp.to_rational(exponent._mpi_[0])
        if exact[1] == 1:
            return x ** int(exact[0])
        return mpmath.iv.exp(exponent * mpmath.iv.log(x))


def _rising(function: Any, x: Interval, least: int, greatest: int) -> Interval:
    """A function that mpmath computes to within a unit in the last place, at both ends of an interval.

    Its limits are kept: what comes ever closer to a number never reaches it.
    """
    bits = mpmath.iv.prec + _GUARD_BITS
    error = libmp.mpf_shift(libmp.fone, 4 - bits)
    ends = []
    for end, outwards, mode in zip(x._mpi_, (-1, 1), "fc", strict=True):
        value = function(end, bits, "n")
        margin = libmp.mpf_mul(libmp.mpf_abs(value), error)
        ends.append(libmp.mpf_add(value, margin if outwards > 0 else libmp.mpf_neg(margin), bits, mode))
    low, high = libmp.from_int(least), libmp.from_int(greatest)
    return mpmath.iv.make_mpf(
        (low if libmp.mpf_lt(ends[0], low) else ends[0], high if libmp.mpf_gt(ends[1], high) else ends[1])
    )
