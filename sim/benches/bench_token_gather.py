# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_token_gather under stalls on both sides: every word, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, start
from token_flow import IDLE, follow, plain

from sim import token_models

WORDS = 10


async def check(dut, unit: Unit, words: int, offered: str = "always", taken: str = "always") -> list[int]:
    count, width = unit.generics["tokens"], unit.generics["width"]
    tokens = [unit.random.getrandbits(width) for _ in range(words * count)]
    expected = token_models.token_gather(tokens, tokens_of_word=count, width=width)
    return await follow(dut, unit, plain(tokens, "in_data"), plain(expected, "out_data"), offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def words(dut, case: str, offered: str, taken: str) -> None:
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
    assert cycles == [unit.generics["tokens"] * (word + 1) for word in range(WORDS)]


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_word(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for cycles in range(1, unit.generics["tokens"] + 2):
        unit.drive(in_valid=1)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        await check(dut, unit, 2, "half", "half")
