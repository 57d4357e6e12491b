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

Bounds: TypeAlias = tuple[Fraction, Fraction]
_FIRST_BITS, _LAST_BITS = 128, 8192


@dataclass(frozen=True, slots=True)
class Irrational:
    """An irrational number: `bounds(bits)` encloses it with about `bits` bits of precision."""

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


_INFINITE = Fraction(1 << 4096)  # stands for an end that interval arithmetic could not bound at all


def _from_end(end: tuple[int, int, int, int], *, upper: bool) -> Fraction:
    sign, mantissa, exponent, _ = (int(part) for part in end)
    if mantissa == 0 and exponent != 0:
        return _INFINITE if upper else -_INFINITE
    return Fraction(-mantissa if sign else mantissa) * Fraction(2) ** exponent


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
            return _INFINITE if upper else -_INFINITE
        return _from_end(value._mpi_[upper], upper=upper)

    return Irrational(bounds)


def _settle(number: Irrational, to_integer: Callable[[Fraction], int]) -> int:
    bits = _FIRST_BITS
    while bits <= _LAST_BITS:
        low, high = number.bounds(bits)
        if to_integer(low) == to_integer(high):
            return to_integer(low)
        bits *= 2
    raise VerificationError(f"a number within 2**-{_LAST_BITS} of an integer was taken for irrational")


def floor(number: Real) -> int:
    """The greatest integer not above a number."""
    if isinstance(number, Fraction):
        return number.numerator // number.denominator
    return _settle(number, lambda f: f.numerator // f.denominator)


def ceil(number: Real) -> int:
    """The least integer not below a number."""
    if isinstance(number, Fraction):
        return -(-number.numerator // number.denominator)
    return _settle(number, lambda f: -(-f.numerator // f.denominator))


def sign(number: Real) -> int:
    """-1, 0 or 1."""
    if isinstance(number, Fraction):
        return (number > 0) - (number < 0)
    bits = _FIRST_BITS
    while bits <= _LAST_BITS:
        low, high = number.bounds(bits)
        if low > 0 or high < 0:
            return 1 if low > 0 else -1
        bits *= 2
    raise VerificationError("a number that cannot be told from zero was taken for irrational")
