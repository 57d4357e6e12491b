# SPDX-License-Identifier: Apache-2.0
"""Reads and writes fpgann_ram in every cycle, often the same word at once."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, Unit, spread, start

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_cycle(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, write=0, write_address=0, write_data=0, address=0)
    depth, width = unit.generics["depth"], unit.generics["width"]
    ram = models.Ram(unit.generics["words"])
    await first_contents(dut, unit, ram)
    for cycle in range(depth + 200):
        address = cycle if cycle < depth else unit.random.randrange(depth)
        write = unit.random.random() < 0.6
        write_address = address if unit.random.random() < 0.3 else unit.random.randrange(depth)
        write_data = spread(width, unit.random)
        unit.drive(write=int(write), write_address=write_address, write_data=write_data, address=address)
        ram.step(address=address, write=(write_address, write_data) if write else None)
        await FallingEdge(dut.clk)
        unit.expect("data", ram.data, f"address {address}, cycle {cycle}")


async def first_contents(dut, unit: Unit, ram: models.Ram) -> None:
    """All are as given but perhaps one: Verilator sees an edge at time 0, when `write` is still random."""
    changed = 0
    for address in range(len(ram.words)):
        unit.drive(address=address)
        await FallingEdge(dut.clk)
        found = unit.sample("data")
        assert isinstance(found, int), found
        changed += found != ram.words[address]
        ram.words[address] = found
    assert changed <= 1, f"{changed} words are not the first contents"
