# SPDX-License-Identifier: Apache-2.0
"""Checks every output of fpgann_frame_join in every cycle: all inputs where they are few, else random ones."""

from __future__ import annotations

import itertools

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, Unit, pulse_reset, start

from sim import models

CYCLES = 400
IDLE = {"in_valid": 0, "in_damaged": 0, "room": 0, "out_ready": 0}


async def follow(dut, unit: Unit, cycles: list[tuple[int, int, int, int]]) -> None:
    """Drive the inputs of every cycle, the first one after a reset, and compare all outputs."""
    expected = models.frame_join(cycles, **unit.pick("inputs", "outputs"))
    for cycle, (values, outputs) in enumerate(zip(cycles, expected, strict=True)):
        unit.drive(**dict(zip(IDLE, values, strict=True)))
        await Timer(1, "ns")
        for port, value in zip(("in_ready", "accept", "out_valid", "frame_error"), outputs, strict=True):
            unit.expect(port, value, f"cycle {cycle}, inputs {values}")
        await FallingEdge(dut.clk)


def stimulus(unit: Unit) -> list[tuple[int, int, int, int]]:
    inputs, outputs = unit.generics["inputs"], unit.generics["outputs"]
    spaces = [range(1 << inputs), range(1 << inputs), range(1 << outputs), range(2)]
    few = list(itertools.product(*spaces)) if 2 * inputs + outputs < 8 else []

    def mostly_set(bits: int) -> int:
        return sum((unit.random.random() < 0.8) << i for i in range(bits))

    some = [
        (mostly_set(inputs), mostly_set(inputs) & mostly_set(inputs) if unit.random.random() < 0.3 else 0,
         mostly_set(outputs), unit.random.randrange(2))
        for _ in range(CYCLES)
    ]  # fmt: skip
    return [*few, *some]


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_cycle(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await follow(dut, unit, stimulus(unit))


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_forgets_an_error(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    ones = (1 << unit.generics["inputs"]) - 1
    unit.drive(in_valid=ones, in_damaged=1)
    await pulse_reset(dut)
    await follow(dut, unit, [(0, 0, 0, 0)])
