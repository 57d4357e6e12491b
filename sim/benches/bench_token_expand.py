# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_token_expand under stalls on both sides: every token, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, start
from token_flow import IDLE, follow, plain

from sim import token_models

ROWS = 6
SHAPE = ("columns", "row_factor", "column_factor", "width", "parts")


async def check(dut, unit: Unit, rows: int, offered: str = "always", taken: str = "always") -> list[int]:
    width = unit.generics["width"]
    tokens = [unit.random.getrandbits(width) for _ in range(rows * unit.generics["columns"])]
    expected = token_models.token_expand(tokens, **unit.pick(*SHAPE))
    return await follow(dut, unit, plain(tokens, "in_data"), plain(expected, "out_data"), offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def tokens(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await check(dut, unit, ROWS, offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A token a cycle at the output, from row to row too."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await check(dut, unit, ROWS)
    assert cycles == list(range(2, 2 + len(cycles)))


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_row(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for cycles in range(1, 2 * unit.generics["columns"] + 3):
        unit.drive(in_valid=1, in_data=1, out_ready=cycles % 2)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        unit.expect("out_valid", 0, "after reset")
        await check(dut, unit, 2, "half", "half")
