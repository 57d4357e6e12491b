# SPDX-License-Identifier: Apache-2.0
"""Growth of candidates by terms and by uses, compiled."""

from __future__ import annotations

import numpy as np

from fpgann.kernel.compiled import compiled
from fpgann.kernel.digits import removable
from fpgann.kernel.subexpressions import (
    MAX_TERMS,
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
    copy_candidate,
    count_extensions,
    count_places,
    find_uses,
)
from fpgann.kernel.sum_graph import HEAD, NEXT_IN_COLUMN, NONE, ROW, VALUE, SumGraph

GROWTH_STEPS = 8


@compiled
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


@compiled
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


@compiled
def common_terms(
    graph: SumGraph, candidate: Candidate, column: int, place: int, use_sign: int, found: Candidate
) -> None:
    """found: those terms of a candidate that stand at a place."""
    found.size[0] = found.size[1] = 0
    cell = graph.columns[column, HEAD]
    while cell != NONE:
        row, left = graph.cells[cell, ROW], graph.cells[cell, VALUE]
        if left != 0:
            for i in range(candidate.size[0]):
                if candidate.terms[i, TERM_ROW] == row:
                    digit, sign = place + candidate.terms[i, TERM_SHIFT], use_sign * candidate.terms[i, TERM_SIGN]
                    if removable(left, digit, sign):
                        left -= sign * (np.int64(1) << digit)
                        add_term(found, row, candidate.terms[i, TERM_SHIFT], candidate.terms[i, TERM_SIGN])
        cell = graph.cells[cell, NEXT_IN_COLUMN]


@compiled
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


@compiled
def _has_place(candidate: Candidate, column: int, place: int, sign: int) -> bool:
    for i in range(candidate.size[1]):
        if (
            candidate.uses[i, USE_COLUMN] == column
            and candidate.uses[i, USE_SHIFT] == place
            and candidate.uses[i, USE_SIGN] == sign
        ):
            return True
    return False
