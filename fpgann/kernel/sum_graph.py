# SPDX-License-Identifier: Apache-2.0
"""Sums that share subexpressions, as a sparse matrix of integers, compiled.

Rows are values (the inputs, then shared sums), columns are sums (the outputs, then the shared sums' own definitions):
sum c is the sum of coefficient * value over its cells. Cells stay integers; each is worth as many terms as its minimal
signed-digit forms have digits. Cells of a row stand in order of columns, those of a column in order of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fpgann.kernel.compiled import compiled
from fpgann.kernel.digits import digit_count

NONE = -1
WIDTH_SHARE = 0.5  # a term of w bits takes half a bit of a 3-input adder each ...
EXTRA_BITS = 2.0  # ... which is about this much wider than its operands

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


VALUE, ROW, COLUMN, NEXT_IN_ROW, NEXT_IN_COLUMN = range(5)  # of a cell; its value is 0 where it is gone
HEAD, TAIL, LOW, HIGH, DEPTH = range(5)  # of a row or (HEAD, TAIL) column: first and last cell, interval, adders before


class SumGraph(NamedTuple):
    """Arrays with room to grow; few of them, since every function is compiled for each.

    Args:
        used: cells, rows and columns in use.
        cells: coefficients and where they stand, linked along rows and columns.
        rows: what is known of each value.
        columns: HEAD and TAIL of each sum.
        share: cost of one term of each row, in adder bits.
        loads: sum of 3**depth over the terms of each column; what it may reach.
    """

    used: Ints
    cells: Ints
    rows: Ints
    columns: Ints
    share: Floats
    loads: Floats


def new_graph(weights: Ints, reserved: Ints, low: Ints, high: Ints, deadline: int) -> SumGraph:
    """The graph of a matrix, nothing shared yet.

    Args:
        weights: shape (inputs, outputs).
        reserved: terms that will join each output, shape (outputs,).
        low: least value of each input.
        high: greatest value of each input.
        deadline: adders in a row that an output may have behind all.
    """
    inputs, outputs = weights.shape
    digits = int(total_digits(weights))
    cells, rows, columns = 4 * digits + 16, inputs + digits + 4, outputs + digits + 4
    graph = SumGraph(
        np.array([0, 0, outputs], np.int64),
        np.full((cells, 5), NONE, np.int64),
        np.full((rows, 5), NONE, np.int64),
        np.full((columns, 2), NONE, np.int64),
        np.zeros(rows),
        np.zeros((columns, 2)),
    )
    graph.loads[:outputs, 0] = reserved
    _fill(graph, weights, low, high, float(3.0**deadline))
    return graph


@compiled
def total_digits(weights: Ints) -> int:
    """Terms of all sums where nothing is shared."""
    total = 0
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            total += digit_count(weights[row, column])
    return total


@compiled
def _fill(graph: SumGraph, weights: Ints, low: Ints, high: Ints, limit: float) -> None:
    for column in range(weights.shape[1]):
        graph.loads[column, 1] = limit
    for row in range(weights.shape[0]):
        add_row(graph, low[row], high[row], 0)
        for column in range(weights.shape[1]):
            if weights[row, column]:
                add_cell(graph, row, column, weights[row, column])


@compiled
def width_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's complement or unsigned number that holds an interval."""
    reach = max(high, -low - 1)
    bits = 1 if low < 0 else 0
    while reach > 0:
        reach >>= 1
        bits += 1
    return bits


@compiled
def share_of(low: int, high: int) -> float:
    """What a term costs in the sum that it joins, in bits of 3-input adders."""
    return WIDTH_SHARE * (width_bits(low, high) + EXTRA_BITS)


@compiled
def add_row(graph: SumGraph, low: int, high: int, depth: int) -> int:
    """A further value."""
    row = int(graph.used[1])
    graph.used[1] += 1
    graph.rows[row, LOW], graph.rows[row, HIGH], graph.rows[row, DEPTH] = low, high, depth
    graph.share[row] = share_of(low, high)
    return row


@compiled
def add_column(graph: SumGraph, limit: float) -> int:
    """A further sum."""
    column = int(graph.used[2])
    graph.used[2] += 1
    graph.loads[column, 1] = limit
    return column


@compiled
def add_cell(graph: SumGraph, row: int, column: int, value: int) -> None:
    """A coefficient; none may stand at this place, or behind it in its row and column."""
    cell = graph.used[0]
    graph.used[0] += 1
    graph.cells[cell, VALUE], graph.cells[cell, ROW], graph.cells[cell, COLUMN] = value, row, column
    if graph.rows[row, HEAD] == NONE:
        graph.rows[row, HEAD] = cell
    else:
        graph.cells[graph.rows[row, TAIL], NEXT_IN_ROW] = cell
    graph.rows[row, TAIL] = cell
    if graph.columns[column, HEAD] == NONE:
        graph.columns[column, HEAD] = cell
    else:
        graph.cells[graph.columns[column, TAIL], NEXT_IN_COLUMN] = cell
    graph.columns[column, TAIL] = cell
    graph.loads[column, 0] += digit_count(value) * 3.0 ** graph.rows[row, DEPTH]


@compiled
def change_cell(graph: SumGraph, cell: int, value: int) -> None:
    """Another coefficient, 0 to clear it."""
    row, column = graph.cells[cell, ROW], graph.cells[cell, COLUMN]
    graph.loads[column, 0] += (digit_count(value) - digit_count(graph.cells[cell, VALUE])) * 3.0 ** graph.rows[
        row, DEPTH
    ]
    graph.cells[cell, VALUE] = value


@compiled
def prune(graph: SumGraph, lists: Ints, index: int, next_field: int) -> None:
    """Unlink the cleared cells of a row (graph.rows, NEXT_IN_ROW) or a column (graph.columns, NEXT_IN_COLUMN)."""
    kept, cell = NONE, lists[index, HEAD]
    while cell != NONE:
        following = graph.cells[cell, next_field]
        if graph.cells[cell, VALUE] != 0:
            kept = cell
        elif kept == NONE:
            lists[index, HEAD] = following
        else:
            graph.cells[kept, next_field] = following
        cell = following
    lists[index, TAIL] = kept


@compiled
def room(graph: SumGraph, cells: int) -> bool:
    """Whether another row, column and some cells fit."""
    return bool(
        graph.used[0] + cells < len(graph.cells)
        and graph.used[1] + 1 < len(graph.rows)
        and graph.used[2] + 1 < len(graph.columns)
    )
