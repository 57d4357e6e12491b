# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_requantize_runs: codes around the starts of runs, every channel in turn and at random."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, corner_bits, spread

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_item(dut, case: str) -> None:
    unit = Unit(dut, case)
    in_width, channels, starts = (unit.generics[name] for name in ("in_width", "channels", "starts"))
    count = (1 << unit.generics["bits"]) - 1
    items = [(code, channel) for channel in range(channels) for code in corner_bits(in_width)]
    chosen = range(len(starts)) if len(starts) <= 200 else unit.random.sample(range(len(starts)), 200)
    items += [(models.wrap(starts[index] + step, in_width), index // count) for index in chosen for step in (-1, 0, 1)]
    items += [(spread(in_width, unit.random), unit.random.randrange(channels)) for _ in range(200)]
    unit.random.shuffle(items)
    generics = {name: value for name, value in unit.generics.items() if name not in ("channels", "style")}
    expected = [models.requantize_runs(*item, **generics) for item in items]
    ports = [dict(zip(("in_data", "channel"), item, strict=True)) for item in items]
    await check_pipeline(dut, unit, ports, expected, models.requantize_runs_latency_cycles(unit.generics["bits"]))
