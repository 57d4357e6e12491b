# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_collect in every cycle: when a frame comes out, what it holds, and how long it stays."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, corner_bits, pulse_reset, spread, start

from sim import models

CYCLES = 200


async def follow(dut, unit: Unit, beats: list[int | None]) -> int:
    """Send one beat (or none) a cycle from the first cycle after a reset; the number of frames seen."""
    groups, width = unit.generics["groups"], unit.generics["group_width"]
    sent: list[int] = []
    frames = 0
    for cycle, beat in enumerate([*beats, None]):
        complete = len(sent) // groups
        unit.expect("out_valid", int(complete > frames), f"cycle {cycle}")
        if complete > frames:
            frames = complete
        if sent and len(sent) % groups == 0:  # stays until a beat of the next frame was taken
            unit.expect("out_data", models.collect(sent, groups, width)[-1], f"frame {frames - 1}, cycle {cycle}")
        unit.drive(in_valid=int(beat is not None), in_data=unit.random.getrandbits(width) if beat is None else beat)
        if beat is not None:
            sent.append(beat)
        await FallingEdge(dut.clk)
    return frames


def stimulus(unit: Unit, pattern: str) -> list[int | None]:
    width = unit.generics["group_width"]
    values = corner_bits(width) + [spread(width, unit.random) for _ in range(CYCLES)]
    return [values[cycle] if STALLS[pattern](unit.random, cycle) else None for cycle in range(CYCLES)]


@cocotb.test()
@cocotb.parametrize(case=CASES, pattern=list(STALLS))
async def every_cycle(dut, case: str, pattern: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    await follow(dut, unit, stimulus(unit, pattern))


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """N beats give N / GROUPS frames in N + 1 cycles."""
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    frames = await follow(
        dut, unit, [spread(unit.generics["group_width"], unit.random)] * (5 * unit.generics["groups"])
    )
    assert frames == 5


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_frame(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    for before in range(unit.generics["groups"] + 1):
        await follow(dut, unit, stimulus(unit, "half")[:30])
        unit.drive(in_valid=1)
        for _ in range(before):
            await FallingEdge(dut.clk)
        unit.drive(in_valid=0)
        await pulse_reset(dut)
    await follow(dut, unit, stimulus(unit, "half")[:30])
