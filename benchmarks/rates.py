# SPDX-License-Identifier: Apache-2.0
"""How fast something runs; imported in the peers' environment too, so it needs only the standard library."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

REPEATS = 7
SECONDS = 0.5  # of each repeat, at least


def rate(compute: Callable[[], object], count: int, *, seconds: float = SECONDS) -> float:
    """Items per second of processor time of this process, all its threads together: the median of some repeats.

    Processor time makes the figure that of one core and keeps other work on a shared machine mostly out of it.

    Args:
        compute: processes all items once.
        count: number of items.
        seconds: least duration of a repeat.
    """
    compute()
    found = []
    for _ in range(REPEATS):
        calls, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            compute()
            calls += 1
        found.append(calls * count / (time.process_time() - start))
    return statistics.median(found)
