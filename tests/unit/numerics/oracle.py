# SPDX-License-Identifier: Apache-2.0
"""What fpgann.numerics is compared with: slow definitions in Python integers, Fractions and mpmath.

Nothing here uses the code under test, except for the names of modes and the classes that describe steps.
"""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
from hypothesis import strategies as st

from fpgann.numerics.fixed import FixedType, Overflow
from fpgann.numerics.integers import IntArray
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize, Step

PRECISION_BITS = 2800  # of mpmath, far beyond what decides any example here

modes = st.sampled_from(Rounding)

# Around every power of two and every limit of the three regimes (float64, int64, Python integers).
CORNERS = sorted(
    {
        sign * (magnitude + step)
        for magnitude in (0, 1, 2, 127, 128, 2**31, 2**52, 2**53, 2**62, 2**63, 2**64, 2**70)
        for step in (-1, 0, 1)
        for sign in (-1, 1)
    }
)
INT64_CORNERS = [c for c in CORNERS if -(2**63) <= c < 2**63]

int64s = st.one_of(st.sampled_from(INT64_CORNERS), st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300))
wide_integers = st.one_of(st.sampled_from(CORNERS), st.integers(-(2**80), 2**80), st.integers(-300, 300))


def fits(number: int) -> bool:
    """Whether a number is an int64."""
    return -(2**63) <= number < 2**63


def arrays_of(values: st.SearchStrategy[int], max_size: int = 8) -> st.SearchStrategy[IntArray]:
    """Vectors of int64 where all values fit, of Python integers else (and sometimes although they fit)."""

    def vector(numbers: list[int], *, wide: bool) -> IntArray:
        return np.array(numbers, object if wide or not all(map(fits, numbers)) else np.int64)

    return st.builds(vector, st.lists(values, max_size=max_size), wide=st.booleans())


def round_by_distance(value: Fraction, mode: Rounding) -> int:
    """Rounding as a manual would say it: which neighbour is nearer, and which of two equally near ones."""
    lower, upper = math.floor(value), math.ceil(value)
    smaller, larger = sorted((lower, upper), key=abs)
    directed = {
        Rounding.TRN: lower,
        Rounding.CEIL: upper,
        Rounding.TRN_ZERO: smaller,
        Rounding.UP: larger,
    }
    if mode in directed:
        return directed[mode]
    if value - lower != upper - value:
        return lower if value - lower < upper - value else upper
    return {
        Rounding.RND: upper,
        Rounding.RND_MIN_INF: lower,
        Rounding.RND_ZERO: smaller,
        Rounding.RND_INF: larger,
        Rounding.RND_CONV: lower if lower % 2 == 0 else upper,
    }[mode]


def round_bits(code: int, dropped: int, mode: Rounding) -> int:
    """Rounding off the lowest bits of a code as the headers of `ap_fixed` and `ac_fixed` do it.

    `first` is the most significant bit dropped, `rest` whether any below it is set, `sign` the sign bit; each
    mode says when a one is added to what is kept. CEIL and UP are not theirs but follow the same pattern.
    """
    kept, sign = code >> dropped, code < 0
    first = bool(dropped) and bool(code >> (dropped - 1) & 1)
    rest = dropped > 1 and code & ((1 << (dropped - 1)) - 1) != 0
    add = {
        Rounding.TRN: False,
        Rounding.TRN_ZERO: sign and (first or rest),
        Rounding.RND: first,
        Rounding.RND_ZERO: first and (sign or rest),
        Rounding.RND_MIN_INF: first and rest,
        Rounding.RND_INF: first and (not sign or rest),
        Rounding.RND_CONV: first and (bool(kept & 1) or rest),
        Rounding.CEIL: first or rest,
        Rounding.UP: not sign and (first or rest),
    }[mode]
    return kept + add


def overflow_bits(code: int, fixed: FixedType, mode: Overflow) -> int:
    """Overflow on the bits of a code's infinite two's complement (IEEE 1666-2011, 7.10.9; AMD UG1399)."""
    bits = [code >> i & 1 for i in range(fixed.width)]
    deleted = code >> fixed.width & 1  # the lowest bit that does not fit
    greatest = [1] * (fixed.width - fixed.signed) + [0] * fixed.signed
    least = [0] * (fixed.width - fixed.signed) + [1] * fixed.signed
    too_high, too_low = code > from_bits(greatest, fixed), code < from_bits(least, fixed)
    match mode:
        case Overflow.WRAP:
            pass
        case Overflow.SAT:
            bits = greatest if too_high else least if too_low else bits
        case Overflow.SAT_ZERO:
            bits = [0] * fixed.width if too_high or too_low else bits
        case Overflow.SAT_SYM:
            # the negative maximum is one above the least code, which is itself taken for an overflow
            symmetric = from_bits(least, fixed) + fixed.signed
            bits = greatest if too_high else bits
            return symmetric if code < symmetric else from_bits(bits, fixed)
        case Overflow.WRAP_SM:
            if fixed.signed and bits[-1] != deleted:
                bits = [1 - bit for bit in bits]
    return from_bits(bits, fixed)


def from_bits(bits: list[int], fixed: FixedType) -> int:
    """The code that a list of bits stands for, lowest first."""
    unsigned = sum(bit << i for i, bit in enumerate(bits))
    return unsigned - (bits[-1] << fixed.width if fixed.signed else 0)


def to_mp(number: Fraction) -> mpmath.mpf:
    """A rational number at the current precision of mpmath."""
    return mpmath.mpf(number.numerator) / number.denominator


def evaluate(steps: tuple[Step, ...], rounder: Rounder, channel: int, x: Fraction) -> int:
    """A ScalarMap by its definition: apply each step to the number, round, clamp.

    Rational as long as the numbers are; then in mpmath, where the result must stay clear of every boundary.
    """
    with mpmath.workprec(PRECISION_BITS):
        exact: Fraction | None = x
        value = to_mp(x)
        for step in steps:
            exact, value = apply(step, channel, exact, value)
        if exact is None:
            grid = 2 ** (PRECISION_BITS // 2)
            scaled = mpmath.floor(value * grid)
            exact = (Fraction(int(scaled)) + Fraction(1, 2)) / grid
            doubled = exact * 2
            clear = abs(doubled - round(doubled))
            assert clear > Fraction(8, grid), "the oracle cannot decide this example"
        return min(max(round_by_distance(exact, rounder.mode), rounder.low), rounder.high)


def apply(step: Step, channel: int, exact: Fraction | None, value: mpmath.mpf) -> tuple[Fraction | None, mpmath.mpf]:
    """One step: the exact result if it is rational, and in mpmath."""
    match step:
        case Affine():
            scale, offset = step.scale[channel % len(step.scale)], step.offset[channel % len(step.offset)]
            exact = offset if scale == 0 else None if exact is None else exact * scale + offset
            value = value * to_mp(scale) + to_mp(offset)
        case Clip():
            for limit, choose in ((step.low, max), (step.high, min)):
                if limit is not None and exact is not None:
                    exact = choose(exact, limit)
                elif limit is not None and choose(value, to_mp(limit)) == to_mp(limit):
                    exact = limit
        case Normalize():
            gamma, beta, mean, variance = (
                v[channel % len(v)] for v in (step.gamma, step.beta, step.mean, step.variance)
            )
            value = (value - to_mp(mean)) / mpmath.sqrt(to_mp(variance)) * to_mp(gamma) + to_mp(beta)
            root = Fraction(math.isqrt(variance.numerator), math.isqrt(variance.denominator))
            if gamma == 0 or exact == mean:
                exact = beta
            elif exact is not None and root * root == variance:
                exact = (exact - mean) / root * gamma + beta
            else:
                exact = None
        case Curve():
            at_zero, function = {
                "sigmoid": (Fraction(1, 2), lambda y: 1 / (1 + mpmath.exp(-y))),
                "tanh": (Fraction(0), mpmath.tanh),
            }[step.name]
            if exact != 0:
                # no boundary lies so close to a limit or to the middle: closer arguments are all alike
                value = mpmath.sign(value) * min(max(abs(value), mpmath.mpf(2) ** -150), mpmath.mpf(120))
            exact, value = (at_zero if exact == 0 else None), function(value)
    return exact, value if exact is None else to_mp(exact)
