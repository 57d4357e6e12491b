# SPDX-License-Identifier: Apache-2.0
"""Where to look for shared sums: pairs of values in many sums, common parts of two sums; a heap by gain, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fpgann.kernel.compiled import compiled
from fpgann.kernel.digits import digit_mask
from fpgann.kernel.subexpressions import (
    MAX_USES,
    SPAN,
    TERM_ROW,
    TERM_SHIFT,
    TERM_SIGN,
    USE_COLUMN,
    USE_SHIFT,
    USE_SIGN,
    Candidate,
    Workspace,
    add_term,
    count_extensions,
    count_places,
    find_uses,
    gain_of,
    new_candidate,
)
from fpgann.kernel.sum_graph import (
    COLUMN,
    HEAD,
    NEXT_IN_COLUMN,
    NEXT_IN_ROW,
    NONE,
    ROW,
    VALUE,
    Floats,
    Ints,
    SumGraph,
)

PAIR, COMMON = 0, 1  # two values in many sums; many values in two sums
LEAST_COUNT = 3
_MOST_SEEDS = 1 << 22  # memory is touched only as far as it is used

KIND, FIRST_OF, SECOND_OF, SHIFT_OF, SIGN_OF = range(5)


class Seeds(NamedTuple):
    """Seeds and a binary heap of them.

    Args:
        size: seeds ever made, seeds in the heap.
        what: kind, first and second (rows of a pair, columns of a common part), shift and sign of the second.
        heap: seeds by gain, greatest first.
        gain: of the seeds in the heap, by place.
        everything: a candidate large enough for a whole column.
    """

    size: Ints
    what: Ints
    heap: Ints
    gain: Floats
    everything: Candidate


def new_seeds(graph: SumGraph) -> Seeds:
    """An empty heap."""
    digits_of_column = 64 * int(max(graph.used[1], graph.used[2])) + 64
    return Seeds(
        np.zeros(2, np.int64),
        np.empty((_MOST_SEEDS, 5), np.int32),
        np.empty(_MOST_SEEDS, np.int64),
        np.empty(_MOST_SEEDS),
        new_candidate(digits_of_column),
    )


@compiled
def push(seeds: Seeds, seed: int, gain: float) -> None:
    """Put a seed on the heap."""
    at = seeds.size[1]
    seeds.size[1] += 1
    while at > 0 and seeds.gain[(at - 1) // 2] < gain:
        seeds.heap[at], seeds.gain[at] = seeds.heap[(at - 1) // 2], seeds.gain[(at - 1) // 2]
        at = (at - 1) // 2
    seeds.heap[at], seeds.gain[at] = seed, gain


@compiled
def pop(seeds: Seeds) -> None:
    """Take the best seed off the heap."""
    seeds.size[1] -= 1
    count, at = seeds.size[1], 0
    seed, gain = seeds.heap[count], seeds.gain[count]
    while 2 * at + 1 < count:
        child = 2 * at + 1
        if child + 1 < count and seeds.gain[child + 1] > seeds.gain[child]:
            child += 1
        if seeds.gain[child] <= gain:
            break
        seeds.heap[at], seeds.gain[at] = seeds.heap[child], seeds.gain[child]
        at = child
    seeds.heap[at], seeds.gain[at] = seed, gain


@compiled
def _add(seeds: Seeds, kind: int, first: int, second: int, key: int, gain: float) -> None:
    """A new seed; key as in `count_extensions`. None where memory is full."""
    at = seeds.size[0]
    if at == len(seeds.what):
        return
    seeds.size[0] += 1
    seeds.what[at, KIND], seeds.what[at, FIRST_OF], seeds.what[at, SECOND_OF] = kind, first, second
    seeds.what[at, SHIFT_OF], seeds.what[at, SIGN_OF] = key % SPAN - SPAN // 2, 1 if (key // SPAN) % 2 else -1
    push(seeds, at, gain)


@compiled
def seed_pairs(graph: SumGraph, seeds: Seeds, work: Workspace, one: Candidate, row: int, least: int) -> None:
    """Seeds of a row with all rows from `least` on. `one` is scratch memory."""
    one.size[0], one.size[1] = 1, 0
    one.terms[0, TERM_ROW], one.terms[0, TERM_SHIFT], one.terms[0, TERM_SIGN] = row, 0, 1
    cell = graph.rows[row, HEAD]
    while cell != NONE:
        for sign in (1, -1):
            mask, position = digit_mask(graph.cells[cell, VALUE], sign), 0
            while mask >> position > 0:
                if (mask >> position) & 1 and one.size[1] < MAX_USES:
                    use = one.uses[one.size[1]]
                    use[USE_COLUMN], use[USE_SHIFT], use[USE_SIGN] = graph.cells[cell, COLUMN], position, sign
                    one.size[1] += 1
                position += 1
        cell = graph.cells[cell, NEXT_IN_ROW]
    met = count_extensions(graph, one, work)
    one.size[0] = 2
    for i in range(met):
        key = work.touched[i]
        count, other, shift = work.counts[key], key // (2 * SPAN), key % SPAN - SPAN // 2
        work.counts[key] = 0
        if count < LEAST_COUNT or other < least or (other == row and shift < 0):
            continue
        one.terms[1, TERM_ROW], one.terms[1, TERM_SHIFT], one.size[1] = other, shift, count
        one.terms[1, TERM_SIGN] = 1 if (key // SPAN) % 2 else -1
        gain = gain_of(graph, one)
        if gain > 0.0:
            _add(seeds, PAIR, row, other, key, gain)


@compiled
def seed_common(graph: SumGraph, seeds: Seeds, work: Workspace, column: int, least: int) -> None:
    """Seeds of a column with all columns from `least` on."""
    everything, shares = seeds.everything, 0.0
    everything.size[0] = everything.size[1] = 0
    cell = graph.columns[column, HEAD]
    while cell != NONE:
        for sign in (1, -1):
            mask, position = digit_mask(graph.cells[cell, VALUE], sign), 0
            while mask >> position > 0:
                if (mask >> position) & 1 and everything.size[0] + 1 < len(everything.terms):
                    add_term(everything, graph.cells[cell, ROW], position, sign)
                    shares += graph.share[graph.cells[cell, ROW]]
                position += 1
        cell = graph.cells[cell, NEXT_IN_COLUMN]
    if everything.size[0] == 0:
        return
    average = shares / everything.size[0]
    met = count_places(graph, everything, work)
    for i in range(met):
        key = work.touched[i]
        count, other = work.counts[key], key // (2 * SPAN)
        work.counts[key] = 0
        if count >= LEAST_COUNT and other >= least and other != column:
            _add(seeds, COMMON, column, other, key, (count - 1) * average)


@compiled
def load_seed(graph: SumGraph, seeds: Seeds, work: Workspace, seed: int, candidate: Candidate) -> None:
    """What a seed is now, and its gain; of a common part only the two uses are counted, and none is listed."""
    what = seeds.what[seed]
    candidate.size[0] = candidate.size[1] = 0
    if what[KIND] == PAIR:
        add_term(candidate, what[FIRST_OF], 0, 1)
        add_term(candidate, what[SECOND_OF], what[SHIFT_OF], what[SIGN_OF])
        find_uses(graph, candidate, work)
        return
    _common(graph, what, candidate)
    candidate.size[1] = 2 if candidate.size[0] > 1 else 0
    candidate.gain[0] = gain_of(graph, candidate)


@compiled
def _common(graph: SumGraph, what: Ints, found: Candidate) -> None:
    """found: the terms that two columns have in common."""
    first, second = graph.columns[what[FIRST_OF], HEAD], graph.columns[what[SECOND_OF], HEAD]
    while first != NONE and second != NONE:
        if graph.cells[first, ROW] < graph.cells[second, ROW]:
            first = graph.cells[first, NEXT_IN_COLUMN]
        elif graph.cells[first, ROW] > graph.cells[second, ROW]:
            second = graph.cells[second, NEXT_IN_COLUMN]
        else:
            _common_digits(graph, what, first, second, found)
            first, second = graph.cells[first, NEXT_IN_COLUMN], graph.cells[second, NEXT_IN_COLUMN]


@compiled
def _common_digits(graph: SumGraph, what: Ints, first: int, second: int, found: Candidate) -> None:
    left, right = graph.cells[first, VALUE], graph.cells[second, VALUE]
    for sign in (1, -1):
        common = _both(left, right, sign, what)
        while common > 0 and found.size[0] < len(found.terms):
            position = 0
            while (common >> position) & 1 == 0:
                position += 1
            left -= sign * (np.int64(1) << position)
            right -= sign * what[SIGN_OF] * (np.int64(1) << (position + what[SHIFT_OF]))
            add_term(found, graph.cells[first, ROW], position, sign)
            common = _both(left, right, sign, what)


@compiled
def _both(left: int, right: int, sign: int, what: Ints) -> int:
    """Positions of digits of one sign in the first coefficient that the second has, too, shifted and signed."""
    other, shift = digit_mask(right, sign * what[SIGN_OF]), what[SHIFT_OF]
    return int(digit_mask(left, sign) & (other >> shift if shift >= 0 else other << -shift))
