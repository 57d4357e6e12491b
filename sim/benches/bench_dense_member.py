# SPDX-License-Identifier: Apache-2.0
"""Checks request, out_valid and out_group of fpgann_dense_member in every cycle: with pauses, and through a reset."""

from __future__ import annotations

import cocotb
from bench_dense_folded import items
from cocotb.triggers import FallingEdge
from harness import CASES, Unit, start

from sim import models

GENERICS = (
    *("inputs", "outputs", "pe", "simd", "in_width", "in_signed"),
    *("array_width", "weight_width", "bias_width", "weights", "biases"),
)


class Schedule:
    """Sends items in chosen cycles and checks all outputs in all cycles."""

    def __init__(self, dut, unit: Unit) -> None:
        self.dut = dut
        self.unit = unit
        self.pause = unit.generics["pause"]
        self.interval = models.dense_folded_interval_cycles(**unit.pick("inputs", "outputs", "pe", "simd"))
        self.requests: dict[int, int] = {}
        self.groups: dict[int, int] = {}
        self.cycle = 0

    async def step(self, item: int | None) -> None:
        """One cycle, with an item or without."""
        where = f"cycle {self.cycle}"
        self.unit.expect("request", self.requests.pop(self.cycle, 0), where)
        self.unit.expect("out_valid", int(self.cycle in self.groups), where)
        if self.cycle in self.groups:
            self.unit.expect("out_group", self.groups.pop(self.cycle), where)
        if item is not None:
            begin = self.cycle + self.pause
            requests = models.dense_requests(item, **self.unit.pick(*GENERICS))
            self.requests |= {begin + 1 + step: request for step, request in enumerate(requests)}
            for group in range(self.unit.generics["outputs"] // self.unit.generics["pe"]):
                latency = models.dense_folded_latency_cycles(group, **self.unit.pick("inputs", "simd"))
                self.groups[begin + latency] = group
        noise = self.unit.random.getrandbits(self.unit.generics["inputs"] * self.unit.generics["in_width"])
        self.unit.drive(in_valid=int(item is not None), in_data=noise if item is None else item)
        await FallingEdge(self.dut.clk)
        self.cycle += 1

    async def send(self, item: int, pause: int = 0) -> None:
        """An item, and the cycles it needs, and a pause."""
        for wait in range(self.pause + self.interval + pause):
            await self.step(item if wait == 0 else None)

    async def drain(self) -> None:
        """Until nothing is due, and a little longer."""
        while self.requests or self.groups:
            await self.step(None)
        for _ in range(5):
            await self.step(None)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def back_to_back_and_with_pauses(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    for index, item in enumerate(items(unit, 10)):
        await schedule.send(item, pause=0 if index < 8 else unit.random.randrange(5))
    await schedule.drain()


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_at_any_time(dut, case: str) -> None:
    """After one cycle of reset nothing is asked for, and the next item is taken at once."""
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    first, second = items(unit, 2)[-2:]
    for after in range(schedule.pause + schedule.interval + 3):
        for wait in range(after + 1):
            await schedule.step(first if wait == 0 else None)
        dut.rst.value = 1
        schedule.requests = {cycle: what for cycle, what in schedule.requests.items() if cycle <= schedule.cycle}
        schedule.groups = {cycle: what for cycle, what in schedule.groups.items() if cycle <= schedule.cycle}
        await schedule.step(None)
        dut.rst.value = 0
        await schedule.send(second)
        await schedule.drain()
