# SPDX-License-Identifier: Apache-2.0
"""Rounded sums with small factors: equal to the exact ones on every pair."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir.alignment import common_unit
from fpgann.kernel.plane import Plane, fit_plane
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding, round_fraction
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine

SCALES = st.floats(2.0**-10, 1, width=32).map(Fraction)
NARROW = CodeRange(-8, 7)


def values(plane: Plane, x: int, y: int) -> int:
    total = plane.factors[0] * x + plane.factors[1] * y + plane.offset
    return min(max(total >> plane.shift, plane.low), plane.high)


@settings(max_examples=40)
@given(SCALES, SCALES, SCALES, st.integers(-8, 7), st.sampled_from([Rounding.RND_CONV, Rounding.TRN, Rounding.RND]))
def test_every_pair_rounds_alike(a: Fraction, b: Fraction, c: Fraction, zero: int, mode: Rounding) -> None:
    unit = common_unit([a, b])
    staircase = ScalarMap((Affine((unit / c,), (Fraction(zero),)),), Rounder(mode, -32, 31))
    plane = fit_plane((int(a / unit), int(b / unit)), 0, (NARROW, NARROW), staircase)
    if plane is None:
        return
    for x in range(NARROW.low, NARROW.high + 1):
        for y in range(NARROW.low, NARROW.high + 1):
            exact = round_fraction((a * x + b * y) / c + zero, mode)
            assert values(plane, x, y) == min(max(exact, -32), 31)


def test_scales_of_a_real_model_need_few_bits() -> None:
    a, b, c = (Fraction(float(np.float32(s))) for s in (0.0173, 0.02931, 0.0357))
    unit = common_unit([a, b])
    codes = CodeRange(-128, 127)
    staircase = ScalarMap((Affine((unit / c,), (Fraction(5),)),), Rounder(Rounding.RND_CONV, -128, 127))
    plane = fit_plane((int(a / unit), int(b / unit)), 0, (codes, codes), staircase)
    assert plane is not None
    assert plane.shift < 24 < int(b / unit).bit_length() + int(unit / c * 2**40).bit_length()


def test_too_many_pairs_are_not_tried() -> None:
    codes = CodeRange(0, 1 << 12)
    staircase = ScalarMap((Affine((Fraction(1, 3),), (Fraction(0),)),), Rounder(Rounding.TRN, 0, 7))
    assert fit_plane((3, 5), 0, (codes, codes), staircase) is None
