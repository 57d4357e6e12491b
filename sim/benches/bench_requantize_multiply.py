# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_requantize_multiply on corners, on products that fall just on or below an output, at random."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, corner_bits, spread

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_item(dut, case: str) -> None:
    unit = Unit(dut, case)
    widths = [unit.generics[name] for name in ("in_width", "factor_width", "offset_width")]
    items = [
        (code, factor, offset)
        for code in corner_bits(widths[0])
        for factor in corner_bits(widths[1])
        for offset in corner_bits(widths[2])[:4]
    ]
    for index in range(400):
        code, factor, offset = (spread(width, unit.random) for width in widths)
        if index % 2:  # an offset that puts the sum on a multiple of 2**SHIFT, or just below
            product = models.to_code(code, widths[0], is_signed=unit.generics["in_signed"]) * models.wide(
                factor, widths[1]
            )
            missing = -(product % (1 << unit.generics["shift"])) - unit.random.randrange(2)
            offset = models.wrap(missing, widths[2])
        items.append((code, factor, offset))
    expected = [models.requantize_multiply(*item, **unit.generics) for item in items]
    ports = [dict(zip(("in_data", "factor", "offset"), item, strict=True)) for item in items]
    await check_pipeline(dut, unit, ports, expected, models.requantize_multiply_latency_cycles())
