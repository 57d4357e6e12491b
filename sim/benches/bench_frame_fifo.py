# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_frame_fifo in every cycle behind a pipeline of random latency, and that no place is wasted."""

from __future__ import annotations

from collections import deque

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, STALLS, Unit, pulse_reset, spread, start

from sim import models

CYCLES = 300
IDLE = {"reserve": 0, "in_valid": 0, "in_data": 0, "out_ready": 0}


async def follow(dut, unit: Unit, offers: list[bool], readies: list[bool], latency: int) -> int:
    """Reserve where there is an offer and room; the frame comes `latency` cycles later. Frames that came out."""
    try:
        return await _follow(dut, unit, offers, readies, latency)
    finally:
        unit.drive(**IDLE)  # after a failure too: nobody watches over the room any more


async def _follow(dut, unit: Unit, offers: list[bool], readies: list[bool], latency: int) -> int:
    fifo = models.FrameFifo(unit.generics["depth"])
    pipeline: deque[int | None] = deque([None] * latency)
    came_out = 0
    for cycle, (offer, out_ready) in enumerate(zip(offers, readies, strict=True)):
        context = f"cycle {cycle}, latency {latency}"
        unit.expect("room", int(fifo.room), context)
        unit.expect("out_valid", int(fifo.out_data is not None), context)
        if fifo.out_data is not None:
            unit.expect("out_data", fifo.out_data, context)
            came_out += out_ready
        reserve = offer and fifo.room
        pipeline.append(spread(unit.generics["width"], unit.random) if reserve else None)
        in_data = pipeline.popleft()
        junk = unit.random.getrandbits(unit.generics["width"])
        unit.drive(
            reserve=int(reserve),
            in_valid=int(in_data is not None),
            in_data=junk if in_data is None else in_data,
            out_ready=int(out_ready),
        )
        fifo.step(reserve=reserve, in_data=in_data, out_ready=out_ready)
        await FallingEdge(dut.clk)
    return came_out


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def every_cycle(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for latency in (0, 1, 5):
        offers = [STALLS[offered](unit.random, cycle) for cycle in range(CYCLES)]
        readies = [STALLS[taken](unit.random, cycle) for cycle in range(CYCLES)]
        await follow(dut, unit, offers, readies, latency)
        await pulse_reset(dut)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def fills_up_and_empties(dut, case: str) -> None:
    """A consumer that waits long loses nothing: DEPTH frames and the one at the output."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    wait = 2 * unit.generics["depth"] + 10
    came_out = await follow(dut, unit, [True] * wait + [False] * wait, [False] * wait + [True] * wait, 3)
    assert came_out == unit.generics["depth"] + 1


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A frame a cycle if there are as many places as a frame spends cycles between reserve and output register."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    latency = unit.generics["depth"] - models.frame_fifo_latency_cycles()
    if latency < 0:
        return
    wait = latency + models.frame_fifo_latency_cycles()
    assert await follow(dut, unit, [True] * (50 + wait), [True] * (50 + wait), latency) == 50
