# SPDX-License-Identifier: Apache-2.0
"""Greedy search for shared sums: seeds in a heap, the best of several grown candidates taken each time, compiled."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numba
import numpy as np

from fpgann.kernel.digits import digit_mask
from fpgann.kernel.subexpressions import (
    MAX_USES,
    SPAN,
    Candidate,
    Workspace,
    add_term,
    common_terms,
    copy_candidate,
    count_extensions,
    count_places,
    extract,
    find_uses,
    gain_of,
    grow,
    new_candidate,
    new_workspace,
)
from fpgann.kernel.sum_graph import NONE, Floats, Ints, SumGraph

PAIR, COMMON = 0, 1  # two values in many sums; many values in two sums
_LEAST_COUNT = 3
_WORTH_LOOKING = 0.7  # how much smaller the gain before growth may be than the best one found


class Search(NamedTuple):
    """Seeds and scratch memory.

    Args:
        seeds: rows of kind, first, second (rows of a pair, columns of a common part), shift, sign, stamp.
        count: seeds in use, extractions.
        everything: a candidate large enough for a whole column.
        candidate: the candidate at work.
        best: its grown form.
        held: the best candidate of a round.
        random: state of the random numbers.
    """

    seeds: Ints
    count: Ints
    everything: Candidate
    candidate: Candidate
    best: Candidate
    held: Candidate
    random: Ints
    noise: Floats


def share(graph: SumGraph, *, breadth: int, seed: int = 0, noise: float = 0.0) -> None:
    """Extract shared sums from a graph until none pays.

    Args:
        graph: changed in place.
        breadth: candidates that are grown for each one taken.
        seed: of the random numbers.
        noise: how much a gain may be falsified, as a share of it.
    """
    most = int(max(graph.used[1], graph.used[2])) * 64 + 64
    search = Search(
        np.zeros((1 << 16, 6), np.int64),
        np.zeros(2, np.int64),
        new_candidate(most),
        new_candidate(),
        new_candidate(),
        new_candidate(),
        np.array([seed + 1], np.int64),
        np.array([noise]),
    )
    _share(graph, search, new_workspace(graph), breadth)


@numba.njit(cache=True)
def _random(search: Search) -> float:
    """A number below 1 (SplitMix64, Steele et al. 2014)."""
    search.random[0] += np.int64(-7046029254386353131)
    z = np.uint64(search.random[0])
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / float(1 << 53)


@numba.njit(cache=True)
def _share(graph: SumGraph, search: Search, work: Workspace, breadth: int) -> None:
    seeds = search.seeds
    heap = [(0.0, 0)]
    heap.clear()
    for row in range(graph.used[1]):
        seeds = _seed_pairs(graph, search, work, seeds, heap, row, row)
    for column in range(graph.used[2]):
        seeds = _seed_common(graph, search, work, seeds, heap, column, column + 1)
    waiting = [(0.0, 0)]
    while True:
        waiting.clear()
        search.held.gain[0] = 0.0
        held, looked = -1, 0
        while len(heap) > 0 and looked < breadth:
            key, seed = heapq.heappop(heap)
            if -key <= search.held.gain[0] * _WORTH_LOOKING or -key <= 0.0:
                heapq.heappush(heap, (key, seed))
                break
            if not _load_seed(graph, search, work, seeds, seed):
                continue
            gain = search.candidate.gain[0]
            if len(heap) > 0 and gain < -heap[0][0] and gain < -key - 1e-9:
                if gain > 0.0:
                    heapq.heappush(heap, (-gain, seed))
                continue
            grow(graph, search.candidate, work, search.best)
            looked += 1
            if search.best.gain[0] <= 0.0:
                continue
            waiting.append((-gain, seed))
            gain = search.best.gain[0] * (1.0 + search.noise[0] * _random(search))
            if gain > search.held.gain[0]:
                copy_candidate(search.best, search.held)
                search.held.gain[0] = gain
                held = seed
        for entry in waiting:
            heapq.heappush(heap, entry)
        if held < 0:
            if looked == 0:
                break
            continue
        row = extract(graph, search.held, work)
        if row == NONE:
            break
        search.count[1] += 1
        seeds = _seed_pairs(graph, search, work, seeds, heap, row, 0)
        if search.held.size[0] >= _LEAST_COUNT:
            seeds = _seed_common(graph, search, work, seeds, heap, graph.used[2] - 1, 0)


@numba.njit(cache=True)
def _load_seed(graph: SumGraph, search: Search, work: Workspace, seeds: Ints, seed: int) -> bool:
    """Look again at a seed, into search.candidate; False where it has nothing left."""
    candidate = search.candidate
    kind, a, b, shift, sign = seeds[seed, 0], seeds[seed, 1], seeds[seed, 2], seeds[seed, 3], seeds[seed, 4]
    candidate.size[:] = 0
    if kind == PAIR:
        add_term(candidate, a, 0, 1)
        add_term(candidate, b, shift, sign)
        find_uses(graph, candidate, work)
    else:
        _common(graph, search.everything, a, b, shift, sign, candidate)
        if candidate.size[0] < 2:
            return False
        if candidate.size[0] >= len(candidate.row):
            return False
        find_uses(graph, candidate, work)
    return candidate.size[1] >= 2


@numba.njit(cache=True)
def _common(
    graph: SumGraph, everything: Candidate, a: int, b: int, shift: int, sign: int, found: Candidate
) -> None:
    """found: terms that column b has, shifted and signed, like column a."""
    found.size[:] = 0
    first, second = graph.column_head[a], graph.column_head[b]
    while first != NONE and second != NONE:
        if graph.row[first] < graph.row[second]:
            first = graph.next_in_column[first]
        elif graph.row[first] > graph.row[second]:
            second = graph.next_in_column[second]
        else:
            left, right = graph.value[first], graph.value[second]
            for digit_sign in (1, -1):
                position = 0
                mask = digit_mask(left, digit_sign)
                while mask >> position > 0:
                    if digit_mask(left, digit_sign) >> position & 1 and position + shift >= 0:
                        if digit_mask(right, digit_sign * sign) >> (position + shift) & 1:
                            if found.size[0] + 1 < len(found.row):
                                left -= digit_sign * (np.int64(1) << position)
                                right -= digit_sign * sign * (np.int64(1) << (position + shift))
                                add_term(found, graph.row[first], position, digit_sign)
                    position += 1
            first, second = graph.next_in_column[first], graph.next_in_column[second]


@numba.njit(cache=True)
def _push(seeds: Ints, search: Search, kind: int, a: int, b: int, shift: int, sign: int) -> Ints:
    at = search.count[0]
    if at == len(seeds):
        larger = np.zeros((2 * at, 6), np.int64)
        larger[:at] = seeds
        seeds = larger
    seeds[at, 0], seeds[at, 1], seeds[at, 2], seeds[at, 3], seeds[at, 4] = kind, a, b, shift, sign
    search.count[0] += 1
    return seeds


@numba.njit(cache=True)
def _seed_pairs(
    graph: SumGraph, search: Search, work: Workspace, seeds: Ints, heap: list, row: int, least: int
) -> Ints:
    """Seeds of a row with all rows from `least` on."""
    one = search.candidate
    one.size[0], one.size[1] = 1, 0
    one.row[0], one.shift[0], one.sign[0] = row, 0, 1
    cell = graph.row_head[row]
    while cell != NONE:
        for sign in (1, -1):
            mask, position = digit_mask(graph.value[cell], sign), 0
            while mask >> position > 0:
                if (mask >> position) & 1 and one.size[1] < MAX_USES:
                    at = one.size[1]
                    one.column[at], one.place[at], one.use_sign[at] = graph.column[cell], position, sign
                    one.size[1] += 1
                position += 1
        cell = graph.next_in_row[cell]
    met = count_extensions(graph, one, work)
    one.size[0] = 2
    for i in range(met):
        key = work.touched[i]
        count, other = work.counts[key], key // (2 * SPAN)
        work.counts[key] = 0
        shift, sign = key % SPAN - SPAN // 2, 1 if (key // SPAN) % 2 else -1
        if count < _LEAST_COUNT or other < least or (other == row and shift < 0):
            continue
        one.row[1], one.shift[1], one.sign[1], one.size[1] = other, shift, sign, count
        gain = gain_of(graph, one)
        if gain > 0.0:
            seeds = _push(seeds, search, PAIR, row, other, shift, sign)
            heapq.heappush(heap, (-gain, search.count[0] - 1))
    return seeds


@numba.njit(cache=True)
def _seed_common(
    graph: SumGraph, search: Search, work: Workspace, seeds: Ints, heap: list, column: int, least: int
) -> Ints:
    """Seeds of a column with all columns from `least` on."""
    everything = search.everything
    everything.size[:] = 0
    shares = 0.0
    cell = graph.column_head[column]
    while cell != NONE:
        for sign in (1, -1):
            mask, position = digit_mask(graph.value[cell], sign), 0
            while mask >> position > 0:
                if (mask >> position) & 1 and everything.size[0] + 1 < len(everything.row):
                    add_term(everything, graph.row[cell], position, sign)
                    shares += graph.share[graph.row[cell]]
                position += 1
        cell = graph.next_in_column[cell]
    if everything.size[0] == 0:
        return seeds
    average = shares / everything.size[0]
    met = count_places(graph, everything, work)
    for i in range(met):
        key = work.touched[i]
        count, other = work.counts[key], key // (2 * SPAN)
        work.counts[key] = 0
        shift, sign = key % SPAN - SPAN // 2, 1 if (key // SPAN) % 2 else -1
        if count >= _LEAST_COUNT and other >= least and other != column:
            seeds = _push(seeds, search, COMMON, column, other, shift, sign)
            heapq.heappush(heap, (-(count - 1) * average, search.count[0] - 1))
    return seeds
