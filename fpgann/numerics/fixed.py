# SPDX-License-Identifier: Apache-2.0
"""Fixed-point types: integers (codes) with a binary point."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.errors import ConfigError
from fpgann.numerics.integers import FLOAT64_EXACT, FloatArray, IntArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding, round_fraction, round_shift, round_values

MAX_WIDTH_BITS = 1024


class Overflow(enum.Enum):
    """What happens to a code outside the range of its type (names of `ap_fixed`)."""

    WRAP = "WRAP"  # drop the high bits
    SAT = "SAT"  # the nearest bound
    SAT_ZERO = "SAT_ZERO"  # zero
    SAT_SYM = "SAT_SYM"  # the nearest bound of the symmetric range
    WRAP_SM = "WRAP_SM"  # sign-magnitude wrap (IEEE 1666, 7.10.9.4 with n_bits = 0)


@dataclass(frozen=True, slots=True, order=True)
class FixedType:
    """A signed or unsigned fixed-point type: value = code * 2**-frac.

    Args:
        signed: two's complement if true.
        width: bits, at least 1.
        frac: fractional bits; may be negative or exceed the width.
    """

    signed: bool
    width: int
    frac: int

    def __post_init__(self) -> None:
        """Refuse widths that no hardware has."""
        if not 1 <= self.width <= MAX_WIDTH_BITS:
            raise ConfigError(f"a fixed-point width must be 1 to {MAX_WIDTH_BITS} bits, not {self.width}")

    @property
    def range(self) -> CodeRange:
        """Every code of the type."""
        if self.signed:
            return CodeRange(-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1)
        return CodeRange(0, (1 << self.width) - 1)

    @property
    def lsb(self) -> Fraction:
        """The value of one step."""
        return Fraction(2) ** -self.frac

    @staticmethod
    def holding(codes: CodeRange, frac: int) -> FixedType:
        """The narrowest type that holds every code of a range."""
        return FixedType(codes.low < 0, codes.width_bits, frac)

    def __str__(self) -> str:
        """The notation of `ap_fixed`: `fixed<W,I>` or `ufixed<W,I>`."""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.width - self.frac}>"

    def encode(
        self, values: FloatArray, rounding: Rounding = Rounding.RND, overflow: Overflow = Overflow.SAT
    ) -> IntArray:
        """Round finite float64 values to codes, exactly (no intermediate rounding).

        Args:
            values: real numbers, any shape.
            rounding: rounding mode.
            overflow: overflow mode.

        Returns:
            Codes of the same shape, int64 (object for widths above 63 bits).
        """
        exact = np.asarray(values, np.float64)
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.asarray(np.ldexp(exact, self.frac))
        if np.any(np.ldexp(scaled, -self.frac) != exact):  # too large or too small for float64
            rounded = [round_fraction(Fraction(float(v)) / self.lsb, rounding) for v in exact.flat]
            codes: IntArray = np.array(rounded, dtype=object).reshape(exact.shape)
        else:
            whole = round_values(scaled, rounding)
            if whole.size == 0 or float(np.max(np.abs(whole))) < float(FLOAT64_EXACT):
                codes = whole.astype(np.int64)
            else:
                codes = np.array([int(v) for v in whole.flat], dtype=object).reshape(whole.shape)
        return integers(resolve_overflow(codes, self, overflow))

    def decode(self, codes: IntArray) -> FloatArray:
        """The real values of codes, as float64 (exact up to 53 significant bits)."""
        return np.ldexp(np.asarray(codes, np.float64), -self.frac)


def resolve_overflow(codes: IntArray, fixed: FixedType, overflow: Overflow) -> IntArray:
    """Bring codes of any size into the range of a type."""
    low, high = fixed.range.low, fixed.range.high
    if codes.dtype != object and fixed.width >= 63:
        codes = codes.astype(object)
    match overflow:
        case Overflow.SAT:
            return np.asarray(np.clip(codes, low, high))
        case Overflow.SAT_SYM:
            return np.asarray(np.clip(codes, -high if fixed.signed else low, high))
        case Overflow.SAT_ZERO:
            return np.asarray(np.where((codes < low) | (codes > high), 0, codes))
        case Overflow.WRAP:
            return _drop_high_bits(codes, fixed)
        case Overflow.WRAP_SM:
            wrapped = _drop_high_bits(codes, fixed)
            if not fixed.signed:
                return wrapped
            lowest_deleted_bit = (codes // (1 << fixed.width)) % 2
            return np.asarray(np.where((wrapped < 0) == (lowest_deleted_bit == 1), wrapped, -1 - wrapped))


def _drop_high_bits(codes: IntArray, fixed: FixedType) -> IntArray:
    kept = codes % (1 << fixed.width)
    return np.asarray(np.where(kept > fixed.range.high, kept - (1 << fixed.width), kept))


def convert(codes: IntArray, source: FixedType, target: FixedType, rounding: Rounding, overflow: Overflow) -> IntArray:
    """Codes of one type as codes of another: shift the binary point, round, resolve overflow; exact."""
    shifted = round_shift(codes, source.frac - target.frac, rounding)
    return integers(resolve_overflow(shifted, target, overflow))


@dataclass(frozen=True, slots=True)
class Precision:
    """A fixed-point type with the modes in which values enter it, as the user writes it."""

    fixed: FixedType
    rounding: Rounding = Rounding.RND
    overflow: Overflow = Overflow.SAT

    def __str__(self) -> str:
        """`fixed<16,6,RND,SAT>`."""
        return f"{str(self.fixed)[:-1]},{self.rounding.value},{self.overflow.value}>"


_PRECISION = re.compile(
    r"\s*(?:ap_|ac_)?(?P<kind>u?fixed|u?int)\s*<\s*(?P<width>[0-9]{1,9})\s*"
    r"(?:,\s*(?P<integer>-?[0-9]{1,9})\s*)?(?:,\s*(?P<rounding>[A-Z_]+)\s*)?(?:,\s*(?P<overflow>[A-Z_]+)\s*)?>\s*"
)


def parse_precision(text: str) -> Precision:
    """Read `fixed<W,I>`, `ufixed<W,I,RND_CONV,SAT_SYM>`, `int<W>` or `uint<W>`.

    W is the width and I the number of integer bits, sign included, as in `ap_fixed`. Rounding defaults to RND
    (to nearest) and overflow to SAT, other than in `ap_fixed` (TRN, WRAP).

    Raises:
        ConfigError: the text is no such type.
    """
    match = _PRECISION.fullmatch(text)
    form = "(width, integer bits, rounding, overflow)"
    hint = f"write it like 'fixed<16,6>' or 'ufixed<8,0,RND_CONV,SAT>' {form}"
    if match is None:
        raise ConfigError(f"'{text}' is no fixed-point type", hint=hint)
    width = int(match["width"])
    is_integer = match["kind"].endswith("int")
    if not is_integer and match["integer"] is None:
        raise ConfigError(f"'{text}' lacks the number of integer bits", hint=hint)
    if is_integer and match["integer"] is not None:
        raise ConfigError(f"'{text}' is an integer type and takes no number of integer bits", hint=hint)
    if not 1 <= width <= 64:
        raise ConfigError(f"'{text}' is {width} bits wide; a value may have 1 to 64 bits", hint=hint)
    integer_bits = width if match["integer"] is None else int(match["integer"])
    if abs(integer_bits) > 128:
        raise ConfigError(f"'{text}' puts the binary point {integer_bits} bits away", hint=hint)
    try:
        rounding = Rounding((match["rounding"] or "RND").removeprefix("AP_"))
        overflow = Overflow((match["overflow"] or "SAT").removeprefix("AP_"))
    except ValueError as error:
        modes = ", ".join(m.value for m in (*Rounding, *Overflow))
        raise ConfigError(f"'{text}': {error}", hint=f"modes are {modes}") from None
    fixed = FixedType(not match["kind"].startswith("u"), width, width - integer_bits)
    return Precision(fixed, rounding, overflow)
