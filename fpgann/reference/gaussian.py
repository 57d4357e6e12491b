# SPDX-License-Identifier: Apache-2.0
"""Normal random numbers as the hardware draws them, defined in integers (hdl/fpgann_gaussian.vhd).

Each lane has 64 bits of state, from Marsaglia's xorshift ("Xorshift RNGs", Journal of Statistical Software 8 (14),
2003), whose period is 2**64 - 1:

    x ^= x << 13;  x ^= x >> 7;  x ^= x << 17

Four fields of 9 bits each, the highest ones, choose an entry of a table and a sign; the code of the number is the sum
of the four, its value code * 2**-12. By the central limit theorem a sum is closer to normal than its terms, which are
nearly normal themselves (Thomas, "The Table-Hadamard Gaussian Random Number Generator", ACM TRETS 8 (4), 2015, adds
entries of tables in the same way).

The entries stand for 256 parts of half the normal distribution with equal probabilities: the mean of each part, but for
the last one, in the place of which a number makes the fourth moment right. The distribution of the sum is known exactly
(tests/unit/reference/test_gaussian.py): variance 1.00002, kurtosis 3.0001, distance from the normal distribution
function at most 3.4e-5; numbers reach from -6.46 to 6.46.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import mpmath
import numpy as np
import numpy.typing as npt

from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import IntArray

NUMBER = FixedType(signed=True, width=16, frac=12)
TERMS = 4
TABLE_SIZE = 256
STATE_BITS = 64

_TERM_FRAC = 11  # a term counts half: the sum of four has twice the deviation of one
_FIELD_BITS = 9
_SHIFTS = (13, 7, 17)
_LAST = (323, 100)  # with which the sum has the kurtosis of the normal distribution
_MASK = (1 << STATE_BITS) - 1


@lru_cache(maxsize=1)
def table() -> tuple[int, ...]:
    """The entries that terms are made of, rising; computed with 160 bits, so the same everywhere."""
    with mpmath.workprec(160):
        edges = [mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(i) / TABLE_SIZE) for i in range(TABLE_SIZE)]
        density = [mpmath.npdf(edge) for edge in edges]
        means = [2 * TABLE_SIZE * (a - b) for a, b in pairwise(density)]
        means.append(mpmath.mpf(_LAST[0]) / _LAST[1])
        deviation = mpmath.sqrt(sum(mean * mean for mean in means) / TABLE_SIZE)
        return tuple(int(mpmath.nint(mean / deviation * 2**_TERM_FRAC)) for mean in means)


def first_states(seed: int, lanes: int) -> list[int]:
    """Where each lane begins: SplitMix64 of the seed (Steele, Lea and Flood, OOPSLA 2014), which spreads its bits.

    Args:
        seed: any integer; its low 64 bits count.
        lanes: how many there are.
    """
    found: list[int] = []
    state = seed & _MASK
    while len(found) < lanes:
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        if mixed:  # the one state that xorshift never leaves
            found.append(mixed)
    return found


def following_state(state: int) -> int:
    """The state behind a state."""
    left, right, last = _SHIFTS
    state ^= state << left & _MASK
    state ^= state >> right
    return state ^ (state << last & _MASK)


def gaussian_codes(states: Sequence[int], count: int) -> IntArray:
    """The first numbers after a reset, as codes of `NUMBER`, shape (count, lanes).

    Args:
        states: where each lane begins.
        count: how often numbers are drawn.
    """
    drawn = np.empty((count, len(states)), np.uint64)
    state = np.array(states, np.uint64)
    left, right, last = (np.uint64(shift) for shift in _SHIFTS)
    for step in range(count):
        drawn[step] = state
        state = state ^ (state << left)
        state = state ^ (state >> right)
        state = state ^ (state << last)
    return _numbers(drawn)


def _numbers(states: npt.NDArray[np.uint64]) -> IntArray:
    """The number that each state stands for."""
    entries = np.array(table(), np.int64)
    signed = np.concatenate([entries, -entries])  # by the field, whose highest bit is the sign
    codes = np.zeros(states.shape, np.int64)
    for term in range(1, TERMS + 1):
        field = states >> np.uint64(STATE_BITS - term * _FIELD_BITS) & np.uint64((1 << _FIELD_BITS) - 1)
        codes += signed[field.astype(np.int64)]
    return codes
