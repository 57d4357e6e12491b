# SPDX-License-Identifier: Apache-2.0
"""Draws numbers from fpgann_gaussian, with pauses and resets: every bit of each, from the first cycle on."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, start

from fpgann.reference.gaussian import NUMBER, STATE_BITS, gaussian_codes
from sim import models

CYCLES = 600


async def check(dut, unit: Unit, pattern: str, cycles: int = CYCLES) -> None:
    """The numbers after a reset, each until it is taken."""
    lanes = unit.generics["lanes"]
    states = models.elements(unit.generics["states"], lanes, STATE_BITS)
    following = [models.pack(row, NUMBER.width) for row in gaussian_codes(states, cycles).tolist()]
    expected = [unit.generics["numbers"], *following]
    taken = 0
    for cycle in range(cycles):
        unit.expect("data", expected[taken], f"number {taken}, cycle {cycle}")
        advance = STALLS[pattern](unit.random, cycle)
        unit.drive(advance=int(advance))
        taken += advance
        await FallingEdge(dut.clk)
    unit.drive(advance=0)


@cocotb.test()
@cocotb.parametrize(case=CASES, pattern=list(STALLS))
async def every_number(dut, case: str, pattern: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, advance=0)
    await check(dut, unit, pattern)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_begins_again(dut, case: str) -> None:
    """Whether numbers are taken meanwhile or not."""
    unit = Unit(dut, case)
    await start(dut, unit, advance=0)
    for cycles in range(5):
        unit.drive(advance=1)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(advance=cycles % 2)
        await pulse_reset(dut)
        await check(dut, unit, "half", 20)
