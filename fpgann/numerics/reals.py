# SPDX-License-Identifier: Apache-2.0
"""Real numbers that can be compared with integers exactly.

A number is either rational (a Fraction) or known only through ever tighter rational bounds, like sqrt(2) or
log(3/7). Rounding such a number up to an integer refines the bounds until one integer is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import TypeAlias

import mpmath
from mpmath.libmp import ComplexResult

from fpgann.errors import VerificationError
from fpgann.numerics.rounding import NEAREST, Rounding, round_fraction

Bounds: TypeAlias = tuple[Fraction, Fraction]
BEYOND = Fraction(1 << 16384)  # stands for infinity: larger than anything a code can mean
_FIRST_BITS, _LAST_BITS = 128, 8192
_BEYOND_BITS = 16384


@dataclass(frozen=True, slots=True)
class Irrational:
    """An irrational number: `bounds(bits)` encloses it with about `bits` bits of precision.

    The bounds being rational, it is none of them but lies between; both are equal if it is rational after all.
    """

    bounds: Callable[[int], Bounds]


Real: TypeAlias = Fraction | Irrational


def enclose(number: Real, bits: int) -> Bounds:
    """Rational bounds of a number; both are the number itself when it is rational."""
    return (number, number) if isinstance(number, Fraction) else number.bounds(bits)


def add(a: Real, b: Real) -> Real:
    """Exact sum."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b

    def bounds(bits: int) -> Bounds:
        (a_low, a_high), (b_low, b_high) = enclose(a, bits), enclose(b, bits)
        return a_low + b_low, a_high + b_high

    return Irrational(bounds)


def multiply(a: Real, b: Real) -> Real:
    """Exact product."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a * b
    if a == 0 or b == 0:
        return Fraction(0)

    def bounds(bits: int) -> Bounds:
        products = [x * y for x in enclose(a, bits) for y in enclose(b, bits)]
        return min(products), max(products)

    return Irrational(bounds)


def reciprocal(a: Real) -> Real:
    """Exact 1 / a for a number that is not zero."""
    if isinstance(a, Fraction):
        return 1 / a

    def bounds(bits: int) -> Bounds:
        low, high = enclose(a, bits)
        if low <= 0 <= high:
            raise VerificationError("the reciprocal of a number that cannot be told from zero")
        return 1 / high, 1 / low

    return Irrational(bounds)


def sqrt(value: Fraction) -> Real:
    """Exact square root of a rational number that is not negative."""
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    if top * top == value.numerator and bottom * bottom == value.denominator:
        return Fraction(top, bottom)

    def bounds(bits: int) -> Bounds:
        # sqrt(n / d) = sqrt(n * d) / d, scaled by 2**shift so that `bits` bits are left below the point
        shift = bits + max(0, value.denominator.bit_length() - value.numerator.bit_length())
        root = isqrt((value.numerator * value.denominator) << (2 * shift))
        unit = value.denominator << shift
        return Fraction(root, unit), Fraction(root + 1, unit)

    return Irrational(bounds)


def _from_end(end: tuple[int, int, int, int], *, upper: bool) -> Fraction:
    """One end of an mpmath interval, moved outwards if it is too large or too small to be written out."""
    sign, mantissa, exponent, bits = (int(part) for part in end)
    if mantissa == 0:
        return Fraction(0) if exponent == 0 else BEYOND if upper else -BEYOND
    size = exponent + bits
    if size > _BEYOND_BITS:
        return -BEYOND if sign else BEYOND
    if size < -_BEYOND_BITS:
        outwards = upper != bool(sign)
        return (-1 if sign else 1) / BEYOND if outwards else Fraction(0)
    return Fraction(-mantissa if sign else mantissa) * Fraction(2) ** exponent


def enclosed(compute: Callable[[mpmath.iv.mpf], mpmath.iv.mpf], argument: Real) -> Irrational:
    """A continuous function of an exact number, evaluated in interval arithmetic (mpmath.iv).

    The caller asserts that the result is irrational. Numbers beyond `BEYOND` count as that.
    """

    def bounds(bits: int) -> Bounds:
        context = mpmath.iv
        saved, context.prec = context.prec, bits
        try:
            low, high = (context.mpf(e.numerator) / context.mpf(e.denominator) for e in enclose(argument, bits))
            value = compute(context.mpf([low.a, high.b]))
            return _from_end(value._mpi_[0], upper=False), _from_end(value._mpi_[1], upper=True)
        except (ComplexResult, ZeroDivisionError):  # the argument's bounds still leave the function's domain
            return -BEYOND, BEYOND
        finally:
            context.prec = saved

    return Irrational(bounds)


def increasing_function(compute: Callable[[mpmath.iv.mpf], mpmath.iv.mpf], argument: Real) -> Irrational:
    """An increasing function, evaluated in interval arithmetic (mpmath.iv).

    The caller asserts that the result is irrational, as transcendental functions are at every rational
    argument but the obvious ones (Lindemann-Weierstrass).
    """

    def bounds(bits: int) -> Bounds:
        context = mpmath.iv
        saved, context.prec = context.prec, bits
        try:
            low, high = enclose(argument, bits)
            return end(low, upper=False), end(high, upper=True)
        finally:
            context.prec = saved

    def end(at: Fraction, *, upper: bool) -> Fraction:
        try:
            value = compute(mpmath.iv.mpf(at.numerator) / mpmath.iv.mpf(at.denominator))
        except ComplexResult:  # the argument's bounds are still too wide: they leave the function's domain
            return BEYOND if upper else -BEYOND
        return _from_end(value._mpi_[upper], upper=upper)

    return Irrational(bounds)


def _floor_between(number: Irrational) -> tuple[int, bool]:
    """The greatest integer not above a number, and whether it is the number itself."""
    bits = _FIRST_BITS
    while bits <= _LAST_BITS:
        low, high = number.bounds(bits)
        below, above = low.numerator // low.denominator, -(-high.numerator // high.denominator)
        if low == high:
            return below, below == above
        if below == above - 1:  # strictly between two integers
            return below, False
        bits *= 2
    raise VerificationError(f"a number within 2**-{_LAST_BITS} of an integer was taken for irrational")


def floor(number: Real) -> int:
    """The greatest integer not above a number."""
    if isinstance(number, Fraction):
        return number.numerator // number.denominator
    return _floor_between(number)[0]


def ceil(number: Real) -> int:
    """The least integer not below a number."""
    if isinstance(number, Fraction):
        return -(-number.numerator // number.denominator)
    below, is_whole = _floor_between(number)
    return below if is_whole else below + 1


def sign(number: Real) -> int:
    """-1, 0 or 1."""
    if isinstance(number, Fraction):
        return (number > 0) - (number < 0)
    bits = _FIRST_BITS
    while bits <= _LAST_BITS:
        low, high = number.bounds(bits)
        if low == high:
            return (low > 0) - (low < 0)
        if low >= 0 or high <= 0:
            return 1 if low >= 0 else -1
        bits *= 2
    raise VerificationError("a number that cannot be told from zero was taken for irrational")


def compare(a: Real, b: Fraction) -> int:
    """The sign of a - b."""
    return sign(add(a, -b))


def rounded(number: Real, mode: Rounding) -> int:
    """The integer that a number is rounded to; an irrational one is never a tie."""
    if isinstance(number, Fraction):
        return round_fraction(number, mode)
    if mode in NEAREST:
        return floor(add(number, Fraction(1, 2)))
    below, is_whole = _floor_between(number)
    if is_whole or mode is Rounding.TRN:
        return below
    if mode is Rounding.CEIL:
        return below + 1
    return below + ((mode is Rounding.UP) == (below >= 0))
