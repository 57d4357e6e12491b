# SPDX-License-Identifier: Apache-2.0
"""Moves of elements: what is recognised is what moves them, and nothing else is recognised."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.hardware.map_moves import Enlargement, match_enlargement, match_extract
from sim.token_models import token_expand, window_buffer

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))


def expanded(places: np.ndarray, positions: tuple[int, int], elements: int, found: Enlargement) -> np.ndarray:
    """What the circuits make of a map whose elements are their places."""
    width = 16
    tokens = []
    for row in places.reshape(-1, elements):
        chosen = [row[e] for part in found.elements for e in part]
        tokens.append(sum(int(value) << (width * i) for i, value in enumerate(chosen)))
    parts = len(found.elements)
    size = width * len(found.elements[0])
    large = token_expand(
        tokens,
        columns=found.columns,
        row_factor=found.factors[0],
        column_factor=found.factors[1],
        width=size * parts,
        parts=parts,
    )
    if found.crop is not None:
        crop = found.crop
        large = window_buffer(
            large,
            token_width=size,
            groups=1,
            rows=crop.sizes[0],
            columns=crop.sizes[1],
            kernel_rows=1,
            kernel_columns=1,
            stride_rows=1,
            stride_columns=1,
            dilation_rows=1,
            dilation_columns=1,
            pad_top=crop.fronts[0],
            pad_bottom=crop.behinds[0],
            pad_left=crop.fronts[1],
            pad_right=crop.behinds[1],
            fill=0,
        )
    return np.array([[word >> (width * i) & 0xFFFF for i in range(size // width)] for word in large])


@settings(max_examples=40)
@given(SIZES, st.integers(1, 3), st.integers(1, 3), st.data())
def test_depth_to_space_with_a_crop(sizes: tuple[int, int, int], down: int, across: int, data: st.DataObject) -> None:
    rows, columns, width = sizes
    elements = down * across * width
    places = np.arange(rows * columns * elements)
    order = data.draw(st.permutations(range(3)))  # of row part, column part and channel inside a token
    shape = [(down, across, width)[i] for i in order]
    axes = [2 + order.index(i) for i in range(3)]
    blocks = places.reshape(rows, columns, *shape).transpose(0, axes[0], 1, axes[1], axes[2])
    whole = blocks.reshape(rows * down, columns * across, width)
    top, left = data.draw(st.integers(0, rows * down - 1)), data.draw(st.integers(0, columns * across - 1))
    cut = whole[
        top : data.draw(st.integers(top + 1, rows * down)), left : data.draw(st.integers(left + 1, columns * across))
    ]
    found = match_enlargement(cut.reshape(-1), (rows, columns), elements, (1, *cut.shape))
    if found is not None:
        assert np.array_equal(expanded(places, (rows, columns), elements, found).reshape(cut.shape), cut)
    else:  # a part so small that it tells nothing of the blocks, or a plain crop
        assert down * across == 1 or min(cut.shape[:2]) < 2 * max(down, across)


@given(SIZES, st.integers(1, 3), st.integers(1, 3))
def test_nearest_neighbours(sizes: tuple[int, int, int], down: int, across: int) -> None:
    places = np.arange(np.prod(sizes)).reshape(sizes)
    larger = places.repeat(down, 0).repeat(across, 1)
    found = match_enlargement(larger.reshape(-1), sizes[:2], sizes[2], (1, *larger.shape))
    if down * across > 1:
        assert found is not None
        assert np.array_equal(expanded(places, sizes[:2], sizes[2], found).reshape(larger.shape), larger)


@given(SIZES, st.lists(st.integers(-2, 3), min_size=4, max_size=4), st.integers(1, 2), st.integers(1, 2))
def test_crops_strides_and_padding(sizes: tuple[int, int, int], pads: list[int], down: int, across: int) -> None:
    rows, columns, elements = sizes
    places = np.arange(np.prod(sizes)).reshape(sizes)
    top, bottom, left, right = pads
    padded = np.full((rows + max(0, top) + max(0, bottom), columns + max(0, left) + max(0, right), elements), -1)
    padded[max(0, top) : max(0, top) + rows, max(0, left) : max(0, left) + columns] = places
    cut = padded[max(0, -top) : padded.shape[0] + min(0, bottom), max(0, -left) : padded.shape[1] + min(0, right)]
    if max(pads) <= 0:  # no exporter pads and strides at once
        cut = cut[::down, ::across]
    if cut.size == 0 or (cut < 0).all():
        return
    found = match_extract(cut.reshape(-1), (rows, columns), elements, (1, *cut.shape), 7)
    assert found is not None
    geometry, width = found.geometry, 16
    tokens = [sum(int(v) << (width * i) for i, v in enumerate(token)) for token in places.reshape(-1, elements)]
    windows = window_buffer(
        tokens,
        token_width=width * elements,
        groups=1,
        rows=rows,
        columns=columns,
        kernel_rows=1,
        kernel_columns=1,
        stride_rows=geometry.strides[0],
        stride_columns=geometry.strides[1],
        dilation_rows=1,
        dilation_columns=1,
        pad_top=geometry.fronts[0],
        pad_bottom=geometry.behinds[0],
        pad_left=geometry.fronts[1],
        pad_right=geometry.behinds[1],
        fill=sum(0xFFFF << (width * i) for i in range(elements)),
    )
    seen = np.array([[w >> (width * i) & 0xFFFF for i in range(elements)] for w in windows]).reshape(cut.shape)
    assert np.array_equal(np.where(seen == 0xFFFF, -1, seen), cut)


def test_mirrored_maps_are_not_recognised() -> None:
    places = np.arange(12).reshape(3, 4, 1)
    for moved in (places[::-1], places[:, ::-1], places.transpose(1, 0, 2)):
        assert match_enlargement(moved.reshape(-1), (3, 4), 1, (1, *moved.shape)) is None
        assert match_extract(moved.reshape(-1), (3, 4), 1, (1, *moved.shape), 0) is None


def test_blocks_that_differ_are_not_recognised() -> None:
    places = np.arange(16).reshape(2, 2, 4)
    larger = places.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4, 1).copy()
    for row, column in product(range(4), range(4)):
        wrong = larger.copy()
        wrong[row, column] = larger[row, (column + 1) % 4]
        assert match_enlargement(wrong.reshape(-1), (2, 2), 4, (1, 4, 4, 1)) is None
