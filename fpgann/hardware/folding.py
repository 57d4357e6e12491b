# SPDX-License-Identifier: Apache-2.0
"""Share multipliers in time."""

from __future__ import annotations

from math import ceil


def divisors(number: int) -> list[int]:
    """All divisors in ascending order."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def nearest_reuse_factor(inputs: int, outputs: int, wanted: int) -> int:
    """The greatest reuse factor that divides the layer and does not exceed the wanted one."""
    return max(d for d in divisors(inputs * outputs) if d <= max(1, wanted))


def neurons_and_multipliers(
    inputs: int, outputs: int, reuse_factor: int, *, lane_multipliers: int = 0
) -> tuple[int, int]:
    """How many neurons (PE) with how many multipliers each (SIMD) take no more cycles than a reuse factor.

    They need ceil(inputs / SIMD) * ceil(outputs / PE) cycles: where they do not divide the layer, some idle in the
    last round. Of all pairs that are fast enough, one with the fewest multipliers; among those the fastest, and then
    the one with most neurons: each is a DSP slice that accumulates by itself.

    A divisor R of inputs * outputs is met without a rest, by PE = gcd(P, outputs) with P = inputs * outputs / R:
    P / PE divides the inputs, because it has no factor in common with outputs / PE.

    Args:
        inputs: products of a sum.
        outputs: sums.
        reuse_factor: cycles, at least 1.
        lane_multipliers: multipliers that each neuron needs for the staircases behind it.
    """
    found: list[tuple[int, int, int, int]] = []
    for pe in range(1, outputs + 1):
        groups = ceil(outputs / pe)
        if groups > reuse_factor:
            continue
        simd = ceil(inputs / (reuse_factor // groups))
        found.append((pe * (simd + lane_multipliers), groups * ceil(inputs / simd), -pe, simd))
    _, _, pe, simd = min(found)
    return -pe, simd
