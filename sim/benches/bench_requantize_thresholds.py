# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_requantize_thresholds: codes at, below and above random thresholds, rising and falling."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, corner_bits, spread

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_item(dut, case: str) -> None:
    unit = Unit(dut, case)
    in_width, out_width, steps = (unit.generics[name] for name in ("in_width", "out_width", "steps"))
    items = [
        (code, models.pack([threshold] * steps, in_width + 1), falling, base)
        for code in corner_bits(in_width)
        for threshold in corner_bits(in_width + 1)
        for falling, base in ((0, 0), (1, corner_bits(out_width + 1)[-1]))
    ]
    for index in range(400):
        row = [spread(in_width + 1, unit.random) for _ in range(steps)]
        code = spread(in_width, unit.random)
        if index % 4:  # beside a threshold
            code = models.wrap(unit.random.choice(row) + index % 4 - 2, in_width)
        items.append(
            (code, models.pack(row, in_width + 1), unit.random.getrandbits(1), unit.random.getrandbits(out_width + 1))
        )
    expected = [models.requantize_thresholds(*item, **unit.generics) for item in items]
    ports = [dict(zip(("in_data", "thresholds", "falling", "base"), item, strict=True)) for item in items]
    await check_pipeline(dut, unit, ports, expected, models.requantize_thresholds_latency_cycles())
