# SPDX-License-Identifier: Apache-2.0
"""Checks every output of fpgann_dense_folded in every cycle: back to back, with pauses, through a reset."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge
from harness import CASES, Unit, corner_bits, spread, start

from sim import models

GENERICS = (
    *("inputs", "outputs", "pe", "simd", "in_width", "in_signed"),
    *("weight_width", "bias_width", "acc_width", "weights", "biases"),
)


def items(unit: Unit, count: int, inputs: int | None = None) -> list[int]:
    """Vectors of corners, then random ones; of as many elements as a sum has products if nothing else is said."""
    inputs, width = inputs or unit.generics["inputs"], unit.generics["in_width"]
    corners = [models.pack([code] * inputs, width) for code in corner_bits(width)]
    one_hot = [models.pack([0] * index + [1], width) for index in range(inputs)]
    random = [models.pack([spread(width, unit.random) for _ in range(inputs)], width) for _ in range(count)]
    return corners[:4] + one_hot[:8] + random


class Schedule:
    """Sends items in chosen cycles and checks all outputs in all cycles."""

    model = staticmethod(models.dense_folded)

    def __init__(self, dut, unit: Unit) -> None:
        self.dut = dut
        self.unit = unit
        self.shape = unit.pick("inputs", "outputs", "pe", "simd")
        self.interval = models.dense_folded_interval_cycles(**self.shape)
        self.elements = unit.generics["inputs"]
        self.coded = unit.pick("book") if "book" in unit.generics else {}
        self.due: dict[int, tuple[int, int]] = {}
        self.cycle = 0

    async def step(self, item: int | None) -> None:
        """One cycle, with an item or without."""
        group, acc = self.due.get(self.cycle, (0, 0))
        self.unit.expect("out_valid", int(self.cycle in self.due), f"cycle {self.cycle}")
        if self.cycle in self.due:
            self.unit.expect("out_group", group, f"cycle {self.cycle}")
            self.unit.expect("out_acc", acc, f"group {group}, cycle {self.cycle}")
            del self.due[self.cycle]
        if item is not None:
            for group, acc in enumerate(self.model(item, **self.unit.pick(*GENERICS), **self.coded)):
                latency = models.dense_folded_latency_cycles(group, **self.unit.pick("inputs", "simd"))
                self.due[self.cycle + latency] = (group, acc)
        width = self.elements * self.unit.generics["in_width"]
        noise = self.unit.random.getrandbits(width)
        self.unit.drive(in_valid=int(item is not None), in_data=noise if item is None else item)
        await FallingEdge(self.dut.clk)
        self.cycle += 1

    async def send(self, item: int, pause: int = 0) -> None:
        """An item, and the cycles it needs, and a pause."""
        for wait in range(self.interval + pause):
            await self.step(item if wait == 0 else None)

    async def drain(self) -> None:
        """Until nothing is due, and a little longer."""
        while self.due:
            await self.step(None)
        for _ in range(5):
            await self.step(None)

    async def reset(self) -> None:
        """One cycle of reset: nothing is due any more."""
        self.dut.rst.value = 1
        self.due = {cycle: what for cycle, what in self.due.items() if cycle <= self.cycle}
        await self.step(None)
        self.dut.rst.value = 0


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def back_to_back(dut, case: str) -> None:
    """N items in N * STEPS cycles and the latency of one group."""
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    sent = items(unit, 10)
    for item in sent:
        await schedule.send(item)
    last = max(schedule.due)
    assert last == len(sent) * schedule.interval + models.neuron_latency_cycles(unit.generics["simd"])
    await schedule.drain()


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def with_pauses(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    for index, item in enumerate(items(unit, 10)):
        await schedule.send(item, pause=index % 4 if index < 8 else unit.random.randrange(10))
    await schedule.drain()


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_at_any_time(dut, case: str) -> None:
    """After one cycle of reset the array is silent and takes the next item at once."""
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    sent = items(unit, 2)[-2:]
    for after in range(min(20, schedule.interval + 5)):
        for wait in range(after + 1):
            await schedule.step(sent[0] if wait % schedule.interval == 0 else None)
        await schedule.reset()
        await schedule.send(sent[1])
        await schedule.drain()
