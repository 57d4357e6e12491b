# SPDX-License-Identifier: Apache-2.0
"""Arrays of exact integers, on both sides of 2**53 and 2**63."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.numerics import integers as module
from fpgann.numerics.integers import IntArray
from tests.unit.numerics import oracle
from tests.unit.numerics.properties import holds


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (2**63 - 1, np.int64),
        (-(2**63) + 1, np.int64),
        (2**63, object),  # numpy would call it uint64
        ([2**63, -1], object),  # and this float64
        ([2**64, 5], object),
        ([], np.int64),
        (np.array([2**63 - 1], np.uint64), np.int64),
        (np.array([2**64 - 1], np.uint64), object),
        (np.array([True, False]), np.int64),
        (np.array([[1, 2]], object), np.int64),
        (np.array([np.int64(2**62), 2**70], object), object),
        (np.array(2**80, object), object),
        (np.int64(-3), np.int64),
    ],
    ids=str,
)
def test_narrowest_form(values: Any, dtype: type) -> None:
    array = module.integers(values)
    assert array.dtype == dtype
    expected = np.asarray(values, object)
    assert array.shape == expected.shape
    assert [int(v) for v in array.flat] == [int(v) for v in expected.flat]
    assert dtype is not object or all(type(v) is int for v in array.flat)


@holds(oracle.arrays_of(oracle.wide_integers), corners=((np.array([-(2**63)]),), (np.array([], np.int64),)))
def magnitude(codes: IntArray) -> None:
    assert module.magnitude(codes) == max((abs(c) for c in codes.tolist()), default=0)


vectors = oracle.arrays_of(oracle.wide_integers, max_size=4)


@st.composite
def products(draw: st.DrawFn) -> tuple[IntArray, Any, Any]:
    """Codes with a factor and an addend for all or for each."""
    codes = draw(vectors)

    def operand() -> Any:
        numbers = [draw(oracle.wide_integers) for _ in codes]
        return draw(oracle.wide_integers) if draw(st.booleans()) else module.integers(numbers)

    return codes, operand(), operand()


@holds(
    products(),
    corners=(
        ((np.array([2**31]), 2**32 - 1, 2**32 - 1),),  # 2**63 - 1
        ((np.array([2**31]), 2**32, 0),),  # 2**63
        ((np.array([-(2**63)]), 1, 0),),
        ((np.array([0]), 2**70, 1),),
        ((np.array([0]), 2**63, 2**63),),
        ((np.array([], np.int64), 2**70, 2**70),),
        ((np.array([1, -1]), np.array([2**62, 2**62]), np.array([2**62, -(2**62)])),),
    ),
)
def multiply_add(example: tuple[IntArray, Any, Any]) -> None:
    codes, factor, addend = example
    wide = np.asarray(codes, object) * np.asarray(factor, object) + np.asarray(addend, object)
    result = module.multiply_add(codes, factor, addend)
    assert result.tolist() == wide.tolist()
    assert result.dtype in (np.int64, object)


@st.composite
def matrices(draw: st.DrawFn) -> tuple[IntArray, IntArray]:
    """Two matrices whose product may need any of the three regimes."""
    rows, inner, columns = (draw(st.integers(0, 4)) for _ in range(3))
    bits = draw(st.sampled_from([3, 25, 26, 27, 30, 31, 32, 61, 63, 70]))
    limit = 2**bits

    def matrix(*shape: int) -> IntArray:
        corners = st.sampled_from([limit, limit - 1, 1 - limit, -limit, 0, 1])
        near = st.one_of(corners, st.integers(-limit, limit))
        flat = [draw(near) for _ in range(shape[0] * shape[1])]
        is_wide = not all(map(oracle.fits, flat)) or draw(st.integers(0, 4)) == 0
        return np.array(flat, object if is_wide else np.int64).reshape(shape)

    return matrix(rows, inner), matrix(inner, columns)


def _rounded_down_by_float64() -> IntArray:
    """A weight whose triple just exceeds int64 although the triple of its float64 does not."""
    weight = (2**63 - 1) // 3 + 5
    assert 3 * weight > 2**63 - 1 >= 3 * int(float(weight))
    return np.array([[weight]])


@holds(
    matrices(),
    corners=(
        ((np.array([[1, 1]]), np.array([[2**53 - 2], [1]])),),  # 2**53 - 1: float64
        ((np.array([[1, 1]]), np.array([[2**53 - 1], [1]])),),
        ((np.array([[1, 1]]), np.array([[2**53], [1]])),),  # 2**53 + 1: int64
        ((np.array([[1, 1]]), np.array([[2**63 - 2], [1]])),),  # 2**63 - 1: int64
        ((np.array([[1, 1]]), np.array([[2**63 - 1], [1]])),),  # 2**63: Python integers
        ((np.array([[2**31, 1]]), np.array([[2**32], [-1]])),),
        ((np.array([[-1]]), np.array([[-(2**63)]])),),
        ((np.array([[-(2**63)]]), np.array([[-(2**63)]])),),
        ((np.array([[3]]), _rounded_down_by_float64()),),
        ((np.array([[2**70]], object), np.array([[0]])),),
        ((np.array([[0]]), np.array([[2**1030]], object)),),
        ((np.array([[2**60 + 1]], object), np.array([[0, 1]])),),
        ((np.zeros((2, 0), np.int64), np.zeros((0, 3), np.int64)),),
        ((np.zeros((0, 2), np.int64), np.ones((2, 3), np.int64)),),
        ((np.full((1, 1024), 2**43), np.full((1024, 1), 2**10)),),  # each term fits float64, not the sum
    ),
)
def matmul(pair: tuple[IntArray, IntArray]) -> None:
    codes, weights = pair
    product = module.matmul(codes, weights)
    left, right = codes.tolist(), weights.T.tolist()
    assert product.shape == (codes.shape[0], weights.shape[1])
    assert product.tolist() == [[sum(map(int.__mul__, row, column)) for column in right] for row in left]


def test_matmul_keeps_leading_axes() -> None:
    codes, weights = np.arange(24).reshape(2, 3, 4) - 12, np.arange(8).reshape(4, 2)
    for regime in (1, 2**40, 2**60):
        scaled = (codes.astype(object) * regime).astype(object if regime > 2**50 else np.int64)
        product = module.matmul(scaled, weights)
        assert product.shape == (2, 3, 2)
        assert product.tolist() == np.einsum("abi,io->abo", scaled, weights.astype(object)).tolist()
    assert module.matmul(codes[0, 0], weights).shape == (2,)


@pytest.mark.parametrize(("code", "dtype"), [(2**22, np.int64), (2**23, np.int64), (2**32, np.int64), (2**33, object)])
def test_matmul_stays_narrow_while_it_can(code: int, dtype: type) -> None:
    assert module.matmul(np.array([[code]]), np.array([[2**30]])).dtype == dtype


# Mutation twins


def test_twin_that_trusts_float64_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLOAT64_EXACT", 2**53 + 2)
    matmul.must_fail()


def test_twin_that_trusts_int64_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INT64_MAX", 2**63)
    matmul.must_fail()
    multiply_add.must_fail()


def test_twin_that_forgets_the_most_negative_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "magnitude", lambda codes: int(np.max(np.abs(codes), initial=0)))
    matmul.must_fail()
    magnitude.must_fail()
