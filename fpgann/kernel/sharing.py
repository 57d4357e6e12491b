# SPDX-License-Identifier: Apache-2.0
"""Greedy search for shared sums: the best of several grown seeds is taken each time, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fpgann.kernel.compiled import compiled, random_number
from fpgann.kernel.growth import grow
from fpgann.kernel.seeds import (
    COMMON,
    KIND,
    LEAST_COUNT,
    Seeds,
    load_seed,
    new_seeds,
    pop,
    push,
    seed_common,
    seed_pairs,
)
from fpgann.kernel.subexpressions import (
    Candidate,
    Workspace,
    copy_candidate,
    extract,
    find_uses,
    new_candidate,
    new_workspace,
)
from fpgann.kernel.sum_graph import NONE, Floats, Ints, SumGraph

_WORTH_LOOKING = 0.7  # how much smaller the gain before growth may be than the best one found
_SWEEPS = 3  # times that seeds are looked for anew
_MOST_BREADTH = 1024


class _Search(NamedTuple):
    """What a search needs besides the graph.

    Args:
        breadth: seeds that are grown for each one taken.
        noise: how much a gain may be falsified, as a share of it.
        random: state of the random numbers.
        candidate: a seed at work.
        best: its grown form.
        held: the best of a round.
        waiting: seeds that were grown in a round, and their gains before.
        waiting_gain: as said.
    """

    breadth: int
    noise: float
    random: Ints
    candidate: Candidate
    best: Candidate
    held: Candidate
    waiting: Ints
    waiting_gain: Floats


def share(graph: SumGraph, *, breadth: int, seed: int = 0, noise: float = 0.0) -> None:
    """Extract shared sums from a graph until none pays.

    Args:
        graph: changed in place.
        breadth: seeds that are grown for each one taken, at most 1024.
        seed: of the random numbers.
        noise: how much a gain may be falsified, as a share of it.
    """
    search = _Search(
        min(breadth, _MOST_BREADTH),
        noise,
        np.array([seed], np.int64),
        new_candidate(),
        new_candidate(),
        new_candidate(),
        np.zeros(_MOST_BREADTH, np.int64),
        np.zeros(_MOST_BREADTH),
    )
    seeds, work = new_seeds(graph), new_workspace(graph)
    for _ in range(_SWEEPS):
        if _sweep(graph, search, seeds, work) == 0:
            break


@compiled
def _sweep(graph: SumGraph, search: _Search, seeds: Seeds, work: Workspace) -> int:
    """Look for seeds everywhere and take what pays; returns how many sums were shared."""
    seeds.size[0] = seeds.size[1] = 0
    for row in range(graph.used[1]):
        seed_pairs(graph, seeds, work, search.candidate, row, row)
    for column in range(graph.used[2]):
        seed_common(graph, seeds, work, column, column + 1)
    taken = 0
    while _round(graph, search, seeds, work):
        row = extract(graph, search.held, work)
        if row == NONE:
            break
        taken += 1
        seed_pairs(graph, seeds, work, search.candidate, row, 0)
        if search.held.size[0] >= LEAST_COUNT:
            seed_common(graph, seeds, work, graph.used[2] - 1, 0)
    return taken


@compiled
def _round(graph: SumGraph, search: _Search, seeds: Seeds, work: Workspace) -> bool:
    """search.held: the best of some grown seeds; False where nothing pays."""
    search.held.gain[0] = 0.0
    looked = 0
    while seeds.size[1] > 0 and looked < search.breadth:
        seed, promise = seeds.heap[0], seeds.gain[0]
        if promise <= search.held.gain[0] * _WORTH_LOOKING or promise <= 0.0:
            break
        pop(seeds)
        load_seed(graph, seeds, work, seed, search.candidate)
        gain = search.candidate.gain[0]
        if gain <= 0.0:
            continue
        if gain < promise - 1e-9 and seeds.size[1] > 0 and gain < seeds.gain[0]:
            push(seeds, seed, gain)  # it has lost uses since: its turn comes later
            continue
        if seeds.what[seed, KIND] == COMMON:
            find_uses(graph, search.candidate, work)
            if search.candidate.size[1] < 2:
                continue
        grow(graph, search.candidate, work, search.best)
        if search.best.gain[0] <= 0.0:
            continue
        search.waiting[looked], search.waiting_gain[looked] = seed, gain
        looked += 1
        gain = search.best.gain[0] * (1.0 + search.noise * random_number(search.random))
        if gain > search.held.gain[0]:
            copy_candidate(search.best, search.held)
            search.held.gain[0] = gain
    for i in range(looked):
        push(seeds, search.waiting[i], search.waiting_gain[i])
    return looked > 0
