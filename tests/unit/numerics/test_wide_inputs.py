# SPDX-License-Identifier: Apache-2.0
"""Inputs with more codes than anyone can list are rounded one by one, exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fpgann.numerics.rounding import Rounding, round_fraction
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip

VALUES = np.array(
    [0.0, -0.0, 0.5, -0.5, 1.5, 2**-60, -(2.0**-60), 0.1, -0.3, 1e300, -1e300, 5e-324, 123456789.1234, 2.0**31 - 0.5]
)
AFFINE = [(Fraction(2**32), Fraction(0)), (Fraction(10, 3), Fraction(1, 7)), (Fraction(-1), Fraction(5))]


@pytest.mark.parametrize("mode", [Rounding.RND, Rounding.RND_CONV, Rounding.TRN, Rounding.TRN_ZERO])
@pytest.mark.parametrize(("scale", "offset"), AFFINE)
@pytest.mark.parametrize("bits", [18, 32, 53, 64])
def test_wide_codes(mode: Rounding, scale: Fraction, offset: Fraction, bits: int) -> None:
    rounder = Rounder(mode, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    got = ScalarMap((Affine((scale,), (offset,)),), rounder).apply_floats(VALUES)
    for value, code in zip(VALUES, got, strict=True):
        exact = round_fraction(Fraction(float(value)) * scale + offset, mode)
        assert code == min(max(exact, rounder.low), rounder.high), value


def test_channels_and_clips() -> None:
    rounder = Rounder(Rounding.RND, -(2**40), 2**40)
    steps = (Affine((Fraction(3), Fraction(1, 3)), (Fraction(0), Fraction(1))), Clip(Fraction(-2), Fraction(2**30)))
    got = ScalarMap(steps, rounder).apply_floats(np.array([[1.0, 1.0], [-1.0, -12.0], [2.0**30, 2.0**30]]))
    assert got.tolist() == [[3, 1], [-2, -2], [2**30, round(2**30 / 3 + 1)]]
    swapped = ScalarMap(steps, rounder).apply_floats(np.array([[1.0, -1.0], [1.0, -12.0]]), axis=0)
    assert swapped.tolist() == [[3, -2], [1, -2]]
