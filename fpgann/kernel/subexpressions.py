# SPDX-License-Identifier: Apache-2.0
"""Find subexpressions that pay with 3-input adders, compiled.

A candidate is a sum of k shifted values with c uses (column, shift, sign). A 3-input adder takes away two terms, so
that k terms used c times save about (c - 1)(k - 1) / 2 adders, whichever of both is large: pairs that occur often and
long parts that two sums have in common are worth the same. Both are seeds; each grows by one term, or by one use with
fewer terms, as long as that saves more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fpgann.kernel.compiled import compiled
from fpgann.kernel.digits import digit_mask, removable
from fpgann.kernel.sum_graph import (
    COLUMN,
    DEPTH,
    EXTRA_BITS,
    HEAD,
    HIGH,
    LOW,
    NEXT_IN_COLUMN,
    NEXT_IN_ROW,
    NONE,
    ROW,
    TAIL,
    VALUE,
    WIDTH_SHARE,
    Floats,
    Ints,
    SumGraph,
    add_cell,
    add_column,
    add_row,
    change_cell,
    prune,
    room,
)

MAX_TERMS = 32
MAX_USES = 4096
SPAN = 64  # relative shifts -32 .. 31


TERM_ROW, TERM_SHIFT, TERM_SIGN = range(3)
USE_COLUMN, USE_SHIFT, USE_SIGN = range(3)


class Candidate(NamedTuple):
    """A sum of terms and where it occurs.

    Args:
        size: number of terms, number of uses.
        terms: row, left shift and sign of each term.
        uses: column, left shift and sign of each use.
        gain: adder bits saved.
    """

    size: Ints
    terms: Ints
    uses: Ints
    gain: Floats


class Workspace(NamedTuple):
    """Scratch memory, so that nothing is allocated on the way.

    Args:
        local: of each term, a cell of its row, the first term of the same row, what is left of the coefficient.
        counts: how often each (row or column, sign, shift) was met.
        touched: which of them were.
        grown: a candidate with one more term.
        wider: a candidate with one more use.
    """

    local: Ints
    counts: Ints
    touched: Ints
    grown: Candidate
    wider: Candidate


POINTER, FIRST, LEFT = range(3)


def new_candidate(max_terms: int = MAX_TERMS) -> Candidate:
    """An empty candidate."""
    terms, uses = np.zeros((max_terms, 3), np.int64), np.zeros((MAX_USES, 3), np.int64)
    return Candidate(np.zeros(2, np.int64), terms, uses, np.zeros(1))


def new_workspace(graph: SumGraph) -> Workspace:
    """Scratch memory for a graph."""
    keys = 2 * SPAN * max(len(graph.rows), len(graph.columns))
    local = np.zeros((MAX_TERMS, 3), np.int64)
    return Workspace(local, np.zeros(keys, np.int64), np.zeros(keys, np.int64), new_candidate(), new_candidate())


@compiled
def copy_candidate(source: Candidate, target: Candidate) -> None:
    """target becomes source."""
    target.size[0], target.size[1], target.gain[0] = source.size[0], source.size[1], source.gain[0]
    for i in range(source.size[0]):
        for field in range(3):
            target.terms[i, field] = source.terms[i, field]
    for i in range(source.size[1]):
        for field in range(3):
            target.uses[i, field] = source.uses[i, field]


@compiled
def sum_depth(load: float) -> int:
    """Rows of 3-input adders for terms with a sum of 3**depth."""
    depth, reach = 0, 1.0
    while reach < load:
        reach *= 3.0
        depth += 1
    return depth


@compiled
def find_uses(graph: SumGraph, candidate: Candidate, work: Workspace) -> None:
    """All places where the terms of a candidate occur, none sharing a digit; sets its gain."""
    terms = candidate.size[0]
    load = 0.0
    for i in range(terms):
        load += 3.0 ** graph.rows[candidate.terms[i, TERM_ROW], DEPTH]
        work.local[i, POINTER] = graph.rows[candidate.terms[i, TERM_ROW], HEAD]
        work.local[i, FIRST] = i
        for j in range(i):
            if candidate.terms[j, TERM_ROW] == candidate.terms[i, TERM_ROW]:
                work.local[i, FIRST] = j
                break
    change = 3.0 ** sum_depth(load) - load
    candidate.size[1] = 0
    cell = graph.rows[candidate.terms[0, TERM_ROW], HEAD]
    while cell != NONE:
        if graph.cells[cell, VALUE] != 0:
            work.local[0, LEFT] = graph.cells[cell, VALUE]
            if _meet(graph, candidate, work, graph.cells[cell, COLUMN]):
                _take(graph, candidate, work, graph.cells[cell, COLUMN], change)
        cell = graph.cells[cell, NEXT_IN_ROW]
    candidate.gain[0] = gain_of(graph, candidate)


@compiled
def _meet(graph: SumGraph, candidate: Candidate, work: Workspace, column: int) -> bool:
    """Move all rows' pointers on to a column; whether all have a coefficient there."""
    for i in range(1, candidate.size[0]):
        if work.local[i, FIRST] != i:
            continue
        cell = work.local[i, POINTER]
        while cell != NONE and graph.cells[cell, COLUMN] < column:
            cell = graph.cells[cell, NEXT_IN_ROW]
        work.local[i, POINTER] = cell
        if cell == NONE or graph.cells[cell, COLUMN] != column or graph.cells[cell, VALUE] == 0:
            return False
        work.local[i, LEFT] = graph.cells[cell, VALUE]
    return True


@compiled
def _take(graph: SumGraph, candidate: Candidate, work: Workspace, column: int, change: float) -> None:
    """Take the terms away from one column, at every shift and sign where they are digits of minimal forms."""
    terms, uses = candidate.size[0], 0
    for sign in (1, -1):
        mask = digit_mask(work.local[0, LEFT], sign)
        position = 0
        while mask >> position > 0:
            if (mask >> position) & 1 and graph.loads[column, 0] + (uses + 1) * change <= graph.loads[column, 1] + 0.5:
                place, use_sign = position - candidate.terms[0, TERM_SHIFT], sign * candidate.terms[0, TERM_SIGN]
                done = 0
                while done < terms:
                    here = work.local[done, FIRST]
                    digit, digit_sign = (
                        place + candidate.terms[done, TERM_SHIFT],
                        use_sign * candidate.terms[done, TERM_SIGN],
                    )
                    if not removable(work.local[here, LEFT], digit, digit_sign):
                        break
                    work.local[here, LEFT] -= digit_sign * (np.int64(1) << digit)
                    done += 1
                if done == terms and candidate.size[1] < MAX_USES:
                    at = candidate.size[1]
                    candidate.uses[at, USE_COLUMN], candidate.uses[at, USE_SHIFT], candidate.uses[at, USE_SIGN] = (
                        column,
                        place,
                        use_sign,
                    )
                    candidate.size[1] += 1
                    uses += 1
                else:
                    for back in range(done):
                        work.local[work.local[back, FIRST], LEFT] += (
                            use_sign
                            * candidate.terms[back, TERM_SIGN]
                            * (np.int64(1) << (place + candidate.terms[back, TERM_SHIFT]))
                        )
            position += 1


@compiled
def _reach(graph: SumGraph, candidate: Candidate) -> tuple[float, float, int, float, float]:
    """Least and greatest value, least shift, cost of all terms and of the cheapest."""
    low, high, least, shares, cheapest = 0.0, 0.0, 1 << 30, 0.0, 1e30
    for i in range(candidate.size[0]):
        row, shift = candidate.terms[i, TERM_ROW], candidate.terms[i, TERM_SHIFT]
        a, b = graph.rows[row, LOW] * 2.0**shift, graph.rows[row, HIGH] * 2.0**shift
        low += a if candidate.terms[i, TERM_SIGN] > 0 else -b
        high += b if candidate.terms[i, TERM_SIGN] > 0 else -a
        least = min(least, shift)
        shares += graph.share[row]
        cheapest = min(cheapest, graph.share[row])
    return low, high, least, shares, cheapest


@compiled
def gain_of(graph: SumGraph, candidate: Candidate) -> float:
    """Adder bits that a candidate saves."""
    uses = candidate.size[1]
    if uses < 2:
        return -1e30
    low, high, least, shares, cheapest = _reach(graph, candidate)
    own = WIDTH_SHARE * (np.log2(high - low + 1.0) - least + EXTRA_BITS)
    unpaired = cheapest if candidate.size[0] % 2 == 0 else 0.0  # an adder of two operands costs as much as of three
    return float((uses - 1) * (shares - own) - unpaired)


@compiled
def count_extensions(graph: SumGraph, candidate: Candidate, work: Workspace) -> int:
    """How often each further term stands beside all terms: counts by (row, sign, shift); returns how many differ."""
    met = 0
    for use in range(candidate.size[1]):
        place, use_sign = candidate.uses[use, USE_SHIFT], candidate.uses[use, USE_SIGN]
        cell = graph.columns[candidate.uses[use, USE_COLUMN], HEAD]
        while cell != NONE:
            row = graph.cells[cell, ROW]
            value = _without(candidate, row, graph.cells[cell, VALUE], place, use_sign)
            if value != 0:
                for sign in (1, -1):
                    mask = digit_mask(value, sign)
                    position = 0
                    while mask >> position > 0:
                        shift = position - place + SPAN // 2
                        if (mask >> position) & 1 and 0 <= shift < SPAN:
                            key = (2 * row + (1 if sign * use_sign > 0 else 0)) * SPAN + shift
                            if work.counts[key] == 0:
                                work.touched[met] = key
                                met += 1
                            work.counts[key] += 1
                        position += 1
            cell = graph.cells[cell, NEXT_IN_COLUMN]
    return met


@compiled
def count_places(graph: SumGraph, candidate: Candidate, work: Workspace) -> int:
    """How many of the terms each further place has: counts by (column, sign, shift); returns how many differ."""
    met = 0
    for i in range(candidate.size[0]):
        cell = graph.rows[candidate.terms[i, TERM_ROW], HEAD]
        while cell != NONE:
            value, column = graph.cells[cell, VALUE], graph.cells[cell, COLUMN]
            if value != 0:
                for sign in (1, -1):
                    mask = digit_mask(value, sign)
                    position = 0
                    while mask >> position > 0:
                        shift = position - candidate.terms[i, TERM_SHIFT] + SPAN // 2
                        if (mask >> position) & 1 and 0 <= shift < SPAN:
                            key = (2 * column + (1 if sign * candidate.terms[i, TERM_SIGN] > 0 else 0)) * SPAN + shift
                            if work.counts[key] == 0:
                                work.touched[met] = key
                                met += 1
                            work.counts[key] += 1
                        position += 1
            cell = graph.cells[cell, NEXT_IN_ROW]
    return met


@compiled
def _without(candidate: Candidate, row: int, value: int, place: int, use_sign: int) -> int:
    """What is left of a coefficient when a use takes its terms away."""
    for i in range(candidate.size[0]):
        if candidate.terms[i, TERM_ROW] == row:
            value -= (
                use_sign * candidate.terms[i, TERM_SIGN] * (np.int64(1) << (place + candidate.terms[i, TERM_SHIFT]))
            )
    return value


@compiled
def add_term(candidate: Candidate, row: int, shift: int, sign: int) -> None:
    """One more term."""
    at = candidate.size[0]
    candidate.terms[at, TERM_ROW], candidate.terms[at, TERM_SHIFT], candidate.terms[at, TERM_SIGN] = row, shift, sign
    candidate.size[0] += 1


@compiled
def extract(graph: SumGraph, candidate: Candidate, work: Workspace) -> int:
    """Make a candidate a value of its own; its row, or -1 where the arrays are full."""
    terms, uses = candidate.size[0], candidate.size[1]
    if not room(graph, terms + uses):
        return NONE
    low, high, least, _, _ = _reach(graph, candidate)
    load = 0.0
    for i in range(terms):
        load += 3.0 ** graph.rows[candidate.terms[i, TERM_ROW], DEPTH]
    depth = sum_depth(load)
    scale = 2.0**-least
    row = add_row(graph, np.int64(low * scale), np.int64(high * scale), depth)
    for i in range(terms):
        work.local[i, POINTER] = graph.rows[candidate.terms[i, TERM_ROW], HEAD]
    for use in range(uses):
        column, place, sign = (
            candidate.uses[use, USE_COLUMN],
            candidate.uses[use, USE_SHIFT],
            candidate.uses[use, USE_SIGN],
        )
        for i in range(terms):
            cell = work.local[i, POINTER]
            while graph.cells[cell, COLUMN] != column:
                cell = graph.cells[cell, NEXT_IN_ROW]
            work.local[i, POINTER] = cell
            digit = sign * candidate.terms[i, TERM_SIGN] * (np.int64(1) << (place + candidate.terms[i, TERM_SHIFT]))
            change_cell(graph, cell, graph.cells[cell, VALUE] - digit)
        factor = sign * (np.int64(1) << (place + least))
        last = graph.rows[row, TAIL]
        if last != NONE and graph.cells[last, COLUMN] == column:
            change_cell(graph, last, graph.cells[last, VALUE] + factor)
        else:
            add_cell(graph, row, column, factor)
    for i in range(terms):
        prune(graph, graph.rows, candidate.terms[i, TERM_ROW], NEXT_IN_ROW)
    for use in range(uses):
        prune(graph, graph.columns, candidate.uses[use, USE_COLUMN], NEXT_IN_COLUMN)
    _define(graph, candidate, least, 3.0**depth)
    return row


@compiled
def _define(graph: SumGraph, candidate: Candidate, least: int, limit: float) -> None:
    """The column of a new value, its cells in order of rows."""
    column = add_column(graph, limit)
    done = NONE
    while True:
        row = 1 << 60
        for i in range(candidate.size[0]):
            if done < candidate.terms[i, TERM_ROW] < row:
                row = candidate.terms[i, TERM_ROW]
        if row == 1 << 60:
            return
        add_cell(graph, row, column, -_without(candidate, row, 0, -least, 1))
        done = row
