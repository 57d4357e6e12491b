# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of integers of a limited width: truncation, wrap-around, quotients and remainders.

Every step has a quantizer of its own, so that no plan of types rounds in between: results are exact at any precision.
"""

from __future__ import annotations

import numpy as np
import onnx_ir

from fpgann.frontend.onnx.integer_types import INPUT_TYPES, IntegerType, integers_of
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.rounding import Rounding

WRAPPING_BITS = 16  # wider integers are taken not to overflow
_ONE, _ZERO = np.ones(()), np.zeros(())
_ANY = IntegerType("INT64", -(1 << 63), (1 << 63) - 1)
_SIGNS = IntegerType("INT2", -1, 1)


def integer_kind(declared: onnx_ir.DataType | None, *, with_booleans: bool = False) -> IntegerType | None:
    """The integer type of an operand; None if it holds real numbers, or nothing is known."""
    if declared is None or (declared == onnx_ir.DataType.BOOL and not with_booleans):
        return None
    return INPUT_TYPES.get(declared.name)


def rounded(site: Site, value: str, kind: IntegerType, rounding: Rounding, suffix: str) -> str:
    """Real numbers as integers, kept within a type."""
    return site.apply(Quantize(_ONE, _ZERO, kind.low, kind.high, rounding), value, suffix)


def truncated(site: Site, value: str, kind: IntegerType) -> str:
    """Real numbers as integers: rounded towards zero, kept within the type."""
    return rounded(site, value, kind, Rounding.TRN_ZERO, "truncated")


def wrapped(site: Site, value: str, kind: IntegerType) -> str:
    """Integers modulo 2**bits, in the range of a type: x - size * floor((x - low) / size)."""
    size = np.array(float(kind.high - kind.low + 1))
    laps = site.apply(Affine(_ONE, size, np.array(-float(kind.low) / float(size))), value, "laps")
    laps = rounded(site, laps, _ANY, Rounding.TRN, "whole_laps")
    back = site.apply(Affine(-size, _ONE, _ZERO), laps, "back")
    return site.apply(integers_of(kind), site.apply(Add(), (value, back), "unwound"), "wrapped")


def wraps(kind: IntegerType | None) -> bool:
    """Whether arithmetic on a type is taken to overflow."""
    return kind is not None and kind.high - kind.low < 1 << WRAPPING_BITS


def integer_quotient(site: Site, x: str, y: str, kind: IntegerType) -> str:
    """x / y, rounded towards zero; it is any integer where y is zero.

    |x| times a rounded reciprocal of |y| is off by less than one. The remainder then tells whether the quotient is.
    """
    magnitude = IntegerType(kind.name, 0, max(-kind.low, kind.high))
    a, b = (_magnitude(site, value, kind, magnitude, name) for value, name in ((x, "dividend"), (y, "divisor")))
    bits = magnitude.high.bit_length() + 1
    unit = np.array(2.0**-bits)
    factor = site.apply(Activation(Function.RECIPROCAL), b, "reciprocal")
    factor = site.apply(Quantize(unit, _ZERO, 0, 1 << bits, Rounding.RND), factor, "factor")
    estimate = rounded(site, site.apply(Multiply(), (a, factor), "ratio"), magnitude, Rounding.TRN, "estimate")
    remainder = site.apply(Add(), (a, _negated(site, site.apply(Multiply(), (estimate, b), "multiple"))), "remainder")
    above = site.apply(Compare(Relation.GREATER_EQUAL), (remainder, b), "above")
    below = site.apply(Compare(Relation.GREATER), (site.constant(_ZERO, "zero"), remainder), "below")
    quotient = site.apply(Add(), (estimate, above, _negated(site, below)), "quotient")
    if kind.low < 0:
        signs = (
            rounded(site, site.apply(Activation(Function.SIGN), value, "sign"), _SIGNS, Rounding.RND_CONV, "signs")
            for value in (x, y)
        )
        quotient = site.apply(Multiply(), (quotient, site.apply(Multiply(), tuple(signs), "signs")), "signed")
    return site.apply(integers_of(kind), quotient, "bounded")


def _magnitude(site: Site, value: str, kind: IntegerType, magnitude: IntegerType, suffix: str) -> str:
    if kind.low >= 0:
        return value
    return rounded(site, site.apply(Activation(Function.ABS), value, suffix), magnitude, Rounding.RND_CONV, suffix)


def _negated(site: Site, value: str) -> str:
    return site.apply(Affine(-_ONE, _ONE, _ZERO), value, "negated")


@IMPORTERS.register((STANDARD, "Mod"))
def import_remainder(site: Site) -> None:
    """x - y * floor(x / y) for a constant y, with the quotient rounded towards zero if `fmod` says so."""
    y: FloatArray = site.known(1, "divisor").reals
    if np.any(y == 0):
        site.refuse("it divides by zero", "remove the zeros from the divisor")
    x = site.value(0)
    mode = Rounding.TRN_ZERO if site.integer("fmod", 0) else Rounding.TRN
    quotient = rounded(site, site.apply(Affine(_ONE, y, _ZERO), x, "quotient"), _ANY, mode, "whole")
    site.deliver(Add(), (x, site.apply(Affine(-y, _ONE, _ZERO), quotient, "multiple")))
