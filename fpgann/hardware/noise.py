# SPDX-License-Identifier: Apache-2.0
"""Inputs of a graph that generators on the chip drive, and the numbers that they draw."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.gaussian import NUMBER, STATE_BITS, first_states, following_state, gaussian_codes, table


@dataclass(frozen=True, slots=True)
class Noise:
    """Random numbers in the place of an input.

    Args:
        name: of the input.
        seed: of the generator, whose lanes have consecutive states of it.
        tokens: how often numbers are drawn for a sample.
        lanes: how many at once.
        shape: the tensor that all of a sample make up, in the order in which they are drawn.
        axes: axes of that tensor in the order of the graph's.
    """

    name: str
    seed: int
    tokens: int
    lanes: int
    shape: tuple[int, ...]
    axes: tuple[int, ...]

    @property
    def states(self) -> list[int]:
        """Where each lane begins."""
        return first_states(self.seed, self.lanes)

    @property
    def following_states(self) -> list[int]:
        """Where each lane is behind its first number."""
        return [following_state(state) for state in self.states]

    @property
    def first_numbers(self) -> list[int]:
        """The first number of each lane, as a code."""
        return [int(code) for code in gaussian_codes(self.states, 1)[0]]

    def codes(self, samples: int) -> IntArray:
        """What the first samples after a reset get, shape (samples, *shape of the input)."""
        drawn = gaussian_codes(self.states, samples * self.tokens)
        ordered: IntArray = drawn.reshape(samples, *self.shape)
        return np.transpose(ordered, (0, *(axis + 1 for axis in self.axes)))

    def numbers(self, samples: int) -> FloatArray:
        """The same as real numbers."""
        return self.codes(samples) * 2.0**-NUMBER.frac


def whole_noise(name: str, seed: int, shape: tuple[int, ...]) -> Noise:
    """Noise of which all numbers of a sample are drawn at once."""
    return Noise(name, seed, 1, prod(shape), shape, tuple(range(len(shape))))


def noise_table() -> IntArray:
    """The memory of each lookup, shape (entries, 1)."""
    return np.array(table(), np.int64)[:, None]


def state_bits(noise: Noise) -> int:
    """Registers of the generators' states."""
    return STATE_BITS * noise.lanes
