# SPDX-License-Identifier: Apache-2.0
"""Reads every address of fpgann_weight_rom, in order and at random, with and without a code book."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_word(dut, case: str) -> None:
    unit = Unit(dut, case)
    words = unit.generics["words"]
    addresses = [*range(len(words)), *(unit.random.randrange(len(words)) for _ in range(100))]
    items = [{"address": address} for address in addresses]
    shape = {"lanes": unit.generics["lanes"], "width": unit.generics["width"], "book": unit.generics.get("book", ())}
    expected = [models.weight_rom(address, words, **shape) for address in addresses]
    await check_pipeline(dut, unit, items, expected, models.rom_latency_cycles(), output="data")
