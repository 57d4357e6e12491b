# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_window_buffer under stalls on both sides: every window, maps without a pause, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, start
from token_flow import IDLE, follow, plain

from sim import token_models

MAPS = 3
GEOMETRY = (
    *("rows", "columns", "kernel_rows", "kernel_columns", "dilation_rows", "dilation_columns"),
    *("pad_top", "pad_bottom", "pad_left", "pad_right"),
)
SHAPE = ("token_width", "groups", "stride_rows", "stride_columns", "fill", *GEOMETRY)


def maps(unit: Unit, count: int) -> list[int]:
    """Random tokens."""
    tokens = count * unit.generics["rows"] * unit.generics["columns"]
    return [unit.random.getrandbits(unit.generics["token_width"]) for _ in range(tokens)]


async def check(dut, unit: Unit, tokens: list[int], offered: str = "always", taken: str = "always") -> list[int]:
    windows = token_models.window_buffer(tokens, **unit.pick(*SHAPE))
    return await follow(dut, unit, plain(tokens, "in_data"), plain(windows, "out_data"), offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def windows(dut, case: str, offered: str, taken: str) -> None:
    """Several maps; the last one comes out whole though nothing follows it, and then another one."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await check(dut, unit, maps(unit, MAPS), offered, taken)
    await check(dut, unit, maps(unit, 1), offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A place a cycle, from map to map too."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await check(dut, unit, maps(unit, 4))
    count = len(cycles) // 4
    wanted = token_models.window_buffer_cycles(**unit.pick(*GEOMETRY))
    assert cycles[3 * count - 1] - cycles[2 * count - 1] == wanted
    assert cycles[3 * count] - cycles[2 * count] == wanted


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_map(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    places = unit.generics["rows"] * unit.generics["columns"]
    for cycles in (1, 2, places // 2, places + 3, 2 * places + 5):
        for token in maps(unit, 3)[:cycles]:
            unit.drive(in_valid=1, in_data=token, out_ready=cycles % 2)
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        unit.expect("out_valid", 0, "after reset")
        await check(dut, unit, maps(unit, 1), "half", "half")
