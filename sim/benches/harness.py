# SPDX-License-Identifier: Apache-2.0
"""What the benches of the VHDL library share: cases, stimulus, a clock, checks.

A top level holds many instances of one entity, each with its own generics: port `data` of case `narrow` is
`narrow_data`. FPGANN_BENCH_CASES names a JSON file: {"cases": {name: generics}, "seed": integer}, where a vector is
{"width": w, "value": v} and a memory {"width": w, "words": [...]}.

Cycle k is the k-th rising edge after `start`. Everything is driven and sampled at the falling edge before it: an
output sampled in cycle k shows what edge k - 1 stored, so an item driven in cycle k comes out in cycle k + latency.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

PERIOD_NS = 10

_FILE = json.loads(Path(os.environ["FPGANN_BENCH_CASES"]).read_text())
SEED: int = _FILE["seed"]
CASES: list[str] = list(_FILE["cases"])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value["words"] if "words" in value else value["value"]
    return value


class Unit:
    """One instance: its generics (in lower case, vectors as stored), its ports, its own random numbers."""

    def __init__(self, dut, name: str) -> None:
        self.name = name
        self.dut = dut
        self.generics: dict[str, Any] = {
            generic.lower(): _plain(value) for generic, value in _FILE["cases"][name].items()
        }
        self.random = random.Random(f"{SEED} {name}")

    def pick(self, *names: str) -> dict[str, Any]:
        """Some of the generics, as arguments for a model."""
        return {name: self.generics[name] for name in names}

    def drive(self, **values: int) -> None:
        """Set inputs."""
        for port, value in values.items():
            getattr(self.dut, f"{self.name}_{port}").value = value

    def sample(self, port: str) -> int | str:
        """The value of an output; its text where some bits are neither 0 nor 1."""
        value = getattr(self.dut, f"{self.name}_{port}").value
        return int(value) if value.is_resolvable else str(value)

    def expect(self, port: str, expected: int, context: str) -> None:
        """Fail with everything there is to know unless `port` is as expected."""
        actual = self.sample(port)
        assert actual == expected, (
            f"{self.name}.{port} is {actual}, expected {expected}, {context}; seed {SEED}, generics "
            + json.dumps({name: value for name, value in self.generics.items() if not isinstance(value, list)})
        )


async def start(dut, unit: Unit, **idle: int) -> None:
    """Start the clock (once a test), set the inputs to `idle`, reset, and stop before cycle 0."""
    cocotb.start_soon(Clock(dut.clk, PERIOD_NS, "ns").start())
    dut.rst.value = 1
    unit.drive(**idle)
    await FallingEdge(dut.clk)
    await pulse_reset(dut)


async def pulse_reset(dut) -> None:
    """One cycle of reset, no more: what needs a longer one is broken. What follows is cycle 0."""
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    dut.rst.value = 0


async def check_pipeline(
    dut,
    unit: Unit,
    items: Sequence[Mapping[str, int]],
    expected: Sequence[int | None],
    latency_cycles: int,
    output: str = "out_data",
) -> None:
    """Send an item a cycle; item i must come out exactly `latency_cycles` later, so N in N + latency cycles."""
    assert items
    assert len(items) == len(expected)
    await start(dut, unit, **dict.fromkeys(items[0], 0))
    for cycle in range(len(items) + latency_cycles):
        index = cycle - latency_cycles
        if index >= 0 and expected[index] is not None:
            unit.expect(output, expected[index], f"item {index} = {dict(items[index])}, cycle {cycle}")
        unit.drive(**items[cycle] if cycle < len(items) else items[0])
        await FallingEdge(dut.clk)


# -- stimulus --------------------------------------------------------------------------------------------------------


def corner_bits(width: int) -> list[int]:
    """Stored values at which something usually happens, whatever their sign."""
    ones = (1 << width) - 1
    middle = 1 << (width - 1)
    alternating = ones // 3
    found = [0, ones, middle, middle - 1, 1, ones - 1, middle + 1, alternating, ones - alternating]
    return list(dict.fromkeys(value & ones for value in found))


def stored_codes(
    width: int, rng: random.Random, *, near: Iterable[int] = (), count: int = 200, exhaustive_bits: int = 8
) -> list[int]:
    """Values for an input of `width` bits: all if there are few, else corners, those around `near`, random ones."""
    if width <= exhaustive_bits:
        return list(range(1 << width))
    mask = (1 << width) - 1
    around = [code + step for code in near for step in (-1, 0, 1) if -(1 << (width - 1)) <= code + step <= mask]
    values = corner_bits(width) + [code & mask for code in around]
    return list(dict.fromkeys(values)) + [spread(width, rng) for _ in range(count)]


def spread(width: int, rng: random.Random) -> int:
    """A random value of random magnitude and sign, so that small and large ones are equally likely."""
    value = rng.getrandbits(width) >> rng.randrange(width)
    return value if rng.random() < 0.5 else ~value & ((1 << width) - 1)


STALLS: dict[str, Callable[[random.Random, int], bool]] = {
    "always": lambda rng, cycle: True,
    "half": lambda rng, cycle: rng.random() < 0.5,
    "rare": lambda rng, cycle: rng.random() < 0.1,
    "bursts": lambda rng, cycle: cycle // 7 % 2 == 0,
}
"""Whether there is an item in a cycle: the four patterns every handshake is tested with."""
