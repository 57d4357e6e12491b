# SPDX-License-Identifier: Apache-2.0
"""Share multipliers in time."""

from __future__ import annotations

from math import gcd


def divisors(number: int) -> list[int]:
    """All divisors in ascending order."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def nearest_reuse_factor(inputs: int, outputs: int, wanted: int) -> int:
    """The greatest reuse factor that divides the layer and does not exceed the wanted one."""
    return max(d for d in divisors(inputs * outputs) if d <= max(1, wanted))


def neurons_and_multipliers(inputs: int, outputs: int, reuse_factor: int) -> tuple[int, int]:
    """How many neurons (PE) with how many multipliers each (SIMD) give a reuse factor.

    PE divides the outputs and SIMD the inputs, and PE * SIMD * reuse_factor = inputs * outputs. Neurons side by
    side are preferred to multipliers side by side: each is one DSP slice that accumulates by itself. Such a pair
    exists for every divisor P of inputs * outputs: with g = gcd(P, outputs), P / g divides inputs, because it has
    no factor in common with outputs / g.
    """
    multipliers = inputs * outputs // reuse_factor
    pe = gcd(multipliers, outputs)
    return pe, multipliers // pe
