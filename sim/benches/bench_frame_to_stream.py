# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_frame_to_stream under stalls on both sides: every beat, its keep and last, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, STALLS, Unit, corner_bits, pulse_reset, spread, start

from sim import models

FRAMES = 12
IDLE = {"in_valid": 0, "in_data": 0, "out_ready": 0}
SHAPE = ("elements", "element_bits", "element_signed", "element_bytes", "beat_bytes")


def frame(unit: Unit) -> int:
    """Random elements, corners among them."""
    bits = unit.generics["element_bits"]
    corners = corner_bits(bits)
    pick = unit.random.choice
    codes = [pick([pick(corners), spread(bits, unit.random)]) for _ in range(unit.generics["elements"])]
    return models.pack(codes, bits)


async def follow(dut, unit: Unit, frames: list[int], offered: str, taken: str) -> int:
    """Send all frames and take all beats; the number of cycles from the first to the last beat."""
    expected = [beat for word in frames for beat in models.frame_to_stream(word, **unit.pick(*SHAPE))]
    width = unit.generics["elements"] * unit.generics["element_bits"]
    sent, beats, taken_in, cycle, offers = 0, 0, [], 0, False
    while len(taken_in) < len(expected):
        assert cycle < 100 * (len(expected) + 10), f"{unit.name} hangs after {len(taken_in)} beats"
        offers = sent < len(frames) and (offers or STALLS[offered](unit.random, cycle))
        ready = STALLS[taken](unit.random, cycle)
        unit.drive(
            in_valid=int(offers),
            in_data=frames[sent] if offers else unit.random.getrandbits(width),
            out_ready=int(ready),
        )
        await Timer(1, "ns")
        index = len(taken_in)
        unit.expect("out_valid", int(beats > index), f"cycle {cycle}")
        free = beats == index or (ready and beats == index + 1)
        unit.expect("in_ready", int(free), f"cycle {cycle}")
        if beats > index:
            for port, value in zip(("out_data", "out_keep", "out_last"), expected[index], strict=True):
                unit.expect(port, int(value), f"beat {index}, cycle {cycle}")
            if ready:
                taken_in.append(cycle)
        if offers and free:
            sent, offers = sent + 1, False
            beats += len(expected) // len(frames)
        await FallingEdge(dut.clk)
        cycle += 1
    unit.drive(**IDLE)
    return taken_in[-1] - taken_in[0]


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def frames(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await follow(dut, unit, [frame(unit) for _ in range(FRAMES)], offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A beat a cycle, without a pause between frames."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    shape = unit.pick("elements", "element_bytes", "beat_bytes")
    cycles = await follow(dut, unit, [frame(unit) for _ in range(10)], "always", "always")
    assert cycles == 10 * len(models.beat_layout(*shape.values())) - 1


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_stops_a_frame(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for cycles in range(1, 6):
        unit.drive(in_valid=1, in_data=frame(unit), out_ready=1)
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        unit.drive(**IDLE)
        await pulse_reset(dut)
        unit.expect("out_valid", 0, "after reset")
        await follow(dut, unit, [frame(unit), frame(unit)], "half", "half")
