# SPDX-License-Identifier: Apache-2.0
"""Arrays of exact integers: int64 where the values provably fit, Python integers beyond.

Every function that can leave int64 takes or computes a bound first; nothing ever wraps in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[Any]  # int64, or object holding Python integers
FloatArray: TypeAlias = npt.NDArray[np.float64]

INT64_MAX = 2**63 - 1
FLOAT64_EXACT = 2**53  # every integer up to this magnitude is a float64


def fits_int64(bound: int) -> bool:
    """Whether all integers of magnitude up to `bound` are int64."""
    return bound <= INT64_MAX


def integers(values: Any) -> IntArray:
    """An array of integers in the narrowest of the two forms: int64, else object."""
    # numpy would take a Python integer of 64 bits for uint64, and a list with one for float64
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.dtype != object and array.dtype != np.uint64:
        return array.astype(np.int64)
    numbers = [int(v) for v in array.flat]  # an object array may hold numpy's integers, which wrap
    bound = max(map(abs, numbers), default=0)
    return np.array(numbers, np.int64 if fits_int64(bound) else object).reshape(array.shape)


def magnitude(codes: IntArray) -> int:
    """The largest absolute value, as a Python integer (0 for an empty array)."""
    if codes.size == 0:
        return 0
    return max(abs(int(codes.max())), abs(int(codes.min())))


def multiply_add(codes: IntArray, factor: IntArray | int, addend: IntArray | int) -> IntArray:
    """`codes * factor + addend`, exactly, with broadcasting."""
    factors, addends = integers(factor), integers(addend)
    bound = max(1, magnitude(codes)) * max(1, magnitude(factors)) + magnitude(addends)
    if fits_int64(bound) and codes.dtype != object:
        return np.asarray(codes * factors.astype(np.int64) + addends.astype(np.int64))
    return np.asarray(codes.astype(object) * factors.astype(object) + addends.astype(object))


def grouped(product: Callable[[IntArray, IntArray], IntArray], x: IntArray, weights: IntArray, groups: int) -> IntArray:
    """Products group by group.

    Args:
        product: matrix product of one group.
        x: shape (..., inputs of all groups).
        weights: shape (inputs of a group, outputs of all groups).
        groups: number of groups.

    Returns:
        Shape (..., outputs of all groups).
    """
    if groups == 1:
        return product(x, weights)
    parts = zip(np.split(x, groups, axis=-1), np.split(weights, groups, axis=1), strict=True)
    return np.concatenate([product(part, matrix) for part, matrix in parts], axis=-1)


def matmul(codes: IntArray, weights: IntArray) -> IntArray:
    """`codes @ weights`, exactly.

    Uses the float64 matrix product of BLAS where the bound on every partial sum stays below 2**53 (then
    each float64 operation is exact), int64 up to 2**63, Python integers beyond.

    Args:
        codes: shape (..., inputs).
        weights: shape (inputs, outputs).

    Returns:
        Shape (..., outputs).
    """
    if weights.size == 0 or codes.size == 0:
        return np.zeros((*codes.shape[:-1], weights.shape[1]), np.int64)
    largest, inputs = max(1, magnitude(weights)), weights.shape[0]
    if fits_int64(largest * inputs):
        largest, inputs = max(1, int(np.abs(weights).sum(axis=0).max())), 1
    bound = max(1, magnitude(codes)) * largest * inputs  # of the operands too: neither may be rounded
    if bound < FLOAT64_EXACT:
        return np.asarray((codes.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64))
    if fits_int64(bound):
        return np.asarray(codes.astype(np.int64) @ weights.astype(np.int64))
    return np.asarray(np.dot(codes.astype(object), weights.astype(object)))
