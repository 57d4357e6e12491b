# SPDX-License-Identifier: Apache-2.0
"""Arrays of float64 numbers with a rigorous error radius each: the true number lies within centre +- radius.

Sums, products and quotients find their own rounding error exactly (Knuth's and Dekker's error-free transformations),
so a radius stays 0 as long as all numbers are exact: short fractions with few digits, as most fixed-point values are.
Elementary functions add eight units in the last place, twice what numpy and the C library promise.

A radius that is infinite says that nothing is known. A centre may be infinite with radius 0: a pole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fpgann.numerics.float_functions import Floats
from fpgann.numerics.integers import FLOAT64_EXACT, FloatArray, IntArray

_FUNCTION = 2.0**-49  # relative error of an elementary function
_TINY = 2.0**-1060  # covers what float64 loses below its normal numbers
_SLACK = 1 + 2.0**-40  # for the rounding of radii themselves
_SPLIT = 2.0**27 + 1


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """Numbers that are known to within a radius.

    Args:
        centre: float64, any shape.
        radius: float64 of the same shape, not negative.
    """

    centre: FloatArray
    radius: FloatArray

    @staticmethod
    def make(centre: FloatArray, radius: FloatArray) -> Ball:
        """A ball; where anything became undefined, nothing is known."""
        lost = np.isnan(centre) | np.isnan(radius) | (np.isinf(centre) & (radius != 0))
        if np.any(lost):
            centre, radius = np.where(lost, 0.0, centre), np.where(lost, np.inf, radius)
        return Ball(centre, radius)

    @staticmethod
    def of_codes(codes: IntArray) -> Ball:
        """Integers; exact up to 2**53."""
        centre = codes.astype(np.float64)
        return Ball(centre, np.where(np.abs(centre) < float(FLOAT64_EXACT), 0.0, np.abs(centre) * 2.0**-52))

    @staticmethod
    def of_floats(values: FloatArray) -> Ball:
        """Float64 numbers, which are exact."""
        centre = np.asarray(values, np.float64) + 0.0
        return Ball(centre, np.zeros_like(centre))

    def at(self, index: npt.NDArray[np.bool_]) -> Ball:
        """Those elements that a mask selects."""
        return Ball(self.centre[index], self.radius[index])

    @property
    def low(self) -> FloatArray:
        """No element is less."""
        with np.errstate(invalid="ignore"):  # an infinite radius around an infinite centre: nothing is known
            end = np.nextafter(self.centre - self.radius, -np.inf)
        end = np.where(np.isnan(end), -np.inf, end)
        return np.asarray(np.where(self.radius == 0, self.centre, end))

    @property
    def high(self) -> FloatArray:
        """No element is greater."""
        with np.errstate(invalid="ignore"):
            end = np.nextafter(self.centre + self.radius, np.inf)
        end = np.where(np.isnan(end), np.inf, end)
        return np.asarray(np.where(self.radius == 0, self.centre, end))

    def __neg__(self) -> Ball:
        """Opposite numbers."""
        return Ball(0.0 - self.centre, self.radius)

    def __add__(self, other: Operand) -> Ball:
        """Sums."""
        b = _ball(other)
        with np.errstate(all="ignore"):
            total = self.centre + b.centre
            part = total - self.centre
            error = np.abs((self.centre - (total - part)) + (b.centre - part))
            error = np.where(np.isinf(total) & ((self.radius == 0) & (b.radius == 0)), 0.0, error)
            return Ball.make(total + 0.0, (self.radius + b.radius + error) * _SLACK)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Ball:
        """Differences."""
        return self + -_ball(other)

    def __rsub__(self, other: Operand) -> Ball:
        """Differences."""
        return _ball(other) + -self

    def __mul__(self, other: Operand) -> Ball:
        """Products."""
        b = _ball(other)
        with np.errstate(all="ignore"):
            product = self.centre * b.centre
            error = _product_error(self.centre, b.centre, product)
            spread = np.abs(self.centre) * b.radius + np.abs(b.centre) * self.radius + self.radius * b.radius
            spread = np.where((self.radius == 0) & (b.radius == 0), 0.0, spread)
            return Ball.make(product + 0.0, (spread + error) * _SLACK)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Ball:
        """Quotients; a finite number over an exact zero is plus infinity."""
        b = _ball(other)
        with np.errstate(all="ignore"):
            quotient = self.centre / b.centre
            product = quotient * b.centre
            rest = np.abs(self.centre - product) + _product_error(quotient, b.centre, product)
            error = np.where(rest == 0, 0.0, np.abs(quotient) * 2.0**-52 + _TINY)
            least = np.abs(b.centre) - b.radius
            spread = (self.radius + np.abs(quotient) * b.radius) / np.where(least > 0, least, 0.0)
            spread = np.where((self.radius == 0) & (b.radius == 0), 0.0, spread)
            pole = (b.centre == 0) & (b.radius == 0) & (self.centre != 0)
            radius = np.where(pole, 0.0, (spread + error) * _SLACK)
            return Ball.make(np.where(pole, np.inf, quotient) + 0.0, radius)

    def __rtruediv__(self, other: Operand) -> Ball:
        """Quotients."""
        return _ball(other) / self


Operand = Ball | int


def _ball(operand: Operand) -> Ball:
    if isinstance(operand, Ball):
        return operand
    return Ball(np.array(float(operand)), np.zeros(()))


def _product_error(a: FloatArray, b: FloatArray, product: FloatArray) -> FloatArray:
    """By how much a float64 product misses the true one (Dekker 1971); a bound near the ends of float64."""
    a_high, b_high = (v * _SPLIT - (v * _SPLIT - v) for v in (a, b))
    a_low, b_low = a - a_high, b - b_high
    error = np.abs(((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)
    size = np.abs(product)
    plain = (size > 2.0**-900) & (size < 2.0**960) & (np.abs(a) < 2.0**960) & (np.abs(b) < 2.0**960)
    exact_zero = (a == 0) | (b == 0)
    bound = np.where(np.isinf(product), 0.0, size * 2.0**-52 + _TINY)
    return np.asarray(np.where(exact_zero, 0.0, np.where(plain & ~np.isnan(error), error, bound)))


def _after(value: FloatArray, spread: FloatArray, exact: npt.NDArray[np.bool_] | None = None) -> Ball:
    """The result of an elementary function whose argument's radius shifts it by at most `spread`."""
    error = (spread + np.abs(value) * _FUNCTION + _TINY) * _SLACK
    return Ball.make(value, error if exact is None else np.where(exact, 0.0, error))


class Balls:
    """Elementary functions of balls."""

    @staticmethod
    def number(value: Fraction) -> Ball:
        """A constant, with the error of its float64."""
        centre = Floats.number(value)
        exact = math.isinf(centre) or Fraction(centre) == value
        return Ball(np.array(centre), np.array(0.0 if exact else abs(centre) * 2.0**-52 + _TINY))

    @staticmethod
    def pi() -> Ball:
        """The circle's number."""
        return Ball(np.array(math.pi), np.array(2.0**-51))

    @staticmethod
    def exp(x: Ball) -> Ball:
        """e**x."""
        with np.errstate(all="ignore"):
            value = np.exp(x.centre)
            return _after(value, value * np.expm1(x.radius), (x.centre == 0) & (x.radius == 0))

    @staticmethod
    def expm1(x: Ball) -> Ball:
        """e**x - 1."""
        with np.errstate(all="ignore"):
            value = np.expm1(x.centre)
            return _after(value, np.exp(x.centre) * np.expm1(x.radius) * 1.01, (x.centre == 0) & (x.radius == 0))

    @staticmethod
    def log(x: Ball) -> Ball:
        """Natural logarithm; minus infinity at an exact zero."""
        with np.errstate(all="ignore"):
            value, least = np.log(x.centre), x.centre - x.radius
            spread = np.where(least > 0, x.radius / np.where(least > 0, least, 1.0), np.inf)
            return _after(value, spread, (x.radius == 0) & ((x.centre == 0) | (x.centre == 1)))

    @staticmethod
    def sqrt(x: Ball) -> Ball:
        """Square root, exact where it has few digits."""
        with np.errstate(all="ignore"):
            value, least = np.sqrt(x.centre), x.centre - x.radius
            spread = np.where(least > 0, x.radius / np.sqrt(np.where(least > 0, least, 1.0)), np.inf)
            square = value * value
            exact = (x.radius == 0) & (square == x.centre) & (_product_error(value, value, square) == 0)
            return _after(value, spread, exact)

    @staticmethod
    def tanh(x: Ball) -> Ball:
        """Hyperbolic tangent; its slope is 1 at most."""
        return _after(np.tanh(x.centre), x.radius, (x.centre == 0) & (x.radius == 0))

    @staticmethod
    def sigmoid(x: Ball) -> Ball:
        """1 / (1 + exp(-x)); its slope is its value at most, and a quarter."""
        with np.errstate(all="ignore"):
            value = Floats.sigmoid(x.centre)
            spread = np.minimum(x.radius / 4, value * np.expm1(x.radius))
            return _after(value, np.where(np.isnan(spread), x.radius / 4, spread) + value * _FUNCTION * 2)

    @staticmethod
    def softplus(x: Ball) -> Ball:
        """log(1 + exp(x)); its slope is the sigmoid."""
        with np.errstate(all="ignore"):
            value = Floats.softplus(x.centre)
            return _after(value, x.radius * Floats.sigmoid(x.centre + x.radius) * 1.01 + value * _FUNCTION * 2)

    @staticmethod
    def erf(x: Ball) -> Ball:
        """Error function; its slope is below 1.13."""
        return _after(Floats.erf(x.centre), x.radius * 1.13, (x.centre == 0) & (x.radius == 0))

    @staticmethod
    def erfc(x: Ball) -> Ball:
        """1 - erf(x), small for large x: its slope is 2 / sqrt(pi) * exp(-x**2)."""
        with np.errstate(all="ignore"):
            nearest = np.maximum(np.abs(x.centre) - x.radius, 0.0)
            value = Floats.erfc(x.centre)
            return _after(value, x.radius * 1.13 * np.exp(-nearest * nearest) * 1.01 + value * _FUNCTION * 8)

    @staticmethod
    def power(x: Ball, exponent: Ball) -> Ball:
        """x**exponent for an exact exponent; of negative numbers for whole ones."""
        with np.errstate(all="ignore"):
            value, least = np.power(x.centre, exponent.centre), np.abs(x.centre) - x.radius
            relative = np.where(least > 0, x.radius / np.where(least > 0, least, 1.0), np.inf)
            relative = np.where(x.radius == 0, 0.0, relative)
            growth = np.expm1(np.abs(exponent.centre) * np.log1p(relative)) * 1.01
            spread = np.where(relative == 0, 0.0, np.abs(value) * growth) + np.abs(value) * _FUNCTION * 8
            pole = (x.centre == 0) & (x.radius == 0)
            value = np.where(pole & (exponent.centre < 0), np.inf, value)
            return _after(value, spread, pole)

    @staticmethod
    def clip(x: Ball, low: Ball, high: Ball) -> Ball:
        """The upper limit wins where they are crossed."""
        centre = np.minimum(np.maximum(x.centre, low.centre), high.centre)
        radius = np.maximum(x.radius, np.maximum(low.radius, high.radius))
        above = (x.low >= high.high) | ((low.radius == 0) & (low.low >= high.high))
        below = (x.high <= low.low) & (low.high <= high.low)
        radius = np.where(above, high.radius, np.where(below, low.radius, radius))
        return Ball(centre, radius)

    @staticmethod
    def floor(x: Ball) -> Ball:
        """The greatest integer not above x, where it is certain."""
        low, high = np.floor(x.low), np.floor(x.high)
        return Ball(low, np.where(low == high, 0.0, np.inf))

    @staticmethod
    def round(x: Ball) -> Ball:
        """The nearest integer, the even one of two, where it is certain."""
        low, high = np.round(x.low), np.round(x.high)
        return Ball(low, np.where(low == high, 0.0, np.inf))
