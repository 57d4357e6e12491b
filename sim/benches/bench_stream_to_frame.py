# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_stream_to_frame under stalls on both sides: frames, damaged ones, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, STALLS, Unit, pulse_reset, start

from sim import models

FRAMES = 12
IDLE = {"in_valid": 0, "in_data": 0, "in_keep": 0, "in_last": 0, "out_ready": 0}
SHAPE = ("elements", "element_bits", "element_bytes", "beat_bytes")
Beat = tuple[int, int, bool]


def layout(unit: Unit) -> list[int]:
    return models.beat_layout(*unit.pick("elements", "element_bytes", "beat_bytes").values())


def packet(unit: Unit, beats: int | None = None, *, lacks_in: int | None = None) -> list[Beat]:
    """Random beats, the last one marked; bytes of no element are kept or not."""
    counts, beat_bytes = layout(unit), unit.generics["beat_bytes"]
    length = len(counts) if beats is None else beats
    result = []
    for index in range(length):
        wanted = (1 << (counts[min(index, len(counts) - 1)] * unit.generics["element_bytes"])) - 1
        keep = wanted | unit.random.getrandbits(beat_bytes)
        if index == lacks_in:
            keep &= ~(1 << (wanted.bit_length() - 1))
        result.append((unit.random.getrandbits(8 * beat_bytes), keep, index == length - 1))
    return result


async def follow(dut, unit: Unit, beats: list[Beat], offered: str, taken: str) -> int:
    """Send all beats and take all frames; the number of cycles from the first to the last frame taken."""
    expected = models.stream_to_frame(beats, **unit.pick(*SHAPE))
    sent, ends, taken_in, cycle, offers = 0, [], [], 0, False
    junk = unit.random.getrandbits(8 * unit.generics["beat_bytes"])
    while len(taken_in) < len(expected):
        assert cycle < 100 * (len(beats) + 10), f"{unit.name} hangs after {len(taken_in)} frames"
        offers = sent < len(beats) and (offers or STALLS[offered](unit.random, cycle))
        data, keep, last = beats[sent] if offers else (junk, 0, True)
        valid = unit.sample("out_valid")
        ready = bool(valid) and STALLS[taken](unit.random, cycle)
        unit.drive(in_valid=int(offers), in_data=data, in_keep=keep, in_last=int(last), out_ready=int(ready))
        await Timer(1, "ns")
        index = len(taken_in)
        unit.expect("out_valid", int(len(ends) > index), f"cycle {cycle}: {len(ends)} ended, {index} taken")
        unit.expect("in_ready", int(ready or len(ends) == index), f"cycle {cycle}")
        if valid:
            unit.expect("out_damaged", int(expected[index] is None), f"frame {index}, cycle {cycle}")
            if expected[index] is not None:
                unit.expect("out_data", expected[index], f"frame {index}, cycle {cycle}")
        if ready:
            taken_in.append(cycle)
        if offers and unit.sample("in_ready"):
            sent, offers = sent + 1, False
            if last:
                ends.append(cycle)
        await FallingEdge(dut.clk)
        cycle += 1
    unit.drive(**IDLE)
    return taken_in[-1] - taken_in[0]


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def frames(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await follow(dut, unit, [beat for _ in range(FRAMES) for beat in packet(unit)], offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=["always", "half"])
async def damaged_frames(dut, case: str, offered: str) -> None:
    """Every length from one beat to too many, every beat without a byte, each between good frames."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    count = len(layout(unit))
    beats = packet(unit)
    for wrong in range(count + 3):
        beats += packet(unit, wrong + 1) + packet(unit)
    for wrong in range(count):
        beats += packet(unit, lacks_in=wrong) + packet(unit)
    await follow(dut, unit, beats, offered, offered)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A beat a cycle, without a pause between frames."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await follow(dut, unit, [beat for _ in range(10) for beat in packet(unit)], "always", "always")
    assert cycles == 9 * len(layout(unit))


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_frame(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for beats in range(len(layout(unit)) + 1):
        for data, keep, _ in packet(unit, beats):
            unit.drive(in_valid=1, in_data=data, in_keep=keep, in_last=int(beats == len(layout(unit))))
            await FallingEdge(dut.clk)
        dut.rst.value = 1
        await Timer(1, "ns")
        unit.expect("in_ready", 0, "in reset")
        await pulse_reset(dut)
        unit.drive(**IDLE)
        await follow(dut, unit, packet(unit) + packet(unit), "half", "half")
