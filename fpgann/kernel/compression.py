# SPDX-License-Identifier: Apache-2.0
"""How many compressors each column of a heap of bits gets, compiled.

A heap is a sum of bits, each in the column of its weight. Two circuits make it lower, in one adder's time:

- a full adder: three bits of a column become one there and one above, in one LUT with two outputs;
- a chain of pairs: six bits of a column become one there and one above, in two LUTs and two carry positions; a carry
  goes on to the pair two columns above, and leaves as a bit of its own where the chain ends, for one position more
  (the (0,6) atoms of Preusser, "Generic and universal parallel matrix summation with a flexible compression goal for
  Xilinx FPGAs", FPL 2017).

What is left, two or three bits of a column, goes into an adder.
"""

from __future__ import annotations

import numpy as np

from fpgann.kernel.compiled import compiled
from fpgann.kernel.sum_graph import Floats, Ints

FREE, PLAIN, ONE, WAITING = range(
    4
)  # rows of a table of columns; bits at hand, of those not inverted, constants, others
PAIR_BITS = 6
_PAIRS = 5  # one more than a column may start
_ADDERS = 3
_STATES = 2 * _ADDERS * _PAIRS * _PAIRS
_NEVER = 1e30
_LATER = 0.5  # LUTs that a bit too many costs in the next level


@compiled
def _state(pairs: int, before: int, adders: int, started: int) -> int:
    return ((pairs * _PAIRS + before) * _ADDERS + adders) * 2 + started


@compiled
def compress(columns: Ints, limit: int, rows: int, price: float, extra: int) -> tuple[Ints, float]:
    """The cheapest compressors of one level.

    Args:
        columns: table of columns, rows FREE .. WAITING, shape (4, columns); nothing is carried out of the last.
        limit: bits that a column may have behind the level; 0 where the last adder follows.
        rows: operands of the last adder.
        price: LUTs a bit of it.
        extra: 1 where its lowest column has room for another bit and for a constant, else 0.

    Returns:
        Pairs and full adders of each column, shape (columns, 2), and what they cost in LUTs, with the last adder
        where it follows; 1e30 where no choice is low enough.
    """
    width = columns.shape[1]
    cost = np.full((width + 1, _STATES), _NEVER)
    origin = np.full((width + 1, _STATES), -1, np.int64)
    cost[0, 0] = 0.0
    for column in range(width):
        for state in range(_STATES):
            if cost[column, state] < _NEVER:
                _extend(columns, column, state, limit, rows, price, extra, cost, origin)
    choice = np.zeros((width, 2), np.int64)
    state = int(np.argmin(cost[width]))
    found = float(cost[width, state])
    if found < _NEVER:
        for column in range(width, 0, -1):
            choice[column - 1, 0] = state // (2 * _ADDERS * _PAIRS)
            choice[column - 1, 1] = (state // 2) % _ADDERS
            state = origin[column, state]
    return choice, found


@compiled
def _extend(
    columns: Ints,
    column: int,
    state: int,
    limit: int,
    rows: int,
    price: float,
    extra: int,
    cost: Floats,
    origin: Ints,
) -> None:
    """All choices for a column, given those below."""
    started, below = state % 2, (state // 2) % _ADDERS
    earlier, pairs_below = (state // (2 * _ADDERS)) % _PAIRS, state // (2 * _ADDERS * _PAIRS)
    free, plain, one = columns[FREE, column], columns[PLAIN, column], columns[ONE, column]
    top = column == columns.shape[1] - 1
    for pairs in range(_PAIRS):
        carried_in = 1 if pairs > earlier else 0  # a new chain takes a constant in below it
        ends = max(0, earlier - pairs)
        left = free + one - min(one, carried_in)
        unlucky = max(0, pairs - plain - one + min(one, carried_in))  # the sixth input cannot invert
        room = PAIR_BITS * pairs - unlucky
        if pairs > 0 and left < room - PAIR_BITS + 2:
            break
        left -= min(left, room)
        for adders in range(_ADDERS):
            if left < 3 * adders - 1:
                break
            rest = left - min(left, 3 * adders)
            height = columns[WAITING, column] + rest + pairs + adders + pairs_below + below + ends
            luts = pairs * (1.0 if top else 2.0) + adders + ends
            begun = started
            if limit > 0:
                if height > limit:
                    continue
                luts += _LATER * max(0, height - rows)
            else:
                begun = 1 if started == 1 or height >= 2 else 0
                more = extra * (1 + (1 if one > carried_in and rest > 0 else 0)) if started == 0 else 0
                if height > rows + more:
                    continue
                luts += price * begun
            total = cost[column, state] + luts
            target = _state(pairs, pairs_below, adders, begun)
            if total < cost[column + 1, target]:
                cost[column + 1, target], origin[column + 1, target] = total, state
