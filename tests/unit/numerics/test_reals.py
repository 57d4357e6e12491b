# SPDX-License-Identifier: Apache-2.0
"""Exact real numbers against mpmath at a thousand bits."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest
from hypothesis import assume
from hypothesis import strategies as st

from fpgann.errors import VerificationError
from fpgann.numerics import reals
from fpgann.numerics.reals import Irrational, Real
from tests.unit.numerics import oracle
from tests.unit.numerics.properties import holds

BITS = 1000
positive = st.one_of(
    st.sampled_from([Fraction(2), Fraction(1, 2), Fraction(3, 7), Fraction(2**200 + 1), Fraction(3, 2**201)]),
    st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 10**6)),
    st.builds(Fraction, st.integers(1, 2**150), st.integers(1, 2**150)),
)
rationals = st.one_of(
    st.sampled_from([Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 3)]),
    st.builds(Fraction, st.integers(-(10**6), 10**6), st.integers(1, 10**6)),
)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[Real, mpmath.mpf]:
    """A number a * f(q) + b, perhaps inverted, and what mpmath makes of it."""
    with mpmath.workprec(BITS):
        q, a, b = draw(positive), draw(rationals), draw(rationals)
        if draw(st.booleans()):
            root, value = reals.sqrt(q), mpmath.sqrt(oracle.to_mp(q))
        else:
            assume(q != 1)
            root, value = reals.increasing_function(mpmath.iv.log, q), mpmath.log(oracle.to_mp(q))
        number = reals.add(reals.multiply(root, a), b)
        value = value * oracle.to_mp(a) + oracle.to_mp(b)
        if value != 0 and draw(st.booleans()):
            return reals.reciprocal(number), 1 / value
        return number, value


@holds(numbers())
def rounding(pair: tuple[Real, mpmath.mpf]) -> None:
    number, value = pair
    with mpmath.workprec(BITS):
        if isinstance(number, Fraction):
            assert abs(oracle.to_mp(number) - value) <= abs(value) * mpmath.mpf(2) ** -(BITS - 20)
            value = number
        assert reals.floor(number) == int(mpmath.floor(value) if value is not number else math.floor(number))
        assert reals.ceil(number) == int(mpmath.ceil(value) if value is not number else math.ceil(number))
        assert reals.sign(number) == (value > 0) - (value < 0)


@holds(numbers(), st.sampled_from([64, 128, 512]))
def enclosure(pair: tuple[Real, mpmath.mpf], bits: int) -> None:
    """Bounds hold the number, and are about as tight as asked for."""
    number, value = pair
    with mpmath.workprec(BITS):
        low, high = (oracle.to_mp(end) for end in reals.enclose(number, bits))
        slack = abs(value) * mpmath.mpf(2) ** -(BITS - 20)
        assert low - slack <= value <= high + slack
        if isinstance(number, Irrational) and bits >= 512:
            assert high - low < mpmath.mpf(2) ** -100 * (1 + abs(value) + value**2)


@holds(numbers(), numbers())
def arithmetic(a: tuple[Real, mpmath.mpf], b: tuple[Real, mpmath.mpf]) -> None:
    with mpmath.workprec(BITS):
        for number, value in (
            (reals.add(a[0], b[0]), a[1] + b[1]),
            (reals.multiply(a[0], b[0]), a[1] * b[1]),
        ):
            assume(abs(value - mpmath.nint(value)) > mpmath.mpf(2) ** -500)  # the sum of irrationals may be 0
            assert reals.floor(number) == int(mpmath.floor(value))
            assert reals.ceil(number) == int(mpmath.ceil(value))
            assert reals.sign(number) == int(mpmath.sign(value))


@holds(
    st.builds(Fraction, st.integers(0, 2**70), st.integers(1, 2**70)),
    corners=((Fraction(0),), (Fraction(1),), (Fraction(4, 9),), (Fraction(2),), (Fraction(10**400 + 1),)),
)
def roots(value: Fraction) -> None:
    """Roots are rational exactly where they are, and squares come back."""
    assert reals.sqrt(value**2) == value
    root = reals.sqrt(value)
    if isinstance(root, Fraction):
        assert root**2 == value
        assert root >= 0
    else:
        low, high = root.bounds(200)
        assert 0 <= low**2 < value < high**2
        assert high - low < high / 2**100
        assert reals.floor(root) == math.isqrt(value.numerator // value.denominator)


@pytest.mark.parametrize("distance", [Fraction(1, 2**k) for k in (64, 127, 128, 129, 1000, 3000)], ids=str)
def test_numbers_next_to_integers(distance: Fraction) -> None:
    """The bounds are refined until one integer is left."""
    above, below = reals.sqrt(9 + distance), reals.sqrt(9 - distance)
    assert (reals.floor(above), reals.ceil(above)) == (3, 4)
    assert (reals.floor(below), reals.ceil(below)) == (2, 3)
    assert reals.sign(reals.add(above, Fraction(-3))) == 1
    assert reals.sign(reals.add(below, Fraction(-3))) == -1


def test_hidden_rationals_are_reported() -> None:
    """A product of roots may be rational; it is never rounded wrongly, but cannot be rounded at all."""
    two = reals.multiply(reals.sqrt(Fraction(2)), reals.sqrt(Fraction(2)))
    zero = reals.add(reals.sqrt(Fraction(2)), reals.multiply(reals.sqrt(Fraction(2)), Fraction(-1)))
    with pytest.raises(VerificationError, match=r"within 2\*\*-8192 of an integer was taken for irrational"):
        reals.floor(two)
    with pytest.raises(VerificationError, match="within"):
        reals.ceil(two)
    with pytest.raises(VerificationError, match="cannot be told from zero was taken for irrational"):
        reals.sign(zero)
    with pytest.raises(VerificationError, match="the reciprocal of a number that cannot be told from zero"):
        reals.floor(reals.reciprocal(zero))


def test_zero_times_irrational_is_rational() -> None:
    assert reals.multiply(Fraction(0), reals.sqrt(Fraction(2))) == 0
    assert reals.multiply(reals.sqrt(Fraction(2)), Fraction(0)) == 0


def test_interval_arithmetic_keeps_its_precision() -> None:
    before = mpmath.iv.prec
    reals.floor(reals.increasing_function(mpmath.iv.log, Fraction(3)))
    assert mpmath.iv.prec == before

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reals.floor(reals.increasing_function(fail, Fraction(3)))
    assert mpmath.iv.prec == before


def remainder(number: Real, bits: int) -> Real:
    """What is left of a number beyond so many bits: less than 2**-bits, and hard to tell from zero."""
    whole = reals.floor(reals.multiply(number, Fraction(2**bits)))
    return reals.add(number, Fraction(-whole, 2**bits))


@pytest.mark.parametrize("bits", [60, 120, 126, 127, 128, 129, 140, 1000])
def test_cancellation(bits: int) -> None:
    for number in (reals.sqrt(Fraction(2)), reals.increasing_function(mpmath.iv.log, Fraction(3))):
        small = remainder(number, bits)
        assert (reals.floor(small), reals.ceil(small), reals.sign(small)) == (0, 1, 1)


@pytest.mark.parametrize("bits", [60, 120, 126, 127, 128, 129, 140, 1000])
def test_arguments_that_seem_to_leave_the_domain(bits: int) -> None:
    """The logarithm of a number whose first bounds reach below zero."""
    number = reals.increasing_function(mpmath.iv.log, remainder(reals.sqrt(Fraction(2)), bits))
    with mpmath.workprec(BITS + bits):
        scaled = mpmath.sqrt(2) * 2**bits
        value = mpmath.log((scaled - mpmath.floor(scaled)) / 2**bits)
        assert reals.floor(number) == int(mpmath.floor(value))


# Mutation twins


def test_twin_of_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reals, "isqrt", lambda n: math.isqrt(n) + (n > 2**40))
    roots.must_fail()
    enclosure.must_fail()


def test_twin_of_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs forgotten: the product of the lower ends is not always the lower end."""

    def broken(a: Real, b: Real) -> Real:
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return a * b
        return Irrational(
            lambda bits: tuple(x * y for x, y in zip(reals.enclose(a, bits), reals.enclose(b, bits), strict=True))
        )

    monkeypatch.setattr(reals, "multiply", broken)
    enclosure.must_fail()


def test_twin_that_settles_on_the_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reals, "_floor_between", lambda number: (math.floor(number.bounds(64)[0]), True))
    with pytest.raises(AssertionError):
        test_cancellation(140)
