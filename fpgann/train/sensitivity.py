# SPDX-License-Identifier: Apache-2.0
"""Mixed precision: give bits to the layers where they matter, until a budget is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def assign_bits(
    sizes: Mapping[str, int],
    error: Callable[[Mapping[str, int]], float],
    *,
    budget: float,
    least: int,
    most: int,
) -> dict[str, int]:
    """Widths of the weights of each layer, with a mean of at most the budget.

    Starting from the most bits everywhere, the layer loses a bit whose loss adds least error for each weight.

    Args:
        sizes: by layer, how many weights it has.
        error: of the model's outputs for given widths.
        budget: mean bits of a weight, at least `least`.
        least: bits that every layer keeps.
        most: bits to begin with.
    """
    bits = dict.fromkeys(sizes, most)
    total = sum(sizes.values())
    current = error(bits)
    while sum(bits[name] * size for name, size in sizes.items()) > budget * total:
        tried = {name: error({**bits, name: bits[name] - 1}) for name in bits if bits[name] > least}
        if not tried:
            break
        name = min(tried, key=lambda name: (tried[name] - current) / sizes[name])
        bits[name] -= 1
        current = tried[name]
    return bits
