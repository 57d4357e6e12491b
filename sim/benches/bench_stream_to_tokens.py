# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_stream_to_tokens under stalls on both sides: tokens, damaged packets, throughput, reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, STALLS, Unit, pulse_reset, start
from token_flow import follow, plain

from sim import token_models

PACKETS = 8
IDLE = {"in_valid": 0, "in_data": 0, "in_keep": 0, "in_last": 0, "out_ready": 0}
SHAPE = ("tokens", "beats", "per_beat", "element_bits", "element_bytes")
Beat = tuple[int, int, bool]


def whole(unit: Unit) -> int:
    return unit.generics["tokens"] * unit.generics["beats"]


def packet(unit: Unit, length: int, *, lacks_in: int | None = None) -> list[Beat]:
    """Random beats, the last one marked; bytes of no element are kept or not."""
    beat_bytes, used = unit.generics["beat_bytes"], unit.generics["per_beat"] * unit.generics["element_bytes"]
    kept = [(1 << used) - 1 | unit.random.getrandbits(beat_bytes) for _ in range(length)]
    if lacks_in is not None:
        kept[lacks_in] &= ~(1 << unit.random.randrange(used))
    return [(unit.random.getrandbits(8 * beat_bytes), keep, i == length - 1) for i, keep in enumerate(kept)]


async def check(
    dut, unit: Unit, packets: list[list[Beat]], offered: str = "always", taken: str = "always"
) -> list[int]:
    """Send packets, take all tokens, and count the pulses of is_wrong."""
    tokens, wrong = token_models.stream_to_tokens(packets, **unit.pick(*SHAPE))
    items = [{"in_data": data, "in_keep": keep, "in_last": int(last)} for p in packets for data, keep, last in p]
    pulses = 0

    async def count() -> None:
        nonlocal pulses
        while True:
            await FallingEdge(dut.clk)
            pulses += unit.sample("is_wrong") == 1

    counting = cocotb.start_soon(count())
    cycles = await follow(dut, unit, items, plain(tokens, "out_data"), offered, taken)
    counting.cancel()
    assert pulses == wrong, f"{pulses} pulses of is_wrong, {wrong} wrong packets"
    return cycles


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def packets(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    await check(dut, unit, [packet(unit, whole(unit)) for _ in range(PACKETS)], offered, taken)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=["always", "half"])
async def damaged_packets(dut, case: str, offered: str) -> None:
    """Every length from one beat to too many, every beat without a byte, each between good packets."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    sent = []
    for length in range(1, whole(unit) + 4):
        sent += [packet(unit, length), packet(unit, whole(unit))]
    for beat in range(whole(unit)):
        sent += [packet(unit, whole(unit), lacks_in=beat), packet(unit, whole(unit))]
    sent += [packet(unit, 2 * whole(unit))] * 2 + [packet(unit, 1)] * 3
    await check(dut, unit, sent, offered, offered)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def throughput(dut, case: str) -> None:
    """A beat a cycle, without a pause between packets."""
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    cycles = await check(dut, unit, [packet(unit, whole(unit)) for _ in range(PACKETS)])
    assert cycles == [unit.generics["beats"] * (token + 1) for token in range(len(cycles))]


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_starts_a_packet(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for beats in range(1, whole(unit) + 1):
        for data, keep, last in packet(unit, beats):
            unit.drive(in_valid=1, in_data=data, in_keep=keep, in_last=int(last), out_ready=1)
            await FallingEdge(dut.clk)
        dut.rst.value = 1
        await Timer(1, "ns")
        unit.expect("in_ready", 0, "in reset")
        await pulse_reset(dut)
        unit.drive(**IDLE)
        await check(dut, unit, [packet(unit, whole(unit))] * 2, "half", "half")
