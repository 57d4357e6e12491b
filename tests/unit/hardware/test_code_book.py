# SPDX-License-Identifier: Apache-2.0
"""Code books: the indices are the weights, and memories become no more expensive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.hardware.code_book import code_book
from fpgann.hardware.design import FoldedKernel
from fpgann.hardware.estimate_fabric import FABRICS
from fpgann.hardware.estimate_folded import _weights
from fpgann.hardware.loading import weight_rows
from fpgann.hardware.neurons import Loadable
from fpgann.hardware.options import Memory
from fpgann.numerics.interval import CodeRange

CODES = CodeRange(-128, 127)


def layer(values: list[int], shape: tuple[int, int] = (40, 30), pe: int = 3, simd: int = 2) -> FoldedKernel:
    """A folded layer with weights of these values, each there at least once."""
    size = shape[0] * shape[1]
    weights = np.array([values[i % len(values)] for i in range(size)], np.int64)
    np.random.default_rng(1).shuffle(weights)
    kernel = FoldedKernel(weights.reshape(shape), np.zeros(shape[1], np.int64), 1, 1, CodeRange(-9999, 9999), (), 1)
    return kernel.folded(pe, simd)


@given(st.lists(st.integers(-2000, 2000), min_size=1, max_size=70, unique=True), st.integers(1, 7), st.integers(1, 9))
def test_indices_stand_for_the_weights(values: list[int], pe: int, simd: int) -> None:
    kernel = layer(values, pe=pe, simd=simd)
    book = code_book(kernel)
    if book is not None:
        assert np.array_equal(book.values[book.indices], weight_rows(kernel.weights, pe, simd))
        assert book.index_bits < kernel.weight_bits
        assert int(book.indices.max()) < 1 << book.index_bits


@pytest.mark.parametrize(
    ("values", "coded"),
    [
        ([-127, -50, 0, 33, 90], True),
        ([-100, 100], True),
        ([-127, 0, 3], True),
        ([-1, 0, 1], False),  # two bits, as an index
        ([0, 1, 2, 3], False),  # two bits vary
        (list(range(-64, 64)), False),
        ([77], False),
    ],
)
def test_a_book_is_there_where_it_pays(values: list[int], *, coded: bool) -> None:
    assert (code_book(layer(values)) is not None) == coded


@pytest.mark.parametrize("pe", [1, 3, 10])
@pytest.mark.parametrize("values", [[-127, -50, 0, 33, 90], [-100, 100]])
def test_the_estimate_counts_what_is_saved(values: list[int], pe: int) -> None:
    fabric = FABRICS["xcup"]
    kernel = layer(values, (128, 30), pe)
    coded, whole = _weights(kernel, fabric), _weights(replace(kernel, memory=Memory.REGISTERS), fabric)
    assert coded.ff < whole.ff
    assert coded.logic["rom"] + coded.logic["rom_short"] / 2 < whole.logic["rom"]


def test_blocks_are_saved_only_whole() -> None:
    """One block holds four weights a word of 512 or four indices: nothing is gained."""
    block = layer([-127, -50, 0, 33, 90], (128, 16), 2, 2)
    assert code_book(replace(block, memory=Memory.BLOCK)) is None
    wide = layer([-127, -50, 0, 33, 90], (128, 32), 8, 1)
    assert code_book(replace(wide, memory=Memory.BLOCK)) is not None


def test_memories_that_are_no_memories_have_none() -> None:
    kernel = layer([-100, 100])
    assert code_book(replace(kernel, memory=Memory.REGISTERS)) is None
    assert code_book(replace(kernel, loadable=Loadable(CODES, CODES))) is None
    assert code_book(kernel.folded(30, 40)) is None
