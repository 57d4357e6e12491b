# SPDX-License-Identifier: Apache-2.0
"""The scalar functions that a network may apply to every element: one table, one formula each.

A formula is written once and evaluated in four kinds of numbers: float64 arrays (the float reference), float64
balls with a rigorous error radius, exact fractions where the function is rational, and intervals of any precision
(mpmath.iv). Each kind brings the elementary functions as an object, the formula's first argument.

Outside its domain a function takes the value of the nearest point of the domain: log of a negative number is log(0),
which lies below every code; sqrt of a negative number is 0; 1 / 0 lies above every code.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any, TypeAlias

from fpgann.numerics.reals import BEYOND

Number: TypeAlias = Any  # a float64 array, a Ball, a Fraction or an mpmath interval; formulas work on each
Formula: TypeAlias = Callable[..., Number]  # (elementary functions, argument, *parameters)
Parameters: TypeAlias = tuple[Fraction, ...]


class Function(enum.Enum):
    """The element-wise functions of one argument."""

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    THRESHOLDED_RELU = "thresholded_relu"
    CLIP = "clip"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_SWISH = "hard_swish"
    SIGMOID = "sigmoid"
    TANH = "tanh"
    ELU = "elu"
    SELU = "selu"
    CELU = "celu"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"
    GELU = "gelu"
    GELU_TANH = "gelu_tanh"
    MISH = "mish"
    SWISH = "swish"
    ERF = "erf"
    EXP = "exp"
    LOG = "log"
    SQRT = "sqrt"
    RSQRT = "rsqrt"
    RECIPROCAL = "reciprocal"
    SQUARE = "square"
    POW = "pow"
    ABS = "abs"
    SIGN = "sign"
    FLOOR = "floor"
    CEIL = "ceil"
    ROUND = "round"


Point: TypeAlias = tuple[Fraction, Fraction]  # bounds of a number; equal where it is rational
_MAX_BITS = 1 << 20  # of a power that is written out


@dataclass(frozen=True, slots=True)
class Piece:
    """A function on an interval that ends where the next piece begins.

    Args:
        formula: its value there.
        rational: whether rational arguments and parameters give rational values, found by the same formula.
    """

    formula: Formula
    rational: bool = True


@dataclass(frozen=True, slots=True)
class Break:
    """Where one piece ends and the next begins; `left` says that the point itself belongs to the former."""

    at: Fraction
    left: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """All that is known about a function.

    Args:
        pieces: its formulas from left to right.
        parameters: names of the numbers that shape it.
        breaks: where one piece gives way to the next, for given parameters; one fewer than pieces.
        turning: arguments between which it is monotone, for given parameters, each between two bounds; None if
            there are too many.
        special: the value at a rational argument where the formula of its piece is of no use; None elsewhere.
        domain: least argument for given parameters; what lies below counts as this.
        is_lines: every piece is a line.
        is_steps: every piece is constant between integers.
        bounded: its values cannot leave what samples show by much.
        never_negative: whether it has no negative values, for given parameters.
    """

    pieces: tuple[Piece, ...]
    parameters: tuple[str, ...] = ()
    breaks: Callable[..., tuple[Break, ...]] = lambda *parameters: ()
    turning: Callable[..., tuple[Point, ...] | None] = lambda *parameters: ()
    special: Callable[..., Fraction | None] = lambda x, *parameters: None
    domain: Callable[..., Fraction | None] = lambda *parameters: None
    is_lines: bool = False
    is_steps: bool = False
    bounded: bool = False
    never_negative: Callable[..., bool] = lambda *parameters: False


def root(value: Fraction, degree_bits: int) -> Fraction | None:
    """The 2**degree_bits-th root of a number that is not negative, if it is rational."""
    for _ in range(degree_bits):
        top, bottom = isqrt(value.numerator), isqrt(value.denominator)
        if top * top != value.numerator or bottom * bottom != value.denominator:
            return None
        value = Fraction(top, bottom)
    return value


def rational_power(x: Fraction, exponent: Fraction) -> Fraction | None:
    """x**exponent where it is rational; x is not negative unless the exponent is whole.

    The denominator of the exponent is a power of two, as that of any floating-point number.
    """
    if x == 0:
        return BEYOND if exponent < 0 else Fraction(exponent == 0)
    base = root(x, exponent.denominator.bit_length() - 1) if exponent.denominator > 1 else x
    if base is None or abs(exponent.numerator) * max(abs(base.numerator), base.denominator).bit_length() > _MAX_BITS:
        return None
    return base**exponent.numerator


def _at_zero(value: Fraction | int) -> Callable[..., Fraction | None]:
    return lambda x, *parameters: Fraction(value) if x == 0 else None


def _break_at_zero(*parameters: Fraction) -> tuple[Break, ...]:
    del parameters
    return (Break(Fraction(0)),)


def _turn_at_zero(*parameters: Fraction) -> tuple[Point, ...]:
    del parameters
    return ((Fraction(0), Fraction(0)),)


def _turn_near(digits: str) -> Callable[..., tuple[Point, ...]]:
    """One turning point, given by the 18 digits behind the point that are sure."""
    centre, error = Fraction(digits), Fraction(1, 10**18)
    return lambda *parameters: ((centre - error, centre + error),)


def _turn_if_negative(slope: Fraction, *others: Fraction) -> tuple[Point, ...]:
    del others
    return _turn_at_zero() if slope < 0 else ()


def _turn_of_swish(alpha: Fraction) -> tuple[Point, ...]:
    if alpha == 0:
        return ()
    ((low, high),) = _turn_near("-1.278464542761073795")()
    ends = sorted((low / alpha, high / alpha))
    return ((ends[0], ends[1]),)


def _is_whole(exponent: Fraction) -> bool:
    return exponent.denominator == 1


def _turn_of_power(exponent: Fraction) -> tuple[Point, ...]:
    falls_somewhere = _is_whole(exponent) and (exponent < 0 or exponent % 2 == 0)
    return _turn_at_zero() if falls_somewhere else ()


def _always(*parameters: Fraction) -> bool:
    del parameters
    return True


def _zero(m: Number, x: Number, *parameters: Number) -> Number:
    del m, parameters
    return x * 0


def _identity(m: Number, x: Number, *parameters: Number) -> Number:
    del m, parameters
    return x


def _gelu_tanh(m: Number, x: Number) -> Number:
    # x * (1 + tanh(u)) / 2 = x * sigmoid(2 * u); Hendrycks and Gimpel 2016
    u = m.sqrt(m.number(Fraction(2)) / m.pi()) * (x * (m.number(Fraction(44715, 10**6)) * (x * x) + 1))
    return x * m.sigmoid(u * 2)


def _mish_left(m: Number, x: Number) -> Number:
    # x * tanh(log(1 + e)), and tanh(log(a)) = (a * a - 1) / (a * a + 1); Misra 2019
    e = m.exp(x)
    top = e * (e + 2)
    return x * (top / (top + 2))


def _mish_right(m: Number, x: Number) -> Number:
    # the same, never above x: (1 + 2 e) / (1 + 2 e + 2 e * e) for e = exp(-x)
    e = m.exp(-x)
    square = e * e * 2
    return x * (1 - square / (e * 2 + 1 + square))


def _curve(formula: Formula) -> Piece:
    return Piece(formula, rational=False)


TABLE: Mapping[Function, Definition] = {
    Function.RELU: Definition(
        (Piece(_zero), Piece(_identity)), breaks=_break_at_zero, is_lines=True, never_negative=_always
    ),
    Function.LEAKY_RELU: Definition(
        (Piece(lambda m, x, slope: x * slope), Piece(_identity)),
        ("slope",),
        _break_at_zero,
        _turn_if_negative,
        is_lines=True,
        never_negative=lambda slope: slope <= 0,
    ),
    Function.THRESHOLDED_RELU: Definition(
        (Piece(_zero), Piece(_identity)),
        ("alpha",),
        lambda alpha: (Break(alpha, left=True),),
        lambda alpha: ((alpha, alpha),) if alpha < 0 else (),
        is_lines=True,
        never_negative=lambda alpha: alpha >= 0,
    ),
    # min(max(x, low), high), also where low exceeds high
    Function.CLIP: Definition(
        (Piece(lambda m, x, low, high: m.clip(x, low, high)),),
        ("low", "high"),
        is_lines=True,
        bounded=True,
        never_negative=lambda low, high: min(low, high) >= 0,
    ),
    Function.HARD_SIGMOID: Definition(
        (Piece(lambda m, x, alpha, beta: m.clip(x * alpha + beta, m.number(Fraction(0)), m.number(Fraction(1)))),),
        ("alpha", "beta"),
        is_lines=True,
        bounded=True,
        never_negative=_always,
    ),
    Function.HARD_SWISH: Definition(
        (Piece(_zero), Piece(lambda m, x: x * (x + 3) / 6), Piece(_identity)),
        breaks=lambda: (Break(Fraction(-3)), Break(Fraction(3))),
        turning=lambda: ((Fraction(-3, 2), Fraction(-3, 2)),),
    ),
    Function.SIGMOID: Definition(
        (_curve(lambda m, x: m.sigmoid(x)),), special=_at_zero(Fraction(1, 2)), bounded=True, never_negative=_always
    ),
    Function.TANH: Definition((_curve(lambda m, x: m.tanh(x)),), special=_at_zero(0), bounded=True),
    Function.ELU: Definition(
        (_curve(lambda m, x, alpha: m.expm1(x) * alpha), Piece(_identity)),
        ("alpha",),
        _break_at_zero,
        _turn_if_negative,
    ),
    Function.SELU: Definition(
        (_curve(lambda m, x, alpha, gamma: m.expm1(x) * alpha * gamma), Piece(lambda m, x, alpha, gamma: x * gamma)),
        ("alpha", "gamma"),
        _break_at_zero,
        _turn_if_negative,
    ),
    Function.CELU: Definition(
        (_curve(lambda m, x, alpha: m.expm1(x / alpha) * alpha), Piece(_identity)), ("alpha",), _break_at_zero
    ),
    Function.SOFTPLUS: Definition((_curve(lambda m, x: m.softplus(x)),), never_negative=_always),
    Function.SOFTSIGN: Definition(
        (Piece(lambda m, x: x / (1 - x)), Piece(lambda m, x: x / (1 + x))), breaks=_break_at_zero, bounded=True
    ),
    Function.GELU: Definition(
        (_curve(lambda m, x: x * m.erfc(-x / m.sqrt(m.number(Fraction(2)))) / 2),),
        special=_at_zero(0),
        turning=_turn_near("-0.751791524693564457"),
    ),
    Function.GELU_TANH: Definition(
        (_curve(_gelu_tanh),), special=_at_zero(0), turning=_turn_near("-0.752461422071016258")
    ),
    Function.MISH: Definition(
        (_curve(_mish_left), _curve(_mish_right)),
        breaks=_break_at_zero,
        turning=_turn_near("-1.192431214515495212"),
        special=_at_zero(0),
    ),
    Function.SWISH: Definition(
        (_curve(lambda m, x, alpha: x * m.sigmoid(x * alpha)),),
        ("alpha",),
        turning=_turn_of_swish,
        special=lambda x, alpha: x / 2 if x == 0 or alpha == 0 else None,
    ),
    Function.ERF: Definition((_curve(lambda m, x: m.erf(x)),), special=_at_zero(0), bounded=True),
    Function.EXP: Definition((_curve(lambda m, x: m.exp(x)),), special=_at_zero(1), never_negative=_always),
    Function.LOG: Definition(
        (_curve(lambda m, x: m.log(x)),),
        special=lambda x: -BEYOND if x == 0 else Fraction(0) if x == 1 else None,
        domain=lambda: Fraction(0),
    ),
    Function.SQRT: Definition(
        (_curve(lambda m, x: m.sqrt(x)),),
        special=lambda x: root(x, 1),
        domain=lambda: Fraction(0),
        never_negative=_always,
    ),
    Function.RSQRT: Definition(
        (_curve(lambda m, x: 1 / m.sqrt(x)),),
        special=lambda x: rational_power(x, Fraction(-1, 2)),
        domain=lambda: Fraction(0),
        never_negative=_always,
    ),
    Function.RECIPROCAL: Definition((Piece(lambda m, x: 1 / x),), special=_at_zero(BEYOND), turning=_turn_at_zero),
    Function.SQUARE: Definition((Piece(lambda m, x: x * x),), turning=_turn_at_zero, never_negative=_always),
    Function.POW: Definition(
        (_curve(lambda m, x, exponent: m.power(x, exponent)),),
        ("exponent",),
        turning=_turn_of_power,
        special=rational_power,
        domain=lambda exponent: None if _is_whole(exponent) else Fraction(0),
        never_negative=lambda exponent: not _is_whole(exponent) or exponent % 2 == 0,
    ),
    Function.ABS: Definition(
        (Piece(lambda m, x: -x), Piece(_identity)),
        breaks=_break_at_zero,
        turning=_turn_at_zero,
        is_lines=True,
        never_negative=_always,
    ),
    Function.SIGN: Definition(
        (Piece(lambda m, x: x * 0 - 1), Piece(_zero), Piece(lambda m, x: x * 0 + 1)),
        breaks=lambda: (Break(Fraction(0)), Break(Fraction(0), left=True)),
        is_steps=True,
        bounded=True,
    ),
    Function.FLOOR: Definition((Piece(lambda m, x: m.floor(x)),), is_steps=True),
    Function.CEIL: Definition((Piece(lambda m, x: -m.floor(-x)),), is_steps=True),
    Function.ROUND: Definition((Piece(lambda m, x: m.round(x)),), is_steps=True),
}
