# SPDX-License-Identifier: Apache-2.0
"""Sums that share subexpressions, as a sparse matrix of integers, compiled.

Rows are values (the inputs, then shared sums), columns are sums (the outputs, then the shared sums' own definitions):
sum c is the sum of coefficient * value over its cells. Cells stay integers; each is worth as many terms as its minimal
signed-digit forms have digits. Cells of a row stand in order of columns, those of a column in order of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from fpgann.kernel.digits import digit_count

NONE = -1
WIDTH_SHARE = 0.5  # a term of w bits takes half a bit of a 3-input adder each ...
EXTRA_BITS = 2.0  # ... which is about this much wider than its operands

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class SumGraph(NamedTuple):
    """Arrays with room to grow; `used` tells how much of them is.

    Args:
        used: cells, rows, columns in use, and the clock of changes.
        value: coefficient of each cell, 0 where it is gone.
        row: row of each cell.
        column: column of each cell.
        next_in_row: the next cell of the same row, -1 at the end.
        next_in_column: the next cell of the same column.
        row_head: first cell of each row.
        row_tail: last cell of each row.
        column_head: first cell of each column.
        column_tail: last cell of each column.
        low: least value of each row.
        high: greatest value of each row.
        depth: adders in a row before each row's value.
        share: cost of one term of each row, in adder bits.
        stamp: when a cell of each row changed last.
        column_stamp: the same for columns.
        load: sum of 3**depth over the terms of each column.
        limit: what it may reach: 3**(latest depth).
        sizes: number of inputs and of outputs.
    """

    used: Ints
    value: Ints
    row: Ints
    column: Ints
    next_in_row: Ints
    next_in_column: Ints
    row_head: Ints
    row_tail: Ints
    column_head: Ints
    column_tail: Ints
    low: Ints
    high: Ints
    depth: Ints
    share: Floats
    stamp: Ints
    column_stamp: Ints
    load: Floats
    limit: Floats
    sizes: Ints


def new_graph(weights: Ints, low: Ints, high: Ints, depths: Ints, deadline: int) -> SumGraph:
    """The graph of a matrix, nothing shared yet.

    Args:
        weights: shape (inputs, outputs).
        low: least value of each input.
        high: greatest value of each input.
        depths: adders in a row before each input.
        deadline: adders in a row that an output may have behind all.
    """
    inputs, outputs = weights.shape
    digits = total_digits(weights)
    cells, nodes = 4 * digits + 16, digits + 4
    rows, columns = inputs + nodes, outputs + nodes
    empty = [np.full(n, NONE, np.int64) for n in (cells, cells, rows, rows, columns, columns)]
    graph = SumGraph(
        np.array([0, 0, outputs, 1], np.int64),
        *(np.zeros(cells, np.int64) for _ in range(3)),
        *empty,
        *(np.zeros(rows, np.int64) for _ in range(3)),
        np.zeros(rows),
        np.zeros(rows, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(columns),
        np.zeros(columns),
        np.array([inputs, outputs], np.int64),
    )
    _fill(graph, weights, low, high, depths, float(3.0**deadline))
    return graph


@numba.njit(cache=True)
def total_digits(weights: Ints) -> int:
    """Terms of all sums where nothing is shared."""
    total = 0
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            total += digit_count(weights[row, column])
    return total


@numba.njit(cache=True)
def _fill(graph: SumGraph, weights: Ints, low: Ints, high: Ints, depths: Ints, limit: float) -> None:
    for column in range(weights.shape[1]):
        graph.limit[column] = limit
    for row in range(weights.shape[0]):
        add_row(graph, low[row], high[row], depths[row])
        for column in range(weights.shape[1]):
            if weights[row, column]:
                add_cell(graph, row, column, weights[row, column])


@numba.njit(cache=True)
def width_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's complement or unsigned number that holds an interval."""
    reach = max(high, -low - 1)
    bits = 1 if low < 0 else 0
    while reach > 0:
        reach >>= 1
        bits += 1
    return bits


@numba.njit(cache=True)
def share_of(low: int, high: int) -> float:
    """What a term costs in the sum that it joins, in bits of 3-input adders."""
    return WIDTH_SHARE * (width_bits(low, high) + EXTRA_BITS)


@numba.njit(cache=True)
def add_row(graph: SumGraph, low: int, high: int, depth: int) -> int:
    """A further value."""
    row = graph.used[1]
    graph.used[1] += 1
    graph.low[row], graph.high[row], graph.depth[row] = low, high, depth
    graph.share[row] = share_of(low, high)
    return row


@numba.njit(cache=True)
def add_column(graph: SumGraph, limit: float) -> int:
    """A further sum."""
    column = graph.used[2]
    graph.used[2] += 1
    graph.limit[column] = limit
    return column


@numba.njit(cache=True)
def add_cell(graph: SumGraph, row: int, column: int, value: int) -> None:
    """A coefficient; none may stand at this place, or behind it in its row and column."""
    cell = graph.used[0]
    graph.used[0] += 1
    graph.value[cell], graph.row[cell], graph.column[cell] = value, row, column
    if graph.row_head[row] == NONE:
        graph.row_head[row] = cell
    else:
        graph.next_in_row[graph.row_tail[row]] = cell
    graph.row_tail[row] = cell
    if graph.column_head[column] == NONE:
        graph.column_head[column] = cell
    else:
        graph.next_in_column[graph.column_tail[column]] = cell
    graph.column_tail[column] = cell
    graph.load[column] += digit_count(value) * 3.0 ** graph.depth[row]


@numba.njit(cache=True)
def change_cell(graph: SumGraph, cell: int, value: int) -> None:
    """Another coefficient, 0 to clear it."""
    row, column = graph.row[cell], graph.column[cell]
    graph.load[column] += (digit_count(value) - digit_count(graph.value[cell])) * 3.0 ** graph.depth[row]
    graph.value[cell] = value
    graph.used[3] += 1
    graph.stamp[row] = graph.column_stamp[column] = graph.used[3]


@numba.njit(cache=True)
def room(graph: SumGraph, cells: int) -> bool:
    """Whether another row, column and some cells fit."""
    return (
        graph.used[0] + cells < len(graph.value)
        and graph.used[1] + 1 < len(graph.row_head)
        and graph.used[2] + 1 < len(graph.column_head)
    )
