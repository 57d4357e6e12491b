# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_requantize_lines: codes at, below and above breaks, with lines of random corners."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, corner_bits, spread

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_item(dut, case: str) -> None:
    unit = Unit(dut, case)
    names = ("in_width", "factor_width", "offset_width", "pieces")
    in_width, factor_width, offset_width, pieces = (unit.generics[name] for name in names)
    items = []
    for index in range(500):
        low = -(1 << in_width)
        starts = sorted(models.wide(spread(in_width + 1, unit.random), in_width + 1) for _ in range(pieces))
        code = spread(in_width, unit.random) if index % 4 else unit.random.choice(corner_bits(in_width))
        if index % 3:  # beside a break
            code = models.wrap(unit.random.choice(starts) + index % 3 - 2 + index % 2, in_width)
        starts[0] = low if index % 5 else starts[0]
        factors = [spread(factor_width, unit.random) for _ in range(pieces)]
        offsets = [spread(offset_width, unit.random) for _ in range(pieces)]
        packed = (
            models.pack(starts, in_width + 1),
            models.pack(factors, factor_width),
            models.pack(offsets, offset_width),
        )
        items.append((code, *packed))
    expected = [models.requantize_lines(*item, **unit.generics) for item in items]
    ports = [dict(zip(("in_data", "breaks", "factors", "offsets"), item, strict=True)) for item in items]
    await check_pipeline(dut, unit, ports, expected, models.requantize_lines_latency_cycles())
