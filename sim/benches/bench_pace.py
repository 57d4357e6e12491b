# SPDX-License-Identifier: Apache-2.0
"""Checks in_ready and accept of fpgann_pace in every cycle, under four patterns of in_valid."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, STALLS, Unit, pulse_reset, start

from sim import models

CYCLES = 150


async def follow(dut, unit: Unit, in_valid: list[bool]) -> int:
    """Drive in_valid from the first cycle after a reset; the number of items accepted."""
    accepted = 0
    expected = models.pace(in_valid, unit.generics["interval"])
    for cycle, (valid, (ready, accept)) in enumerate(zip(in_valid, expected, strict=True)):
        unit.drive(in_valid=int(valid))
        await Timer(1, "ns")
        unit.expect("in_ready", int(ready), f"cycle {cycle}")
        unit.expect("accept", int(accept), f"cycle {cycle}")
        accepted += accept
        await FallingEdge(dut.clk)
    return accepted


@cocotb.test()
@cocotb.parametrize(case=CASES, pattern=list(STALLS))
async def every_cycle(dut, case: str, pattern: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0)
    await follow(dut, unit, [STALLS[pattern](unit.random, cycle) for cycle in range(CYCLES)])


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    unit = Unit(dut, case)
    interval = unit.generics["interval"]
    await start(dut, unit, in_valid=0)
    accepted = await follow(dut, unit, [True] * (10 * interval))
    assert accepted == 10, f"{accepted} items in {10 * interval} cycles"


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_makes_ready(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0)
    for before in range(unit.generics["interval"]):
        await follow(dut, unit, [True] * (before + 1))
        unit.drive(in_valid=0)
        await pulse_reset(dut)
