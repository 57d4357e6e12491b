# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_token_scatter under stalls on both sides: every token, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, start
from token_flow import IDLE, follow, plain

from sim import token_models

WORDS = 10


async def check(dut, unit: Unit, words: int, offered: str = "always", taken: str = "always") -> list[int]:
    count, width = unit.generics["tokens"], unit.generics["width"]
    data = [unit.random.getrandbits(width * count) for _ in range(words)]
    expected = token_models.token_scatter(data, tokens_of_word=count, width=width)
    return await follow(dut, unit, plain(data, "in_data"), plain(expected, "out_data"), offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def tokens(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await check(dut, unit, WORDS, offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A token a cycle, without a pause between words."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await check(dut, unit, WORDS)
    assert cycles == list(range(1, WORDS * unit.generics["tokens"] + 1))


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_stops_a_word(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for cycles in range(1, unit.generics["tokens"] + 2):
        unit.drive(in_valid=1, in_data=1, out_ready=1)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        unit.expect("out_valid", 0, "after reset")
        await check(dut, unit, 2, "half", "half")
