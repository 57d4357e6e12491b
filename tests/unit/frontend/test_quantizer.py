# SPDX-License-Identifier: Apache-2.0
"""Quantization of constants against the definition in fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fpgann.frontend.onnx.ops.quantize import ROUNDING_MODES, code_range
from fpgann.frontend.onnx.quantizer import Quantizer
from fpgann.numerics.rounding import Rounding


def rounded(value: Fraction, mode: str) -> int:
    """The table of rounding modes in the QONNX documentation, in words of its own."""
    floor, ceil = math.floor(value), math.ceil(value)
    sign = -1 if value < 0 else 1
    half = Fraction(1, 2)
    return {
        "ROUND": lambda: round(value),
        "HALF_EVEN": lambda: round(value),
        "CEIL": lambda: ceil,
        "FLOOR": lambda: floor,
        "UP": lambda: sign * math.ceil(abs(value)),
        "DOWN": lambda: math.trunc(value),
        "HALF_UP": lambda: sign * math.floor(abs(value) + half),
        "HALF_DOWN": lambda: sign * math.ceil(abs(value) - half),
    }[mode]()


# rows: numbers; columns: modes, as printed in docs/qonnx-custom-ops/intquant_v1.md of QONNX
TABLE_MODES = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
TABLE = {
    5.5: (6, 6, 5, 6, 5, 6, 5),
    2.5: (2, 3, 2, 3, 2, 3, 2),
    1.6: (2, 2, 1, 2, 1, 2, 2),
    1.1: (1, 2, 1, 2, 1, 1, 1),
    1.0: (1, 1, 1, 1, 1, 1, 1),
    -1.0: (-1, -1, -1, -1, -1, -1, -1),
    -1.1: (-1, -1, -2, -2, -1, -1, -1),
    -1.6: (-2, -1, -2, -2, -1, -2, -2),
    -2.5: (-2, -2, -3, -3, -2, -3, -2),
    -5.5: (-6, -5, -6, -6, -5, -6, -5),
}


def quantizer(scale, zero, low, high, mode) -> Quantizer:
    return Quantizer(np.asarray(scale, np.float64), np.asarray(zero, np.float64), low, high, ROUNDING_MODES[mode])


@pytest.mark.parametrize("mode", TABLE_MODES)
def test_table_of_the_standard(mode):
    codes = quantizer(1.0, 0.0, -100, 100, mode).codes(np.array(list(TABLE)))
    assert list(codes.codes) == [row[TABLE_MODES.index(mode)] for row in TABLE.values()]


singles = st.floats(min_value=2.0**-20, max_value=2.0**10, width=32)
doubles = st.floats(min_value=1e-6, max_value=1e3)


@st.composite
def cases(draw, scales):
    """Values at random, on the grid, on its ties, and one float beside them."""
    scale = draw(scales)
    zero = draw(st.sampled_from([0, 0, 1, -3, 128, 2**31]))
    bits = draw(st.integers(1, 32))
    signed, narrow = draw(st.booleans()), draw(st.booleans())
    low, high = code_range(bits, signed=signed, narrow=narrow)
    kind = np.float32 if scale == np.float32(scale) else np.float64
    near = st.integers(2 * (low - zero) - 3, 2 * (high - zero) + 3).map(lambda n: n / 2 * scale)
    beside = st.tuples(near, st.sampled_from([-np.inf, np.inf])).map(lambda p: np.nextafter(kind(p[0]), kind(p[1])))
    anything = st.floats(allow_nan=False, allow_infinity=False, width=32)
    values = draw(st.lists(near | beside | anything, min_size=1, max_size=12))
    return scale, zero, low, high, draw(st.sampled_from(sorted(ROUNDING_MODES))), np.array(values, kind)


@given(cases(singles | doubles))
@example((float(np.float32(0.1)), 0, -8, 7, "ROUND", np.array([0.25, 0.35, -0.25], np.float32)))
@example((0.1, 0, 0, 2**32 - 1, "CEIL", np.array([3e8 + 0.05])))
@example((2.0**-20, 2**31, -(2**31), 2**31 - 1, "HALF_UP", np.array([2.0**11], np.float32)))
@example((1.0, 0, -1, 0, "FLOOR", np.array([3.4e38, -3.4e38], np.float32)))
def test_constants_are_quantized_as_defined(case):
    scale, zero, low, high, mode, values = case
    reals = values.astype(np.float64)
    codes = quantizer(scale, zero, low, high, mode).codes(reals)
    for real, code in zip(reals, codes.codes, strict=True):
        exact = Fraction(float(real)) / Fraction(float(scale)) + zero
        assert code == min(max(rounded(exact, mode), low), high) - zero
    assert (codes.low, codes.high) == (low - zero, high - zero)
    assert codes.scales == (Fraction(float(scale)),)


@given(cases(singles | doubles))
def test_fast_path_equals_the_definition(case):
    scale, zero, low, high, mode, values = case
    subject = quantizer(scale, zero, low, high, mode)
    codes = subject.codes(values.astype(np.float64)).codes
    for real, code in zip(values, codes, strict=True):
        assert code == subject.code(Fraction(float(real)), Fraction(float(scale)), zero) - zero


def test_one_scale_per_channel():
    scale = np.array([[0.5], [0.25], [0.5]])
    codes = quantizer(scale, 0.0, -8, 7, "ROUND").codes(np.full((3, 2), 1.0))
    assert codes.codes.tolist() == [[2, 2], [4, 4], [2, 2]]
    assert codes.scales == (Fraction(1, 4), Fraction(1, 2))
    assert codes.channel.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert np.array_equal(codes.values, np.full((3, 2), 1.0))


def test_one_zero_point_per_channel():
    codes = quantizer(1.0, [[1.0], [-2.0]], 0, 15, "ROUND").codes(np.array([[-5.0, 3.0], [20.0, 3.0]]))
    assert codes.codes.tolist() == [[-1, 3], [17, 3]]
    assert (codes.low, codes.high) == (-1, 17)


def test_bipolar():
    subject = Quantizer(np.array(0.5), np.zeros(()), -1, 1, Rounding.TRN, bipolar=True)
    codes = subject.codes(np.array([-0.0, 0.0, 1e-30, -1e-30, 5.0]))
    assert codes.codes.tolist() == [1, 1, 1, -1, 1]
    assert codes.values.tolist() == [0.5, 0.5, 0.5, -0.5, 0.5]


def test_no_warnings_from_extreme_values():
    subject = quantizer(1e-300, 0.0, -8, 7, "ROUND")
    assert subject.codes(np.array([1e300, -1e300, 0.0])).codes.tolist() == [7, -8, 0]


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "expected"),
    [
        (8, True, True, (-127, 127)),
        (8, True, False, (-128, 127)),
        (8, False, True, (0, 254)),
        (8, False, False, (0, 255)),
        (2, True, True, (-1, 1)),
        (32, False, False, (0, 2**32 - 1)),
    ],
)
def test_ranges_of_the_standard(bits, signed, narrow, expected):
    assert code_range(bits, signed=signed, narrow=narrow) == expected
