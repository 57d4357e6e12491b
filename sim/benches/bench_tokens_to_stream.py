# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_tokens_to_stream under stalls on both sides: every beat, its keep and last, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, start
from token_flow import IDLE, follow, plain

from sim import token_models

MAPS = 4
SHAPE = ("tokens", "beats", "per_beat", "element_bits", "element_signed", "element_bytes")


async def check(dut, unit: Unit, maps: int, offered: str = "always", taken: str = "always") -> list[int]:
    width = unit.generics["beats"] * unit.generics["per_beat"] * unit.generics["element_bits"]
    data = [unit.random.getrandbits(width) for _ in range(maps * unit.generics["tokens"])]
    beats = token_models.tokens_to_stream(data, **unit.pick(*SHAPE))
    expected = [{"out_data": bits, "out_keep": keep, "out_last": int(last)} for bits, keep, last in beats]
    return await follow(dut, unit, plain(data, "in_data"), expected, offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def maps(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await check(dut, unit, MAPS, offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A beat a cycle, without a pause between tokens and maps."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await check(dut, unit, MAPS)
    assert cycles == list(range(1, len(cycles) + 1))


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_stops_a_map(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for cycles in range(1, unit.generics["tokens"] * unit.generics["beats"] + 1):
        unit.drive(in_valid=1, in_data=1, out_ready=1)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        unit.expect("out_valid", 0, "after reset")
        await check(dut, unit, 2, "half", "half")
