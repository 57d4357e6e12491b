# SPDX-License-Identifier: Apache-2.0
"""Tensors of exact real numbers, written for the tests: nothing here comes from the package.

A number is `num * unit + coefficient * sqrt(radicand)`: an integer times a common fraction, and for what a batch
normalization leaves behind a multiple of one square root. Whatever asks for more is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

_SAFE = 1 << 62
_DIGITS = 80


def integers(array: Any) -> np.ndarray:
    """int64 where it fits, Python integers elsewhere."""
    # a product of arrays without axes is a Python integer, of which numpy would make uint64
    array = np.asarray(array, object) if isinstance(array, int) else np.asarray(array)
    if array.dtype != object and array.dtype != np.uint64:
        return array.astype(np.int64)
    array = objects(array)
    return array.astype(np.int64) if largest(array) < _SAFE else array


def largest(array: np.ndarray) -> int:
    return max(abs(int(array.max())), abs(int(array.min()))) if array.size else 0


def fractions(array: Any) -> np.ndarray:
    """Python fractions of floating-point or integer numbers."""
    array = np.asarray(array)
    flat = [Fraction(v) for v in array.reshape(-1).tolist()]
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(array.shape)


def objects(array: np.ndarray) -> np.ndarray:
    return np.asarray(array).astype(object)


def each(function: Any, *arrays: Any) -> np.ndarray:
    """A function of Python numbers on every element; arrays are broadcast."""
    broadcast = np.broadcast_arrays(*(objects(a) for a in arrays))
    flat = [function(*row) for row in zip(*(a.reshape(-1) for a in broadcast), strict=True)]
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(broadcast[0].shape)


def common_unit(*units: Fraction) -> Fraction:
    """The greatest fraction of which all are multiples."""
    numerator = math.gcd(*(u.numerator for u in units))
    return Fraction(numerator, math.lcm(*(u.denominator for u in units)))


@dataclass(frozen=True)
class Root:
    """coefficient * sqrt(radicand), element by element; fractions, radicands positive."""

    coefficient: np.ndarray
    radicand: np.ndarray


@dataclass(frozen=True)
class Exact:
    """num * unit + root."""

    num: np.ndarray
    unit: Fraction
    root: Root | None = None

    @staticmethod
    def of(array: Any) -> Exact:
        """The very numbers that an array of floats or integers holds."""
        array = np.asarray(array)
        if array.dtype.kind in "iub":
            return Exact(integers(array), Fraction(1))
        mantissa, exponent = np.frexp(array.astype(np.float64))
        whole = (mantissa * 2.0**53).astype(np.int64)
        exponent = np.where(whole == 0, 0, exponent - 53)
        while np.any(even := (whole != 0) & (whole % 2 == 0)):
            whole, exponent = np.where(even, whole // 2, whole), np.where(even, exponent + 1, exponent)
        least = int(exponent.min(initial=0))
        num = objects(whole) * each(lambda e: 1 << (int(e) - least), exponent)
        return Exact(integers(num), Fraction(2) ** least)

    @staticmethod
    def of_fractions(array: np.ndarray) -> Exact:
        unit = common_unit(*array.reshape(-1).tolist(), Fraction(1)) if array.size else Fraction(1)
        return Exact(integers(each(lambda f: int(f / unit), array)), unit)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(self.num.shape, self.root.coefficient.shape) if self.root else self.num.shape

    def fractions(self) -> np.ndarray:
        """Every number as a fraction."""
        assert self.root is None, "irrational"
        return each(lambda n: int(n) * self.unit, self.num)

    def floats(self) -> np.ndarray:
        """Every number in float64, to 15 digits."""
        rational = each(lambda n: float(int(n) * self.unit), self.num).astype(np.float64)
        if self.root is None:
            return rational
        # in integers of 200 fractional bits: the two parts may cancel
        parts = np.broadcast_arrays(objects(self.num), self.root.coefficient, self.root.radicand)
        return each(lambda n, c, v: float(self._near(int(n), c, v)), *parts).astype(np.float64)

    def _near(self, num: int, coefficient: Fraction, radicand: Fraction) -> Fraction:
        square = coefficient * coefficient * radicand
        size = Fraction(math.isqrt((square.numerator << 400) // square.denominator), 1 << 200)
        return num * self.unit + (size if coefficient >= 0 else -size)

    def moved(self, function: Any) -> Exact:
        """The same elements in other places."""
        root = self.root
        if root is not None:
            shape = self.shape
            root = Root(*(function(np.broadcast_to(a, shape)) for a in (root.coefficient, root.radicand)))
            return Exact(function(np.broadcast_to(self.num, shape)), self.unit, root)
        return Exact(function(self.num), self.unit)

    def __add__(self, other: Exact) -> Exact:
        unit = common_unit(self.unit, other.unit)
        left, right = int(self.unit / unit), int(other.unit / unit)
        num = integers(objects(self.num) * left + objects(other.num) * right)
        assert self.root is None or other.root is None, "two square roots"
        return Exact(num, unit, self.root or other.root)

    def __neg__(self) -> Exact:
        return self * Exact(np.array(-1), Fraction(1))

    def __sub__(self, other: Exact) -> Exact:
        return self + -other

    def __mul__(self, other: Exact) -> Exact:
        if self.root is None and other.root is not None:
            return other * self
        product = Exact(integers(objects(self.num) * objects(other.num)), self.unit * other.unit)
        if self.root is None:
            return product
        return replace(product, root=Root(self.root.coefficient * other.fractions(), self.root.radicand))

    def __truediv__(self, other: Exact) -> Exact:
        if other.root is None:
            return self * Exact.of_fractions(each(lambda f: 1 / f, other.fractions()))
        assert not np.any(other.num), "division by more than a square root"
        root = other.root
        quotient = each(lambda x, c, v: x / (c * v), self.fractions(), root.coefficient, root.radicand)
        zero = np.zeros(quotient.shape, np.int64)
        return Exact(zero, Fraction(1), Root(quotient, np.broadcast_to(root.radicand, quotient.shape)))

    def __matmul__(self, other: Exact) -> Exact:
        assert self.root is None, "a product of square roots"
        assert other.root is None, "a product of square roots"
        inner = other.num.shape[0]
        if largest(self.num) * largest(other.num) * inner < _SAFE:
            return Exact(self.num @ other.num, self.unit * other.unit)
        return Exact(integers(objects(self.num) @ objects(other.num)), self.unit * other.unit)

    def square_root(self) -> Exact:
        values = self.fractions()
        return Exact(np.zeros(values.shape, np.int64), Fraction(1), Root(fractions(np.ones(values.shape, int)), values))

    def floor(self, factor: np.ndarray, addend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """floor(self * factor + addend) for fractions, and where nothing was lost."""
        if self.root is None:
            top = each(lambda f: f.numerator, factor * self.unit)
            bottom = each(lambda f: f.denominator, factor * self.unit)
            whole = objects(self.num) * top + each(lambda a, b: int(a * b), addend, bottom)
            return whole // bottom, whole % bottom == 0
        parts = (self.num, self.root.coefficient, self.root.radicand, factor, addend)
        pairs = each(lambda n, c, v, f, a: _floor_of_root(int(n) * self.unit * f + a, c * f, v), *parts)
        return each(lambda p: p[0], pairs), each(lambda p: p[1], pairs).astype(bool)

    def negative(self) -> np.ndarray:
        """Where numbers are below zero."""
        if self.root is None:
            return np.asarray(self.num < 0)
        one = np.array(Fraction(1), object)
        return np.asarray(self.floor(one, 0 * one)[0] < 0)

    def relu(self) -> Exact:
        negative = self.negative()
        num = integers(np.where(negative, 0, objects(self.num)))
        if self.root is None:
            return Exact(num, self.unit)
        coefficient = np.where(negative, Fraction(0), self.root.coefficient)
        return Exact(num, self.unit, Root(coefficient, np.broadcast_to(self.root.radicand, coefficient.shape)))


@dataclass(frozen=True)
class Image:
    """A transcendental function of exact numbers, times a factor, plus an addend: only to be rounded.

    Args:
        function: its name in mpmath, or "sigmoid".
        argument: exact numbers.
        factor: fractions that broadcast against them.
        addend: likewise.
    """

    function: str
    argument: Exact
    factor: np.ndarray = field(default_factory=lambda: np.array(Fraction(1), object))
    addend: np.ndarray = field(default_factory=lambda: np.array(Fraction(0), object))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.argument.shape

    def __truediv__(self, other: Exact) -> Image:
        divisor = other.fractions()
        return Image(self.function, self.argument, self.factor / divisor, self.addend / divisor)

    def __add__(self, other: Exact) -> Image:
        return Image(self.function, self.argument, self.factor, self.addend + other.fractions())

    def moved(self, function: Any) -> Image:
        """The same elements in other places; only for constants that are the same everywhere."""
        return Image(self.function, self.argument.moved(function), self.factor, self.addend)

    def floats(self) -> np.ndarray:
        parts = (self._arguments(), self.factor, self.addend)
        return each(lambda a, f, c: float(self._at(a) * _real(f) + _real(c)), *parts)

    def floor(self, factor: np.ndarray, addend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """floor(self * factor + addend) for fractions, and where nothing was lost."""
        scale, shift = self.factor * factor, self.addend * factor + addend
        pairs = each(self._floor, self._arguments(), scale, shift)
        return each(lambda p: p[0], pairs), each(lambda p: p[1], pairs).astype(bool)

    def _arguments(self) -> np.ndarray:
        return self.argument.fractions()

    def _at(self, argument: Fraction) -> Any:
        with mpmath.workdps(_DIGITS):
            x = _real(argument)
            return 1 / (1 + mpmath.exp(-x)) if self.function == "sigmoid" else getattr(mpmath, self.function)(x)

    def _floor(self, argument: Fraction, factor: Fraction, addend: Fraction) -> tuple[int, bool]:
        if argument == 0 and self.function == "sigmoid":  # the only rational value at a rational argument
            exact = factor / 2 + addend
            return math.floor(exact), exact.denominator == 1
        with mpmath.workdps(_DIGITS):
            number = self._at(argument) * _real(factor) + _real(addend)
            whole = int(mpmath.floor(number))
            assert mpmath.mpf(10) ** -40 < number - whole < 1 - mpmath.mpf(10) ** -40, "more digits are needed"
        return whole, False


def _real(number: Fraction) -> Any:
    with mpmath.workdps(_DIGITS):
        return mpmath.mpf(number.numerator) / number.denominator


def _floor_of_root(rational: Fraction, coefficient: Fraction, radicand: Fraction) -> tuple[int, bool]:
    """floor(rational + coefficient * sqrt(radicand)), and whether it is that integer."""
    square = coefficient * coefficient * radicand
    # over the common denominator: (p +- sqrt(s)) / d
    d = math.lcm(rational.denominator, square.denominator)
    p, s = int(rational * d), int(square * d * d)
    root = math.isqrt(s)
    perfect = root * root == s
    if coefficient >= 0:
        top = p + root
    else:
        top = p - root - (0 if perfect else 1)
    return top // d, perfect and top % d == 0


def round_codes(doubled: np.ndarray, exact: np.ndarray, mode: str) -> np.ndarray:
    """Round numbers y of which floor(2 y) is known, and whether 2 y is that integer.

    The modes are those of QONNX (docs/qonnx-custom-ops/intquant_v1.md).
    """
    down = doubled // 2
    half = doubled % 2 == 1
    tie, whole = half & exact, ~half & exact
    positive = down >= 0  # or zero: then all directions agree
    up = {
        "ROUND": np.where(tie, down % 2 == 1, half),
        "HALF_EVEN": np.where(tie, down % 2 == 1, half),
        "HALF_UP": np.where(tie, positive, half),
        "HALF_DOWN": np.where(tie, ~positive, half),
        "CEIL": ~whole,
        "FLOOR": np.zeros(np.shape(whole), bool),
        "UP": ~whole & positive,
        "DOWN": ~whole & ~positive,
    }[mode.upper()]
    return down + up.astype(int)
