# SPDX-License-Identifier: Apache-2.0
"""How much of a network has gone at each step of a training."""

from __future__ import annotations

import math

from fpgann.train.plan import Prune, Schedule


def pruning_steps(prune: Prune, steps: int) -> dict[int, float]:
    """The steps at which something goes, with the share that has gone from then on.

    Args:
        prune: the wish.
        steps: steps of the whole training.

    Returns:
        Step (counted from 0, before the step is made) -> sparsity.
    """
    if not prune.sparsity:
        return {}
    if prune.schedule is Schedule.ONE_SHOT:
        return {math.floor(prune.start * steps): prune.sparsity}
    first, last = math.floor(prune.start * steps), math.floor(prune.end * steps)
    found: dict[int, float] = {}
    for number in range(1, prune.rounds + 1):
        share = number / prune.rounds
        found[first + math.floor((last - first) * share)] = _sparsity(prune, share)
    return found


def _sparsity(prune: Prune, share: float) -> float:
    if prune.schedule is Schedule.REWIND:
        return float(1 - (1 - prune.sparsity) ** share) if prune.sparsity < 1 else share
    return float(prune.sparsity * (1 - (1 - share) ** 3))
