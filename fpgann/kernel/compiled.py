# SPDX-License-Identifier: Apache-2.0
"""Functions compiled to machine code when first called; the code is kept on disk.

Numba looks at a function's own file only to tell whether its code is stale. Functions here call each other across
files, so the code is kept in a folder named by the content of all of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

Function = TypeVar("Function", bound=Callable[..., object])


def _folder() -> Path:
    """Where code is kept: NUMBA_CACHE_DIR, else the user's folder for such things."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(home) / "fpgann" / "compiled")
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return root / digest.hexdigest()[:16]


_FOLDER = _folder()


def compiled(function: Function) -> Function:
    """Compile a function of numbers, arrays and named tuples of arrays; divisors must not be 0.

    Wider integers than 64 bits do not exist in it: callers bound what they pass.
    """
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(_FOLDER)
    try:
        result: Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder can be written
        result = numba.njit(nogil=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return result


@compiled
def random_number(state: npt.NDArray[np.int64]) -> float:
    """The next number in 0 .. 1 of a sequence that state[0] starts (SplitMix64, Steele et al. 2014)."""
    state[0] += np.int64(-7046029254386353131)
    z = np.uint64(state[0])
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / float(1 << 53)
