# SPDX-License-Identifier: Apache-2.0
"""Errors and histograms of layers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.ir import Encoding
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.report.measured import MAX_BINS, histogram, layer_error

PLAIN = Encoding.of(FixedType(True, 8, 4))


def test_the_error_of_a_layer() -> None:
    codes = np.array([[16, -32], [0, 8]])
    real = np.array([[1.25, -2.0], [0.0, 0.5]])
    found = layer_error(PLAIN, codes, real)
    assert found is not None
    assert found["max_abs_error"] == 0.25
    assert found["rmse"] == 0.125
    assert found["sqnr_db"] == pytest.approx(10 * np.log10((1.25**2 + 4 + 0.25) / 4 / 0.125**2))


def test_an_exact_layer_has_no_noise() -> None:
    found = layer_error(PLAIN, np.array([16, -16]), np.array([1.0, -1.0]))
    assert found == {"max_abs_error": 0.0, "rmse": 0.0, "sqnr_db": None}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_undefined_numbers_have_no_error(bad: float) -> None:
    assert layer_error(PLAIN, np.array([16]), np.array([bad])) is None
    assert histogram(PLAIN, np.array([16]), np.array([bad])) is None


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=60))
def test_every_number_is_counted(codes: list[int]) -> None:
    found = histogram(PLAIN, np.array(codes))
    assert found is not None
    assert sum(found["counts"]) == found["count"] == len(codes)
    assert len(found["counts"]) <= MAX_BINS + 1
    assert found["low"] <= min(codes) / 16
    assert found["high"] >= max(codes) / 16
    assert (found["range_low"], found["range_high"]) == (-8.0, 7.9375)
    assert found["outside"] == 0
    assert found["at_high"] == codes.count(127) / len(codes)


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=60))
def test_real_numbers_beyond_the_range_are_seen(values: list[float]) -> None:
    real = np.array(values)
    found = histogram(PLAIN, PLAIN.fixed.encode(real), real)
    assert found is not None
    assert sum(found["counts"]) == len(values)
    assert found["outside"] == pytest.approx(np.mean((real < -8 - 1 / 16) | (real > 7.9375 + 1 / 16)))


def test_few_codes_have_a_bin_each() -> None:
    found = histogram(Encoding.of(FixedType(False, 2, 0)), np.array([0, 1, 1, 3, 3, 3]))
    assert found is not None
    assert found["counts"] == [1, 2, 0, 3]
    assert (found["low"], found["high"]) == (-0.5, 3.5)


def test_a_negative_scale_turns_the_axis() -> None:
    encoding = Encoding(FixedType(False, 2, 0), CodeRange(0, 3), scale=(Fraction(-2),))
    found = histogram(encoding, np.array([0, 3, 3]))
    assert found is not None
    assert found["counts"] == [2, 0, 0, 1]
    assert (found["low"], found["high"], found["range_low"], found["range_high"]) == (-7.0, 1.0, -6.0, 0.0)


def test_scales_per_channel_are_counted_in_codes() -> None:
    encoding = Encoding(FixedType(True, 4, 0), CodeRange(-8, 7), scale=(Fraction(1), Fraction(100)))
    found = histogram(encoding, np.array([[1, 1]]), np.array([[1.0, 100.0]]))
    assert found is not None
    assert found["unit"] == "code"
    assert max(found["counts"]) == 2
    assert found["outside"] == 0


def test_wide_codes_are_numbers_too() -> None:
    found = histogram(Encoding.of(FixedType(True, 80, 0)), np.array([1 << 70, -(1 << 70)], dtype=object))
    assert found is not None
    assert sum(found["counts"]) == 2
