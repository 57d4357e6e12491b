# SPDX-License-Identifier: Apache-2.0
"""From real numbers to the codes of a graph input, straight into their carrier."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from fpgann.ir import Value
from fpgann.numerics.integers import FLOAT64_EXACT, FloatArray
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import ScalarMap
from fpgann.reference.compiled.carrier import Carrier
from fpgann.reference.compiled.kernel import Array

Entry: TypeAlias = Callable[[FloatArray, Array], None]  # (real numbers, where their codes go)
_LARGEST_EXPONENT = 1000  # powers of two that are normal float64 numbers
_DIRECT = {Rounding.TRN: np.floor, Rounding.CEIL: np.ceil, Rounding.TRN_ZERO: np.trunc, Rounding.RND_CONV: np.rint}
_TIES = {Rounding.RND: (0.5, np.add), Rounding.RND_MIN_INF: (-0.5, np.subtract)}


def compile_entry(value: Value, carrier: Carrier) -> Entry:
    """What turns finite float64 numbers into codes, exactly as the entry map of a graph input defines.

    Args:
        value: graph input.
        carrier: of its codes.
    """
    entry = value.entry
    if entry is None:
        raise TypeError(f"input '{value.name}' takes real numbers")
    exponent = _power_of_two(entry)
    if exponent is not None and carrier.is_float:
        return _scaled(entry, exponent)

    def by_definition(values: FloatArray, out: Array) -> None:
        np.copyto(out, entry.apply_floats(values), casting="unsafe")

    return by_definition


def _power_of_two(entry: ScalarMap) -> int | None:
    """The exponent of an entry that multiplies by a power of two, rounds and clamps; None for any other."""
    linear, rounder = entry.linear, entry.rounder
    if linear is None or entry.channels > 1 or linear.constant[0] != 0:
        return None
    numerator, denominator = int(linear.numerator[0]), int(linear.denominator[0])
    if numerator <= 0 or numerator & (numerator - 1) or denominator & (denominator - 1):
        return None
    exponent = numerator.bit_length() - denominator.bit_length()
    # scaling down may turn a tiny number into zero, which only rounding to nearest may ignore
    can_vanish = exponent < 0 and rounder.mode not in {Rounding.RND, Rounding.RND_MIN_INF, Rounding.RND_CONV}
    is_known = rounder.mode in _DIRECT or rounder.mode in _TIES
    is_small = max(abs(rounder.low), abs(rounder.high)) <= FLOAT64_EXACT and abs(exponent) < _LARGEST_EXPONENT
    return exponent if is_known and is_small and not can_vanish else None


def _scaled(entry: ScalarMap, exponent: int) -> Entry:
    assert entry.linear is not None
    low, high = float(entry.linear.low[0]), float(entry.linear.high[0])
    factor, mode = 2.0**exponent, entry.rounder.mode

    def run(values: FloatArray, out: Array) -> None:
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.multiply(values, factor)
        np.clip(scaled, low, high, out=scaled)  # to whole numbers, so clamping first changes nothing
        if mode in _DIRECT:
            _DIRECT[mode](scaled, out=out, casting="unsafe")
            return
        # half added before floor could round; to the nearest even number, and ties to the other side, cannot
        tie, move = _TIES[mode]
        whole = np.rint(scaled)
        np.subtract(scaled, whole, out=scaled)
        move(whole, scaled == tie, out=out, casting="unsafe")

    return run
