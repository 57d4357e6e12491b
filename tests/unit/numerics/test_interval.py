# SPDX-License-Identifier: Apache-2.0
"""Ranges of codes, by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.numerics import interval
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.interval import CodeRange
from tests.unit.numerics import oracle
from tests.unit.numerics.properties import holds

SMALL = [CodeRange(low, high) for low in range(-5, 6) for high in range(low, 6)]


def members(codes: CodeRange) -> range:
    """Every code."""
    return range(codes.low, codes.high + 1)


def tightest(codes: list[int]) -> CodeRange:
    """The range of a list of codes."""
    return CodeRange(min(codes), max(codes))


def check_algebra() -> None:
    """Every operation of ranges equals the operation on every member."""
    for a in SMALL:
        assert a.signed == any(code < 0 for code in members(a))
        assert [code in a for code in range(-9, 10)] == [code in members(a) for code in range(-9, 10)]
        assert -a == tightest([-code for code in members(a)])
        for constant in range(-4, 5):
            assert a.scaled(constant) == tightest([code * constant for code in members(a)])
            bits = [code << constant if constant >= 0 else code >> -constant for code in members(a)]
            assert a.shifted(constant) == tightest(bits)
        for limits in SMALL[::3]:
            clamped = [min(max(code, limits.low), limits.high) for code in members(a)]
            assert a.clamped(limits.low, limits.high) == tightest(clamped)


def check_pairs() -> None:
    """Sums and unions of ranges equal those of every pair of members."""
    for a, b in itertools.product(SMALL, SMALL[::2]):
        assert a + b == tightest([x + y for x in members(a) for y in members(b)])
        assert a.union(b) == tightest([*members(a), *members(b)])
        assert CodeRange.hull([b, a, b]) == a.union(b)


def check_widths() -> None:
    """The width is enough, and one bit less is not; every type needs its own width."""
    for codes in SMALL:
        fixed = FixedType.holding(codes, 3)
        assert (fixed.signed, fixed.width, fixed.frac) == (codes.low < 0, codes.width_bits, 3)
        assert codes.low in fixed.range
        assert codes.high in fixed.range
        if fixed.width > 1:
            narrower = FixedType(fixed.signed, fixed.width - 1, 3).range
            assert codes.low not in narrower or codes.high not in narrower
    for width in range(1, 70):
        for signed in (False, True):
            fixed = FixedType(signed, width, 0)
            lowest = [0] * (width - 1) + [int(signed)]
            highest = [1] * (width - 1) + [int(not signed)]
            assert fixed.range.low == oracle.from_bits(lowest, fixed)
            assert fixed.range.high == oracle.from_bits(highest, fixed)
            assert FixedType.holding(fixed.range, 0) == fixed or width == 1


def test_algebra() -> None:
    check_algebra()


def test_pairs() -> None:
    check_pairs()


def test_widths() -> None:
    check_widths()


def test_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"empty range 3\.\.2"):
        CodeRange(3, 2)


@st.composite
def layers(draw: st.DrawFn) -> tuple[IntArray, IntArray, IntArray]:
    """Least and greatest code of each input, and weights, in any of the regimes."""
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(1, 3))
    numbers = draw(st.sampled_from([st.integers(-3, 3), oracle.int64s, oracle.wide_integers]))
    ends = [sorted((draw(numbers), draw(numbers))) for _ in range(rows)]
    weights = [draw(numbers) for _ in range(rows * columns)]
    low, high = (integers([end[i] for end in ends]) for i in (0, 1))
    return low, high, integers(weights).reshape(rows, columns)


@holds(
    layers(),
    corners=(
        ((np.array([-(2**31)]), np.array([2**31 - 1]), np.array([[2**32, -(2**32)]])),),
        ((np.array([-(2**63)]), np.array([2**63 - 1]), np.array([[1, -1]])),),
        ((np.array([0]), np.array([2**70], object), np.array([[0]])),),
        ((np.array([0]), np.array([0]), np.array([[2**70]], object)),),
        ((np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int64)),),
    ),
)
def matmul_ranges(layer: tuple[IntArray, IntArray, IntArray]) -> None:
    """Both bounds are reached, and no corner of the box of inputs lies beyond them."""
    low, high, weights = layer
    lows, highs = interval.matmul_ranges(low, high, weights)
    boxes = list(itertools.product(*zip(low.tolist(), high.tolist(), strict=True)))
    for output, column in enumerate(weights.T.tolist()):
        sums = [sum(map(int.__mul__, box, column)) for box in boxes]
        assert (int(lows[output]), int(highs[output])) == (min(sums), max(sums))


# Mutation twins


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("scaled", lambda self, factor: CodeRange(self.low * factor, self.low * factor)),
        ("shifted", lambda self, bits: CodeRange(self.low << max(bits, 0), self.high << max(bits, 0))),
        ("__neg__", lambda self: self),
        ("clamped", lambda self, low, high: CodeRange(max(self.low, min(low, self.high)), self.high)),
    ],
)
def test_twin_of_the_algebra(monkeypatch: pytest.MonkeyPatch, name: str, broken: object) -> None:
    monkeypatch.setattr(CodeRange, name, broken)
    with pytest.raises(AssertionError):
        check_algebra()


def test_twin_of_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CodeRange, "__add__", lambda a, b: CodeRange(a.low + b.low - 1, a.high + b.high))
    with pytest.raises(AssertionError):
        check_pairs()


def test_twin_of_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit too many for negative powers of two."""
    width = property(lambda self: 1 + max(self.high.bit_length(), (-self.low).bit_length()))
    monkeypatch.setattr(CodeRange, "width_bits", width)
    with pytest.raises(AssertionError):
        check_widths()


def test_twin_of_matmul_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval, "fits_int64", lambda bound: bound < 2**65)
    with np.errstate(all="ignore"):
        matmul_ranges.must_fail()
