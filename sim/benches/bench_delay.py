# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_delay in every cycle, through a reset as well."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, Unit, pulse_reset, start, stored_codes

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_cycle(dut, case: str) -> None:
    unit = Unit(dut, case)
    cycles = unit.generics["cycles"]
    items = stored_codes(unit.generics["width"], unit.random, count=50)
    await start(dut, unit, in_data=0)
    for cycle, (item, expected) in enumerate(zip(items, models.delay(items, cycles), strict=True)):
        unit.drive(in_data=item)
        await Timer(1, "ns")
        if cycle >= cycles or unit.generics["resets"]:
            unit.expect("out_data", expected, f"cycle {cycle}")
        await FallingEdge(dut.clk)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset(dut, case: str) -> None:
    """One cycle of reset empties all stages that reset, and no other."""
    unit = Unit(dut, case)
    cycles, ones = unit.generics["cycles"], (1 << unit.generics["width"]) - 1
    await start(dut, unit, in_data=ones)
    for _ in range(cycles + 1):
        await FallingEdge(dut.clk)
    await pulse_reset(dut)
    for cycle in range(2 * cycles + 1):
        empty = unit.generics["resets"] and cycle < cycles
        unit.expect("out_data", 0 if empty else ones, f"{cycle} cycles after the reset")
        await FallingEdge(dut.clk)
