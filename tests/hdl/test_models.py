# SPDX-License-Identifier: Apache-2.0
"""The models agree with the definitions they stand for: ap_fixed's modes, a matrix product, fpgann.numerics."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fpgann.numerics.rounding import Rounding, round_fraction
from sim import models
from tests.hdl.cases import ROUNDINGS

#        value / 4:  -7  -6  -5  -3  -2  -1   1   2   3   5   6   7
QUARTERS = (-7, -6, -5, -3, -2, -1, 1, 2, 3, 5, 6, 7)
ROUNDED = {
    "TRN": (-2, -2, -2, -1, -1, -1, 0, 0, 0, 1, 1, 1),
    "TRN_ZERO": (-1, -1, -1, 0, 0, 0, 0, 0, 0, 1, 1, 1),
    "RND": (-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2),
    "RND_ZERO": (-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2),
    "RND_MIN_INF": (-2, -2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2),
    "RND_INF": (-2, -2, -1, -1, -1, 0, 0, 1, 1, 1, 2, 2),
    "RND_CONV": (-2, -2, -1, -1, 0, 0, 0, 0, 1, 1, 2, 2),
    "CEIL": (-1, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2, 2),
    "UP": (-2, -2, -2, -1, -1, -1, 1, 1, 1, 2, 2, 2),
}


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_rounding_of_quarters(mode: str) -> None:
    assert tuple(models.round_shift(value, 2, mode) for value in QUARTERS) == ROUNDED[mode]


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_rounding_is_that_of_the_package(mode: str) -> None:
    for shift in range(6):
        for value in range(-80, 81):
            expected = round_fraction(Fraction(value, 1 << shift), Rounding[mode])
            assert models.round_shift(value, shift, mode) == expected


def test_words() -> None:
    word = models.pack([1, -1, 5], 4)
    assert word == 0x5F1
    assert models.elements(word, 3, 4) == [1, 15, 5]
    assert [models.wide(bits, 4) for bits in (7, 8, 15, 16)] == [7, -8, -1, 0]


def test_dense_is_a_matrix_product() -> None:
    matrix, bias, item = [[1, -2, 3, -4], [5, 6, -7, 8]], [10, -20], [3, -1, 2, -8]
    # PE 1, SIMD 2: one row after the other, two columns a word
    weights = [models.pack(row[fold : fold + 2], 5) for row in matrix for fold in (0, 2)]
    result = models.dense_folded(
        models.pack(item, 4),
        inputs=4,
        outputs=2,
        pe=1,
        simd=2,
        in_width=4,
        in_signed=True,
        weight_width=5,
        bias_width=8,
        acc_width=12,
        weights=weights,
        biases=[models.pack([value], 8) for value in bias],
    )
    expected = [sum(w * x for w, x in zip(row, item, strict=True)) + b for row, b in zip(matrix, bias, strict=True)]
    assert [models.wide(bits, 12) for bits in result] == expected


def test_table_mirrors() -> None:
    shape = {"in_width": 4, "out_width": 6, "in_signed": True, "words": [20, 21, 23], "low": 0, "high": 2}
    read = [models.table(models.wrap(code, 4), **shape, symmetric=True, mirror=40) for code in (-8, -2, -1, 0, 1, 7)]
    assert read == [17, 17, 19, 20, 21, 23]
