# SPDX-License-Identifier: Apache-2.0
"""Elements of a map that change places: which of the circuits for moving tokens does it, if one does.

A move is given by the place that each element of the result comes from, in row-major order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from fpgann.hardware.token_graph import WindowGeometry
from fpgann.ir import Operator
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.integers import IntArray

_LARGEST_FACTOR = 16


@dataclass(frozen=True, slots=True, eq=False)
class Enlargement:
    """Several tokens for each token of a map.

    Args:
        columns: of the map that enters; 1 where only consecutive tokens are made.
        factors: rows and columns for each.
        elements: of each part in its turn, the elements of the token that enters; one part if it is repeated.
        crop: which part of the larger map is kept; None for all of it.
    """

    columns: int
    factors: tuple[int, int]
    elements: tuple[tuple[int, ...], ...]
    crop: WindowGeometry | None


@dataclass(frozen=True, slots=True, eq=False)
class Extract:
    """Some positions of a map, and padding around them.

    Args:
        geometry: as windows of one tap.
        fill: what the padding holds.
        elements: of each token, the elements of the token that enters.
    """

    geometry: WindowGeometry
    fill: int
    elements: tuple[int, ...]


def moved_places(op: Operator, shape: tuple[int, ...]) -> IntArray | None:
    """Where each element of a move comes from: an index, or -1 for a constant; None if it is no move.

    Args:
        op: an operator with one operand.
        shape: the operand's shape.
    """
    size = prod(shape)
    if isinstance(op, Reshape):
        return np.arange(size)
    if isinstance(op, Transpose):
        moved: IntArray = np.arange(size).reshape(shape).transpose(op.permutation).reshape(-1)
        return moved
    if not isinstance(op, Arrange) or op.alignment is None or not op.alignment.trivial:
        return None
    index = op.index.reshape(-1).astype(np.int64)
    if np.all(index < size):
        return index
    constants = op.constants.reshape(-1)
    if len(set(constants.tolist())) > 1:
        return None
    places: IntArray = np.where(index < size, index, -1)
    return places


def _positions(shape: Sequence[int], axes: int) -> tuple[int, int] | None:
    """Rows and columns of a map; a signal has one row."""
    sizes = tuple(shape[1 : 1 + axes])
    if len(sizes) == 1:
        return 1, int(sizes[0])
    return (int(sizes[0]), int(sizes[1])) if len(sizes) == 2 else None


def match_enlargement(
    places: IntArray, positions: Sequence[int], elements: int, shape: Sequence[int]
) -> Enlargement | None:
    """Whether a move makes a larger map, or a part of one, in which each token stands for a block.

    Args:
        places: where each element of the result comes from.
        positions: rows and columns of the operand.
        elements: of a token of the operand.
        shape: of the result.
    """
    if len(shape) != len(positions) + 2 or np.any(places < 0):
        return None
    sizes, chosen = _positions((1, *positions), len(positions)), _positions(shape, len(positions))
    if sizes is None or chosen is None:
        return None
    token, element = np.divmod(places.reshape(*chosen, -1), elements)
    if np.any(token != token[..., :1]):
        return None
    rows, columns = np.divmod(token[..., 0], sizes[1])
    if np.any(rows != rows[:, :1]) or np.any(columns != columns[:1]):
        return None
    for (down, top), (across, left) in itertools.product(_blocks(rows[:, 0]), _blocks(columns[0])):
        parts = _parts(element, (down, across), (top, left)) if down * across > 1 else None
        if parts is None:
            continue
        repeats = len(parts) > 1 and all(part == parts[0] for part in parts)
        widths = {len(part) for part in parts}
        if not repeats and len(parts) * widths.pop() != elements:
            continue
        fronts = (-top, -left)
        behinds = (top + chosen[0] - sizes[0] * down, left + chosen[1] - sizes[1] * across)
        whole = (sizes[0] * down, sizes[1] * across)
        crop = None
        if any((*fronts, *behinds)):
            crop = WindowGeometry(whole, (1, 1), (1, 1), (1, 1), fronts, behinds)
        return Enlargement(1 if down == 1 else sizes[1], (down, across), parts[:1] if repeats else parts, crop)
    return None


def _blocks(source: IntArray) -> list[tuple[int, int]]:
    """(factor, start) of all source = (start + result) // factor that fit, with the smallest factors first."""
    steps, first = np.arange(len(source)), int(source[0])
    return [
        (factor, first * factor + rest)
        for factor in range(1, _LARGEST_FACTOR + 1)
        for rest in range(factor)
        if np.array_equal(source, (first * factor + rest + steps) // factor)
    ]


def _parts(element: IntArray, factors: tuple[int, int], starts: tuple[int, int]) -> tuple[tuple[int, ...], ...] | None:
    """Elements of each place of a block; None where blocks differ. Places that no block shows get what is left."""
    found: dict[int, tuple[int, ...]] = {}
    for row, column in itertools.product(
        range(min(factors[0], len(element))), range(min(factors[1], element.shape[1]))
    ):
        seen = element[row :: factors[0], column :: factors[1]]
        if np.any(seen != element[row, column]):
            return None
        place = (row + starts[0]) % factors[0] * factors[1] + (column + starts[1]) % factors[1]
        found[place] = tuple(int(e) for e in element[row, column])
    width = element.shape[2]
    left = [e for e in range(width * factors[0] * factors[1]) if not any(e in part for part in found.values())]
    for place in range(factors[0] * factors[1]):
        if place not in found:
            if len(left) < width:
                return None
            found[place], left = tuple(left[:width]), left[width:]
    return tuple(found[place] for place in range(factors[0] * factors[1]))


def match_extract(
    places: IntArray, positions: Sequence[int], elements: int, shape: Sequence[int], fill: int
) -> Extract | None:
    """Whether a move takes every n-th row and column of a part of a map, and pads it.

    Args:
        places: where each element of the result comes from; negative for padding.
        positions: rows and columns of the operand.
        elements: of a token of the operand.
        shape: of the result.
        fill: what padding holds.
    """
    if len(shape) != len(positions) + 2:
        return None
    sizes, chosen = _positions((1, *positions), len(positions)), _positions(shape, len(positions))
    if sizes is None or chosen is None or prod(chosen) == 0:
        return None
    grid = places.reshape(*chosen, -1)
    is_padding = grid[..., 0] < 0
    if is_padding.all():
        return None
    first = tuple(int(i) for i in np.argwhere(~is_padding)[0])
    channels = grid[first] % elements
    token = np.where(grid < 0, -1, grid // elements)
    row_of, column_of = np.divmod(token[..., 0], sizes[1])
    inside_rows, inside_columns = np.flatnonzero(~is_padding.all(axis=1)), np.flatnonzero(~is_padding.all(axis=0))
    lines = [
        _affine(inside_rows, row_of[inside_rows, first[1]]),
        _affine(inside_columns, column_of[first[0], inside_columns]),
    ]
    if lines[0] is None or lines[1] is None:
        return None
    (row_stride, row_start), (column_stride, column_start) = lines[0], lines[1]
    rows, columns = (
        start + stride * np.arange(count)
        for start, stride, count in zip((row_start, column_start), (row_stride, column_stride), chosen, strict=True)
    )
    inside = ((rows >= 0) & (rows < sizes[0]))[:, None] & ((columns >= 0) & (columns < sizes[1]))[None, :]
    wanted = np.where(inside, rows[:, None] * sizes[1] + columns[None, :], -1)
    expected = np.where(wanted[..., None] < 0, -1, wanted[..., None] * elements + channels)
    if np.any(np.where(grid < 0, -1, grid) != expected):
        return None
    behinds = [
        start + stride * (count - 1) + 1 - size
        for start, stride, count, size in zip(
            (row_start, column_start), (row_stride, column_stride), chosen, sizes, strict=True
        )
    ]
    geometry = WindowGeometry(
        sizes,
        (1, 1),
        (row_stride, column_stride),
        (1, 1),
        (-row_start, -column_start),
        (int(behinds[0]), int(behinds[1])),
    )
    return Extract(geometry, fill, tuple(int(c) for c in channels))


def _affine(result: IntArray, source: IntArray) -> tuple[int, int] | None:
    """(stride, start) of source = start + stride * result."""
    stride = 1
    if len(result) > 1:
        stride = int(source[1] - source[0])
        if int(result[1] - result[0]) != 1 or stride < 1:
            return None
    return stride, int(source[0]) - stride * int(result[0])
