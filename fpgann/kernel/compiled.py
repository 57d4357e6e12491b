# SPDX-License-Identifier: Apache-2.0
"""Functions compiled to machine code when first called; the result is kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of numbers, arrays and named tuples of arrays; divisors must not be 0.

    Wider integers than 64 bits do not exist in it: callers bound what they pass.
    """
    result: Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return result


@compiled
def random_number(state: npt.NDArray[np.int64]) -> float:
    """The next number in 0 .. 1 of a sequence that state[0] starts (SplitMix64, Steele et al. 2014)."""
    state[0] += np.int64(-7046029254386353131)
    z = np.uint64(state[0])
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / float(1 << 53)
