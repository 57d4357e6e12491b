# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_token_reduce under stalls on both sides: every result, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, corner_bits, pulse_reset, spread, start
from token_flow import IDLE, follow, plain

from sim import models, token_models

RESULTS = 10
SHAPE = ("in_width", "in_signed", "out_width", "kind")


async def check(dut, unit: Unit, results: int, offered: str = "always", taken: str = "always") -> list[int]:
    count, size, width = (unit.generics[name] for name in ("tokens", "elements", "in_width"))
    pick = unit.random.choice

    def token() -> int:
        return models.pack([pick([pick(corner_bits(width)), spread(width, unit.random)]) for _ in range(size)], width)

    tokens = [token() for _ in range(results * count)]
    expected = token_models.token_reduce(tokens, tokens_of_result=count, token_elements=size, **unit.pick(*SHAPE))
    return await follow(dut, unit, plain(tokens, "in_data"), plain(expected, "out_data"), offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def results(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await check(dut, unit, RESULTS, offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A token a cycle, without a pause between results."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await check(dut, unit, RESULTS)
    assert cycles == [unit.generics["tokens"] * (word + 1) for word in range(RESULTS)]


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_result(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for cycles in range(1, unit.generics["tokens"] + 2):
        unit.drive(in_valid=1, in_data=1)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        await check(dut, unit, 2, "half", "half")
