# SPDX-License-Identifier: Apache-2.0
"""Find subexpressions that pay with 3-input adders, compiled.

A candidate is a sum of k shifted values with c uses (column, shift, sign). A 3-input adder takes two terms away, so k
terms used c times save about (c - 1)(k - 1) / 2 adders, whatever their order: pairs that occur often and long parts that
two sums have in common are worth the same. Both are seeds here; each grows by one term, or by one use with fewer terms,
as long as that saves more adder bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from fpgann.kernel.digits import digit_mask, removable
from fpgann.kernel.sum_graph import (
    EXTRA_BITS,
    NONE,
    WIDTH_SHARE,
    Floats,
    Ints,
    SumGraph,
    add_cell,
    add_column,
    add_row,
    change_cell,
    room,
)

MAX_TERMS = 32
MAX_USES = 4096
SPAN = 64  # relative shifts -32 .. 31
GROWTH_STEPS = 8


class Candidate(NamedTuple):
    """A sum of terms and where it occurs.

    Args:
        size: number of terms, number of uses.
        row: value of each term.
        shift: its left shift.
        sign: its sign.
        column: the sum that each use is part of.
        place: left shift of each use.
        use_sign: its sign.
        gain: adder bits saved.
    """

    size: Ints
    row: Ints
    shift: Ints
    sign: Ints
    column: Ints
    place: Ints
    use_sign: Ints
    gain: Floats


class Workspace(NamedTuple):
    """Scratch memory, so that nothing is allocated on the way.

    Args:
        pointers: a cell of each term's row.
        first: the first term of the same row.
        left: coefficients while digits are taken away.
        counts: how often each (row or column, sign, shift) was met.
        touched: which of them were.
        grown: a candidate with one more term.
        wider: a candidate with one more use.
    """

    pointers: Ints
    first: Ints
    left: Ints
    counts: Ints
    touched: Ints
    grown: Candidate
    wider: Candidate


def new_candidate(max_terms: int = MAX_TERMS) -> Candidate:
    """An empty candidate."""
    terms = [np.zeros(max_terms, np.int64) for _ in range(3)]
    uses = [np.zeros(MAX_USES, np.int64) for _ in range(3)]
    return Candidate(np.zeros(2, np.int64), *terms, *uses, np.zeros(1))


def new_workspace(graph: SumGraph) -> Workspace:
    """Scratch memory for a graph."""
    keys = 2 * SPAN * max(len(graph.row_head), len(graph.column_head))
    local = [np.zeros(MAX_TERMS, np.int64) for _ in range(3)]
    return Workspace(*local, np.zeros(keys, np.int64), np.zeros(keys, np.int64), new_candidate(), new_candidate())


@numba.njit(cache=True)
def copy_candidate(source: Candidate, target: Candidate) -> None:
    """target becomes source."""
    target.size[:] = source.size
    terms, uses = source.size[0], source.size[1]
    target.row[:terms], target.shift[:terms], target.sign[:terms] = (
        source.row[:terms],
        source.shift[:terms],
        source.sign[:terms],
    )
    target.column[:uses], target.place[:uses], target.use_sign[:uses] = (
        source.column[:uses],
        source.place[:uses],
        source.use_sign[:uses],
    )
    target.gain[0] = source.gain[0]


@numba.njit(cache=True)
def sum_depth(load: float) -> int:
    """Rows of 3-input adders for terms with a sum of 3**depth."""
    depth, reach = 0, 1.0
    while reach < load:
        reach *= 3.0
        depth += 1
    return depth


@numba.njit(cache=True)
def find_uses(graph: SumGraph, candidate: Candidate, work: Workspace) -> None:
    """All places where the terms of a candidate occur, none sharing a digit; sets its gain."""
    terms = candidate.size[0]
    load = 0.0
    for i in range(terms):
        load += 3.0 ** graph.depth[candidate.row[i]]
        work.pointers[i] = graph.row_head[candidate.row[i]]
        work.first[i] = i
        for j in range(i):
            if candidate.row[j] == candidate.row[i]:
                work.first[i] = j
                break
    change = 3.0 ** sum_depth(load) - load
    candidate.size[1] = 0
    cell = graph.row_head[candidate.row[0]]
    while cell != NONE:
        if graph.value[cell] != 0:
            work.left[0] = graph.value[cell]
            if _meet(graph, candidate, work, graph.column[cell]):
                _take(graph, candidate, work, graph.column[cell], change)
        cell = graph.next_in_row[cell]
    candidate.gain[0] = gain_of(graph, candidate)


@numba.njit(cache=True)
def _meet(graph: SumGraph, candidate: Candidate, work: Workspace, column: int) -> bool:
    """Move all rows' pointers on to a column; whether all have a coefficient there."""
    for i in range(1, candidate.size[0]):
        if work.first[i] != i:
            continue
        cell = work.pointers[i]
        while cell != NONE and graph.column[cell] < column:
            cell = graph.next_in_row[cell]
        work.pointers[i] = cell
        if cell == NONE or graph.column[cell] != column or graph.value[cell] == 0:
            return False
        work.left[i] = graph.value[cell]
    return True


@numba.njit(cache=True)
def _take(graph: SumGraph, candidate: Candidate, work: Workspace, column: int, change: float) -> None:
    """Take the terms away from one column, at every shift and sign where they are digits of minimal forms."""
    terms, uses = candidate.size[0], 0
    for sign in (1, -1):
        mask = digit_mask(work.left[0], sign)
        position = 0
        while mask >> position > 0:
            if (mask >> position) & 1 and graph.load[column] + (uses + 1) * change <= graph.limit[column] + 0.5:
                place, use_sign = position - candidate.shift[0], sign * candidate.sign[0]
                done = 0
                while done < terms:
                    here = work.first[done]
                    digit, digit_sign = place + candidate.shift[done], use_sign * candidate.sign[done]
                    if not removable(work.left[here], digit, digit_sign):
                        break
                    work.left[here] -= digit_sign * (np.int64(1) << digit)
                    done += 1
                if done == terms and candidate.size[1] < MAX_USES:
                    at = candidate.size[1]
                    candidate.column[at], candidate.place[at], candidate.use_sign[at] = column, place, use_sign
                    candidate.size[1] += 1
                    uses += 1
                else:
                    for back in range(done):
                        work.left[work.first[back]] += (
                            use_sign * candidate.sign[back] * (np.int64(1) << (place + candidate.shift[back]))
                        )
            position += 1


@numba.njit(cache=True)
def _reach(graph: SumGraph, candidate: Candidate) -> tuple[float, float, int, float, float]:
    """Least and greatest value, least shift, cost of all terms and of the cheapest."""
    low, high, least, shares, cheapest = 0.0, 0.0, 1 << 30, 0.0, 1e30
    for i in range(candidate.size[0]):
        row, shift = candidate.row[i], candidate.shift[i]
        a, b = graph.low[row] * 2.0**shift, graph.high[row] * 2.0**shift
        low += a if candidate.sign[i] > 0 else -b
        high += b if candidate.sign[i] > 0 else -a
        least = min(least, shift)
        shares += graph.share[row]
        cheapest = min(cheapest, graph.share[row])
    return low, high, least, shares, cheapest


@numba.njit(cache=True)
def gain_of(graph: SumGraph, candidate: Candidate) -> float:
    """Adder bits that a candidate saves."""
    uses = candidate.size[1]
    if uses < 2:
        return -1e30
    low, high, least, shares, cheapest = _reach(graph, candidate)
    own = WIDTH_SHARE * (np.log2(high - low + 1.0) - least + EXTRA_BITS)
    unpaired = cheapest if candidate.size[0] % 2 == 0 else 0.0  # an adder of two operands costs as much as of three
    return (uses - 1) * (shares - own) - unpaired


@numba.njit(cache=True)
def count_extensions(graph: SumGraph, candidate: Candidate, work: Workspace) -> int:
    """How often each further term stands beside all terms: counts by (row, sign, shift); returns how many differ."""
    met = 0
    for use in range(candidate.size[1]):
        place, use_sign = candidate.place[use], candidate.use_sign[use]
        cell = graph.column_head[candidate.column[use]]
        while cell != NONE:
            row = graph.row[cell]
            value = _without(candidate, row, graph.value[cell], place, use_sign)
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
            cell = graph.next_in_column[cell]
    return met


@numba.njit(cache=True)
def count_places(graph: SumGraph, candidate: Candidate, work: Workspace) -> int:
    """How many of the terms each further place has: counts by (column, sign, shift); returns how many differ."""
    met = 0
    for i in range(candidate.size[0]):
        cell = graph.row_head[candidate.row[i]]
        while cell != NONE:
            value, column = graph.value[cell], graph.column[cell]
            if value != 0:
                for sign in (1, -1):
                    mask = digit_mask(value, sign)
                    position = 0
                    while mask >> position > 0:
                        shift = position - candidate.shift[i] + SPAN // 2
                        if (mask >> position) & 1 and 0 <= shift < SPAN:
                            key = (2 * column + (1 if sign * candidate.sign[i] > 0 else 0)) * SPAN + shift
                            if work.counts[key] == 0:
                                work.touched[met] = key
                                met += 1
                            work.counts[key] += 1
                        position += 1
            cell = graph.next_in_row[cell]
    return met


@numba.njit(cache=True)
def _without(candidate: Candidate, row: int, value: int, place: int, use_sign: int) -> int:
    """What is left of a coefficient when a use takes its terms away."""
    for i in range(candidate.size[0]):
        if candidate.row[i] == row:
            value -= use_sign * candidate.sign[i] * (np.int64(1) << (place + candidate.shift[i]))
    return value


@numba.njit(cache=True)
def _has_place(candidate: Candidate, column: int, place: int, sign: int) -> bool:
    for i in range(candidate.size[1]):
        if candidate.column[i] == column and candidate.place[i] == place and candidate.use_sign[i] == sign:
            return True
    return False


@numba.njit(cache=True)
def add_term(candidate: Candidate, row: int, shift: int, sign: int) -> None:
    """One more term."""
    at = candidate.size[0]
    candidate.row[at], candidate.shift[at], candidate.sign[at] = row, shift, sign
    candidate.size[0] += 1


@numba.njit(cache=True)
def _with_term(graph: SumGraph, candidate: Candidate, work: Workspace) -> None:
    """work.grown: the candidate and the term that saves most with it."""
    met = count_extensions(graph, candidate, work)
    best, best_key = 0.0, -1
    for i in range(met):
        key = work.touched[i]
        worth = (work.counts[key] - 1) * graph.share[key // (2 * SPAN)]
        if work.counts[key] > 1 and worth > best:
            best, best_key = worth, key
        work.counts[key] = 0
    work.grown.gain[0] = -1e30
    if best_key < 0 or candidate.size[0] >= MAX_TERMS:
        return
    copy_candidate(candidate, work.grown)
    sign = 1 if (best_key // SPAN) % 2 else -1
    add_term(work.grown, best_key // (2 * SPAN), best_key % SPAN - SPAN // 2, sign)
    find_uses(graph, work.grown, work)


@numba.njit(cache=True)
def _with_use(graph: SumGraph, candidate: Candidate, work: Workspace) -> None:
    """work.wider: one more use, with those terms that it has."""
    met = count_places(graph, candidate, work)
    most, best_key = 1, -1
    for i in range(met):
        key = work.touched[i]
        if work.counts[key] > most:
            sign = 1 if (key // SPAN) % 2 else -1
            if not _has_place(candidate, key // (2 * SPAN), key % SPAN - SPAN // 2, sign):
                most, best_key = work.counts[key], key
        work.counts[key] = 0
    work.wider.gain[0] = -1e30
    if best_key < 0 or most == candidate.size[0]:
        return
    sign = 1 if (best_key // SPAN) % 2 else -1
    common_terms(graph, candidate, best_key // (2 * SPAN), best_key % SPAN - SPAN // 2, sign, work.wider)
    if work.wider.size[0] > 1:
        find_uses(graph, work.wider, work)


@numba.njit(cache=True)
def common_terms(
    graph: SumGraph, candidate: Candidate, column: int, place: int, use_sign: int, found: Candidate
) -> None:
    """found: those terms of a candidate that stand at a place."""
    found.size[0] = found.size[1] = 0
    cell = graph.column_head[column]
    while cell != NONE:
        row, left = graph.row[cell], graph.value[cell]
        if left != 0:
            for i in range(candidate.size[0]):
                if candidate.row[i] == row:
                    digit, sign = place + candidate.shift[i], use_sign * candidate.sign[i]
                    if removable(left, digit, sign):
                        left -= sign * (np.int64(1) << digit)
                        add_term(found, row, candidate.shift[i], candidate.sign[i])
        cell = graph.next_in_column[cell]


@numba.njit(cache=True)
def grow(graph: SumGraph, candidate: Candidate, work: Workspace, best: Candidate) -> None:
    """best: what a candidate (with its uses) becomes when it grows as long as that pays."""
    copy_candidate(candidate, best)
    failures = 0
    for _ in range(GROWTH_STEPS):
        _with_term(graph, candidate, work)
        _with_use(graph, candidate, work)
        chosen = work.grown if work.grown.gain[0] >= work.wider.gain[0] else work.wider
        if chosen.gain[0] < -1e29:
            return
        copy_candidate(chosen, candidate)
        if candidate.gain[0] > best.gain[0]:
            copy_candidate(candidate, best)
            failures = 0
        else:
            failures += 1
            if failures > 1:
                return


@numba.njit(cache=True)
def extract(graph: SumGraph, candidate: Candidate, work: Workspace) -> int:
    """Make a candidate a value of its own; its row, or -1 where the arrays are full."""
    terms, uses = candidate.size[0], candidate.size[1]
    if not room(graph, terms + uses):
        return NONE
    low, high, least, _, _ = _reach(graph, candidate)
    load = 0.0
    for i in range(terms):
        load += 3.0 ** graph.depth[candidate.row[i]]
    depth = sum_depth(load)
    scale = 2.0**-least
    row = add_row(graph, np.int64(low * scale), np.int64(high * scale), depth)
    for i in range(terms):
        work.pointers[i] = graph.row_head[candidate.row[i]]
    for use in range(uses):
        column, place, sign = candidate.column[use], candidate.place[use], candidate.use_sign[use]
        for i in range(terms):
            cell = work.pointers[i]
            while graph.column[cell] != column:
                cell = graph.next_in_row[cell]
            work.pointers[i] = cell
            digit = sign * candidate.sign[i] * (np.int64(1) << (place + candidate.shift[i]))
            change_cell(graph, cell, graph.value[cell] - digit)
        factor = sign * (np.int64(1) << (place + least))
        last = graph.row_tail[row]
        if last != NONE and graph.column[last] == column:
            change_cell(graph, last, graph.value[last] + factor)
        else:
            add_cell(graph, row, column, factor)
    _define(graph, candidate, least, 3.0**depth)
    return row


@numba.njit(cache=True)
def _define(graph: SumGraph, candidate: Candidate, least: int, limit: float) -> None:
    """The column of a new value, its cells in order of rows."""
    column = add_column(graph, limit)
    terms = candidate.size[0]
    order = np.argsort(candidate.row[:terms])
    at = 0
    while at < terms:
        row, factor = candidate.row[order[at]], np.int64(0)
        while at < terms and candidate.row[order[at]] == row:
            term = order[at]
            factor += candidate.sign[term] * (np.int64(1) << (candidate.shift[term] - least))
            at += 1
        add_cell(graph, row, column, factor)
        graph.stamp[row] = graph.used[3]
