# SPDX-License-Identifier: Apache-2.0
"""Which part of its operands each operator reads for one row of its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from fpgann.ir import Operator
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.gather import Gather
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.ir.ops.top_k import TopK
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.integers import IntArray

Shape = tuple[int, ...]
ELEMENTWISE = Add | Compare | Extreme | Multiply | Reinterpret | Requantize | Select


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the rows of a tensor lie: row p is [p * block, (p + 1) * block) along an axis.

    Args:
        axis: counted from the front.
        block: places that belong to one row.
    """

    axis: int
    block: int

    def row_shape(self, shape: Shape) -> Shape:
        """The shape of one row."""
        return (*shape[: self.axis], self.block, *shape[self.axis + 1 :])

    def stacked(self, shape: Shape) -> IntArray:
        """Positions in a tensor of the elements of all rows, one row after another: shape (rows, *row)."""
        places: IntArray = np.arange(prod(shape)).reshape(shape)
        parts = places.reshape(*shape[: self.axis], -1, self.block, *shape[self.axis + 1 :])
        return np.moveaxis(parts, self.axis, 0)


Reads = tuple[Layout | None, ...]  # for each operand the rows that are read; None: every row reads all of it


def layouts_of(shape: Shape, rows: int) -> list[Layout]:
    """All ways in which a tensor may consist of rows."""
    return [Layout(axis, size // rows) for axis, size in enumerate(shape) if size and size % rows == 0]


def reads_of(op: Operator, shapes: Sequence[Shape], result: Shape, layout: Layout, rows: int) -> Reads | None:
    """What one row of the result reads.

    Args:
        op: the operator.
        shapes: those of its operands.
        result: that of its result.
        layout: the rows of the result.
        rows: how many there are.

    Returns:
        What is read of each operand; None if rows are not computed alike.
    """
    axis, rank = layout.axis, len(result)
    match op:
        case Add() | Compare() | Extreme() | Multiply() | Reinterpret() | Requantize() | Select():
            if _differs_along(op, axis - rank):
                return None
            return tuple(_broadcast(shape, rank, layout) for shape in shapes)
        case Dense(loadable=False) if axis < rank - 1:
            return (layout,)
        case Reduce(axes=axes) if axis - rank not in axes:
            return (layout,)
        case TopK(axis=sorted_axis) | ArgExtreme(axis=sorted_axis) if axis - rank != sorted_axis:
            return (layout,)
        case MatrixProduct() if axis < rank - 2:
            return tuple(_broadcast(shape, rank, layout) for shape in shapes)
        case MatrixProduct() if axis == rank - 2:
            return (Layout(len(shapes[0]) - 2, layout.block), None)
        case Gather():
            places = None if shapes[1][axis] == 1 else layout
            return (None if axis == 1 else layout, places)
        case Transpose(permutation=permutation):
            return (Layout(permutation[axis], layout.block),)
        case Reshape():
            return _before_reshape(shapes[0], result, layout, rows)
        case Arrange():
            return _before_arrange(op, shapes, layout, rows)
        case _:
            return None


def row_operator(op: Operator, shapes: Sequence[Shape], result: Shape, layout: Layout, reads: Reads) -> Operator:
    """The operator that computes one row from what it reads."""
    match op:
        case Reshape():
            return Reshape(layout.row_shape(result))
        case Arrange():
            return replace(op, index=_row_index(op, shapes, layout, reads, 0))
        case _:
            return op


def _broadcast(shape: Shape, rank: int, layout: Layout) -> Layout | None:
    axis = layout.axis - (rank - len(shape))
    return None if axis < 0 or shape[axis] == 1 else Layout(axis, layout.block)


def _differs_along(op: ELEMENTWISE, axis: int) -> bool:
    """Whether an operator treats places along an axis, counted from the end, in different ways."""
    match op:
        case Requantize():
            return op.map.channels > 1 and op.axis == axis
        case Reinterpret():
            return max(len(op.scale), len(op.offset)) > 1 and op.axis == axis
        case Multiply():
            return False
        case _:
            assert isinstance(op.alignment, Alignment)
            arrays = (*op.alignment.coefficients, *op.alignment.constants)
            return any(len(array.shape) >= -axis and array.shape[axis] > 1 for array in arrays)


def _before_reshape(shape: Shape, result: Shape, layout: Layout, rows: int) -> Reads | None:
    before = prod(result[: layout.axis])
    for axis, size in enumerate(shape):
        if size % rows == 0 and prod(shape[:axis]) == before:
            return (Layout(axis, size // rows),)
    return None


def _before_arrange(op: Arrange, shapes: Sequence[Shape], layout: Layout, rows: int) -> Reads | None:
    """Each operand by the first of its layouts with which all rows take the same places; else as a whole."""
    if op.alignment is None or any(a.size > 1 for a in (*op.alignment.coefficients, *op.alignment.constants)):
        return None
    reads: list[Layout | None] = []
    for operand in range(len(shapes)):
        fitting = [
            choice
            for choice in (*layouts_of(shapes[operand], rows), None)
            if _is_alike(op, shapes, layout, (*(None,) * operand, choice), rows)
        ]
        if not fitting:
            return None
        reads.append(fitting[0])
    return tuple(reads)


def _is_alike(op: Arrange, shapes: Sequence[Shape], layout: Layout, reads: Reads, rows: int) -> bool:
    """Whether all rows take the same places of the last of the operands that are given."""
    operand = len(reads) - 1
    start = sum(prod(shape) for shape in shapes[:operand])
    index = layout.stacked(op.index.shape)
    places = op.index.reshape(-1)[index]
    taken = (places >= start) & (places < start + prod(shapes[operand]))
    if not np.all(taken == taken[0]):
        return False
    local, owners = places[:, taken[0]] - start, None
    choice = reads[operand]
    if choice is not None:
        stacked = choice.stacked(shapes[operand])
        owner, within = np.zeros(stacked.size, np.int64), np.zeros(stacked.size, np.int64)
        owner[stacked.reshape(rows, -1)] = np.arange(rows)[:, None]
        within[stacked.reshape(rows, -1)] = np.arange(stacked.size // rows)
        local, owners = within[local], owner[local]
    is_own = owners is None or bool(np.all(owners == np.arange(rows).reshape(-1, *(1,) * (owners.ndim - 1))))
    return is_own and bool(np.all(local == local[:1]))


def _row_index(op: Arrange, shapes: Sequence[Shape], layout: Layout, reads: Reads, row: int) -> IntArray:
    """Where a row's elements lie among what it reads."""
    sizes = [prod(shape) for shape in shapes]
    total = sum(sizes)
    table = np.zeros(total + op.constants.size, np.int64)
    start = place = 0
    for shape, size, read in zip(shapes, sizes, reads, strict=True):
        if read is None:
            table[start : start + size] = np.arange(place, place + size)
            place += size
        else:
            own = read.stacked(shape)[row].reshape(-1)
            table[start + own] = np.arange(place, place + own.size)
            place += own.size
        start += size
    table[total:] = np.arange(place, place + op.constants.size)
    index: IntArray = table[op.index.reshape(-1)[layout.stacked(op.index.shape)[row]]]
    return index
