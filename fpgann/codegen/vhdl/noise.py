# SPDX-License-Identifier: Apache-2.0
"""Generators of random numbers in top entities."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.vhdl.literals import packed, vector
from fpgann.hardware.noise import Noise
from fpgann.reference.gaussian import NUMBER, STATE_BITS

NOISE_LIBRARY = "compile_order_noise.txt"


@dataclass(frozen=True, slots=True)
class NoiseView:
    """Generics of fpgann_gaussian, and the stream that it drives."""

    stream: str
    bits: int
    comment: str
    lanes: int
    numbers: str
    states: str


def view_noise(noise: Noise, stream: str) -> NoiseView:
    """A generator that drives a stream."""
    numbers = packed(noise.first_numbers, NUMBER.width)
    states = packed(noise.following_states, STATE_BITS)
    return NoiseView(
        stream=stream,
        bits=NUMBER.width * noise.lanes,
        comment=f"{noise.lanes} x {NUMBER.width} bits, signed",
        lanes=noise.lanes,
        numbers=vector(numbers, NUMBER.width * noise.lanes),
        states=vector(states, STATE_BITS * noise.lanes),
    )
