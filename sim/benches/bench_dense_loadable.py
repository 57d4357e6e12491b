# SPDX-License-Identifier: Apache-2.0
"""Loads other weights and biases into fpgann_dense_loadable and checks every output before and after."""

from __future__ import annotations

import cocotb
from bench_dense_folded import Schedule, items
from cocotb.triggers import FallingEdge
from harness import CASES, Unit, spread, start

from sim import models

IDLE = {"load_valid": 0, "load_address": 0, "load_data": 0, "in_valid": 0, "in_data": 0}


async def load(dut, unit: Unit, name: str, lanes: int, width: int, base: int) -> None:
    """Write random elements into a memory, word by word; the bench knows them from then on."""
    words, load_words = unit.generics[name], unit.generics["load_words"]
    memory = models.LoadableMemory(words=words, lanes=lanes, width=width, base=base, load_words=load_words)
    history = 0
    for address in range(base, base + memory.size):
        history = spread(32, unit.random) << 32 * (load_words - 1) | history >> 32
        unit.drive(load_valid=1, load_address=address, load_data=history)
        memory.load(address, history)
        await FallingEdge(dut.clk)
    unit.drive(load_valid=0)
    unit.generics[name] = [memory.word(index) for index in range(len(words))]


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def before_and_after(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    multipliers = unit.generics["pe"] * unit.generics["simd"]
    for loaded in ((), ("weights",), ("biases",), ("weights", "biases")):
        for name in loaded:
            lanes, width = (multipliers, "weight_width") if name == "weights" else (unit.generics["pe"], "bias_width")
            await load(dut, unit, name, lanes, unit.generics[width], unit.generics[f"{name}_base"])
        schedule = Schedule(dut, unit)
        for item in items(unit, 6):
            await schedule.send(item)
        await schedule.drain()
