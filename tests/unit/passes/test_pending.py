# SPDX-License-Identifier: Apache-2.0
"""Steps that wait for a quantizer: affine ones in a row are one, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.errors import UnsupportedOperatorError
from fpgann.ir import Encoding
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.passes.lines import decoding
from fpgann.passes.pending import Pending

FRACTIONS = st.fractions(max_denominator=10**9)
NONZERO = FRACTIONS.filter(lambda f: f != 0)


def line(scale: Fraction, offset: Fraction) -> scalar.Affine:
    return scalar.Affine((scale,), (offset,))


@given(NONZERO, FRACTIONS)
def test_lines_that_cancel_leave_the_codes(scale: Fraction, offset: Fraction) -> None:
    codes = Encoding(FixedType(True, 8, 0), CodeRange(-128, 127), (Fraction(3, 7),), (Fraction(1, 3),))
    start = Pending("x", (decoding(codes),))
    back = start.then(line(scale, offset), "there").then(line(1 / scale, -offset / scale), "back")
    assert back.steps == start.steps
    assert back.absorbed == ("there", "back")


@given(st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=1, max_size=5), FRACTIONS)
def test_lines_in_a_row_are_one(lines: list[tuple[Fraction, Fraction]], x: Fraction) -> None:
    pending, wanted = Pending("x"), x
    for scale, offset in lines:
        pending, wanted = pending.then(line(scale, offset), ""), wanted * scale + offset
    (step,) = pending.steps
    assert isinstance(step, scalar.Affine)
    assert step.at(0)[0] * x + step.at(0)[1] == wanted


def test_channels_join_and_collapse() -> None:
    several = scalar.Affine((Fraction(2), Fraction(3)), (Fraction(0),))
    back = scalar.Affine((Fraction(1, 2), Fraction(1, 3)), (Fraction(1),))
    pending = Pending("x", (line(Fraction(5), Fraction(0)),)).then(several, "", -2)
    assert pending.steps == (scalar.Affine((Fraction(10), Fraction(15)), (Fraction(0),)),)
    assert pending.axis == -2
    assert pending.then(back, "", -2).steps == (line(Fraction(5), Fraction(1)),)
    with pytest.raises(UnsupportedOperatorError, match="two different axes"):
        pending.then(back, "", -1)


def test_other_steps_stay_apart() -> None:
    clip = scalar.Clip(Fraction(0), None)
    pending = (
        Pending("x").then(line(Fraction(2), Fraction(0)), "").then(clip, "").then(line(Fraction(1), Fraction(1)), "")
    )
    assert len(pending.steps) == 3
