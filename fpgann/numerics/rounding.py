# SPDX-License-Identifier: Apache-2.0
"""Rounding of reals to integers, exactly, in every mode of `ap_fixed` and of QONNX.

The names are those of `ap_fixed` (AMD UG1399, "Quantization modes"); QONNX needs two more, CEIL and UP.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.numerics.integers import FloatArray, IntArray, fits_int64, magnitude


class Rounding(enum.Enum):
    """How a real number becomes an integer."""

    RND = "RND"  # to nearest, ties towards plus infinity
    RND_ZERO = "RND_ZERO"  # to nearest, ties towards zero
    RND_MIN_INF = "RND_MIN_INF"  # to nearest, ties towards minus infinity
    RND_INF = "RND_INF"  # to nearest, ties away from zero
    RND_CONV = "RND_CONV"  # to nearest, ties to even
    TRN = "TRN"  # towards minus infinity
    TRN_ZERO = "TRN_ZERO"  # towards zero
    CEIL = "CEIL"  # towards plus infinity
    UP = "UP"  # away from zero


NEAREST = frozenset({Rounding.RND, Rounding.RND_ZERO, Rounding.RND_MIN_INF, Rounding.RND_INF, Rounding.RND_CONV})


@dataclass(frozen=True, slots=True)
class Rounder:
    """The end of a ScalarMap: code = clamp(round(y), low, high).

    Args:
        mode: rounding mode.
        low: least code.
        high: greatest code.
    """

    mode: Rounding
    low: int
    high: int


def round_fraction(value: Fraction, mode: Rounding) -> int:
    """Round one exact number: the definition that everything vectorised is tested against."""
    floor = value.numerator // value.denominator
    rest = value - floor
    if rest == 0:
        return floor
    if mode in NEAREST and rest != Fraction(1, 2):
        return floor + (rest > Fraction(1, 2))
    away = floor + (value > 0)
    towards_zero = floor + (value < 0)
    match mode:
        case Rounding.RND | Rounding.CEIL:
            return floor + 1
        case Rounding.RND_MIN_INF | Rounding.TRN:
            return floor
        case Rounding.RND_ZERO | Rounding.TRN_ZERO:
            return towards_zero
        case Rounding.RND_INF | Rounding.UP:
            return away
        case Rounding.RND_CONV:
            return floor + floor % 2


def step_boundary(code: int, mode: Rounding) -> tuple[Fraction, bool]:
    """Where rounding first yields at least `code`: (boundary, whether the boundary itself does)."""
    half = Fraction(2 * code - 1, 2)
    match mode:
        case Rounding.RND:
            return half, True
        case Rounding.RND_MIN_INF:
            return half, False
        case Rounding.RND_ZERO:
            return half, code <= 0
        case Rounding.RND_INF:
            return half, code > 0
        case Rounding.RND_CONV:
            return half, code % 2 == 0
        case Rounding.TRN:
            return Fraction(code), True
        case Rounding.CEIL:
            return Fraction(code - 1), False
        case Rounding.TRN_ZERO:
            return (Fraction(code), True) if code > 0 else (Fraction(code - 1), False)
        case Rounding.UP:
            return (Fraction(code - 1), False) if code > 0 else (Fraction(code), True)


def doubled_boundaries(codes: IntArray, mode: Rounding) -> tuple[IntArray, IntArray]:
    """The boundaries of `step_boundary` for many codes at once, times two, and whether each yields the code itself."""
    positive = np.asarray(codes > 0, bool)
    match mode:
        case Rounding.TRN:
            return 2 * codes, np.ones(codes.shape, bool)
        case Rounding.CEIL:
            return 2 * codes - 2, np.zeros(codes.shape, bool)
        case Rounding.TRN_ZERO:
            return np.where(positive, 2 * codes, 2 * codes - 2), positive
        case Rounding.UP:
            return np.where(positive, 2 * codes - 2, 2 * codes), ~positive
    inclusive = {
        Rounding.RND: np.ones(codes.shape, bool),
        Rounding.RND_MIN_INF: np.zeros(codes.shape, bool),
        Rounding.RND_ZERO: ~positive,
        Rounding.RND_INF: positive,
        Rounding.RND_CONV: codes % 2 == 0,
    }
    return 2 * codes - 1, inclusive[mode].astype(bool)


def step_positions(codes: IntArray, mode: Rounding) -> FloatArray:
    """The boundaries of `step_boundary` for many codes at once, as float64: exact below 2**52, within 2**-52 above."""
    values = codes.astype(np.float64)
    match mode:
        case Rounding.TRN:
            return values
        case Rounding.CEIL:
            return values - 1.0
        case Rounding.TRN_ZERO:
            return np.where(values > 0, values, values - 1.0)
        case Rounding.UP:
            return np.where(values > 0, values - 1.0, values)
        case _:
            return values - 0.5


def round_ratio(numerator: IntArray, denominator: int | IntArray, mode: Rounding) -> IntArray:
    """Round `numerator / denominator` element by element, exactly.

    Args:
        numerator: int64 or object (unbounded) codes.
        denominator: positive; one number or an array that broadcasts. Twice it must fit the numerator's type.
        mode: rounding mode.

    Returns:
        Integers of the numerator's array type.
    """
    floor = np.asarray(numerator // denominator)
    rest = np.asarray(numerator - floor * denominator)  # % would divide once more
    inexact = rest != 0
    if mode is Rounding.TRN:
        return floor
    if mode is Rounding.CEIL:
        return np.asarray(floor + inexact)
    negative = np.asarray(floor < 0)  # with a rest, floor < 0 exactly when the number is negative
    if mode is Rounding.TRN_ZERO:
        return np.asarray(floor + (inexact & negative))
    if mode is Rounding.UP:
        return np.asarray(floor + (inexact & ~negative))
    twice = rest * 2
    above, tie = twice > denominator, twice == denominator
    match mode:
        case Rounding.RND:
            tie_up = tie
        case Rounding.RND_MIN_INF:
            tie_up = np.zeros_like(tie)
        case Rounding.RND_ZERO:
            tie_up = tie & negative
        case Rounding.RND_INF:
            tie_up = tie & ~negative
        case _:
            tie_up = tie & (floor % 2 != 0)
    return np.asarray(floor + (above | tie_up))


def round_shift(codes: IntArray, shift: int, mode: Rounding) -> IntArray:
    """Round `codes / 2**shift` exactly; a negative shift multiplies."""
    if shift <= 0:
        bound = max(1, magnitude(codes)) << -shift
        wide = codes if fits_int64(bound) else codes.astype(object)
        return np.asarray(wide * (1 << -shift))
    wide = codes if fits_int64(1 << (shift + 1)) else codes.astype(object)
    return round_ratio(wide, 1 << shift, mode)


def round_values(values: FloatArray, mode: Rounding) -> FloatArray:
    """Round finite float64 numbers to integral float64 numbers without any intermediate error.

    `modf` splits a float64 exactly, so ties are seen as they are (adding 0.5 would create false ones).
    """
    rest, whole = np.modf(values)
    size = np.abs(rest)
    sign = np.sign(values)
    inexact = size != 0
    match mode:
        case Rounding.TRN_ZERO:
            move = np.zeros_like(inexact)
        case Rounding.UP:
            move = inexact
        case Rounding.TRN:
            move = inexact & (sign < 0)
        case Rounding.CEIL:
            move = inexact & (sign > 0)
        case _:
            tie = size == 0.5
            tie_moves = {
                Rounding.RND: sign > 0,
                Rounding.RND_MIN_INF: sign < 0,
                Rounding.RND_ZERO: np.zeros_like(inexact),
                Rounding.RND_INF: np.ones_like(inexact),
                Rounding.RND_CONV: np.mod(whole, 2) != 0,
            }[mode]
            move = (size > 0.5) | (tie & tie_moves)
    return np.asarray(whole + np.where(move, sign, 0.0))
