# SPDX-License-Identifier: Apache-2.0
"""Checks every output of fpgann_depthwise_folded in every cycle: back to back, with pauses, through a reset."""

from __future__ import annotations

import bench_dense_folded
import cocotb
from harness import CASES, Unit, start

from sim import models


class Schedule(bench_dense_folded.Schedule):
    """The same as of a dense layer, but an item has inputs for every output."""

    model = staticmethod(models.depthwise_folded)

    def __init__(self, dut, unit: Unit) -> None:
        super().__init__(dut, unit)
        self.elements = unit.generics["inputs"] * unit.generics["outputs"]

    def items(self, count: int) -> list[int]:
        """Vectors of corners, then random ones."""
        return bench_dense_folded.items(self.unit, count, self.elements)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def back_to_back_and_with_pauses(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    for index, item in enumerate(schedule.items(16)):
        await schedule.send(item, pause=0 if index < 10 else unit.random.randrange(5))
    await schedule.drain()


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_at_any_time(dut, case: str) -> None:
    """After one cycle of reset the array is silent and takes the next item at once."""
    unit = Unit(dut, case)
    await start(dut, unit, in_valid=0, in_data=0)
    schedule = Schedule(dut, unit)
    sent = schedule.items(2)[-2:]
    for after in range(min(20, schedule.interval + 5)):
        for wait in range(after + 1):
            await schedule.step(sent[0] if wait % schedule.interval == 0 else None)
        await schedule.reset()
        await schedule.send(sent[1])
        await schedule.drain()
