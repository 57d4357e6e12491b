# SPDX-License-Identifier: Apache-2.0
"""Loads fpgann_loadable_memory element by element, tries every address around it, and reads all words meanwhile."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, Unit, start

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_address(dut, case: str) -> None:
    """In order, then at random: each address hits or not, and each hit writes what it should, or nothing."""
    unit = Unit(dut, case)
    await start(dut, unit, load_valid=0, load_address=0, load_data=0, address=0)
    shape = unit.pick("words", "lanes", "width", "base", "load_words")
    memory = models.LoadableMemory(**shape)
    depth, space = unit.generics["depth"], 1 << unit.generics["address_width"]
    near = range(max(0, memory.base - 4), min(space, memory.base + memory.size + 4))
    addresses = [
        *near,
        *(unit.random.choice(near) for _ in range(300)),
        *(unit.random.randrange(space) for _ in range(20)),
    ]
    await first_contents(dut, unit, memory)
    for cycle, load_address in enumerate(addresses):
        load_valid = cycle < len(near) or unit.random.random() < 0.8
        load_data = unit.random.getrandbits(32 * unit.generics["load_words"])
        address = unit.random.randrange(depth)
        unit.drive(load_valid=int(load_valid), load_address=load_address, load_data=load_data, address=address)
        await Timer(1, "ns")
        unit.expect("load_hit", int(memory.hits(load_address)), f"load_address {load_address}")
        expected = memory.word(address)
        if load_valid:
            memory.load(load_address, load_data)
        await FallingEdge(dut.clk)
        unit.expect("data", expected, f"address {address}, cycle {cycle}")
    unit.drive(load_valid=0)
    await read_all(dut, unit, memory)


async def read_all(dut, unit: Unit, memory: models.LoadableMemory) -> None:
    """Every word is what the model holds."""
    for address in range(unit.generics["depth"]):
        unit.drive(address=address)
        await FallingEdge(dut.clk)
        unit.expect("data", memory.word(address), f"address {address}")


async def first_contents(dut, unit: Unit, memory: models.LoadableMemory) -> None:
    """All are as given but perhaps one: Verilator sees an edge at time 0, when `load_valid` is still random."""
    changed = 0
    for address in range(unit.generics["depth"]):
        unit.drive(address=address)
        await FallingEdge(dut.clk)
        found = unit.sample("data")
        assert isinstance(found, int), found
        changed += found != memory.word(address)
        memory.rows[address] = models.elements(found, memory.lanes, memory.width)
    assert changed <= 1, f"{changed} words are not the first contents"
