# SPDX-License-Identifier: Apache-2.0
"""Checks acc of fpgann_neuron after every item, for sums of random length without a pause."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, corner_bits, spread

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_sum(dut, case: str) -> None:
    unit = Unit(dut, case)
    simd, in_width, weight_width = (unit.generics[name] for name in ("simd", "in_width", "weight_width"))
    bias_width = unit.generics["bias_width"]
    # corners meet corners, in all lanes
    items = [
        (True, models.pack([code] * simd, in_width), models.pack([weight] * simd, weight_width), bias)
        for code in corner_bits(in_width)
        for weight in corner_bits(weight_width)
        for bias in corner_bits(bias_width)[:3]
    ]
    items += [
        (
            unit.random.random() < 0.2,
            models.pack([spread(in_width, unit.random) for _ in range(simd)], in_width),
            models.pack([spread(weight_width, unit.random) for _ in range(simd)], weight_width),
            spread(bias_width, unit.random),
        )
        for _ in range(300)
    ]
    ports = [dict(zip(("first", "in_data", "weights", "bias"), map(int, item), strict=True)) for item in items]
    expected = models.neuron(
        items, **unit.pick("simd", "in_width", "in_signed", "weight_width", "bias_width", "acc_width")
    )
    await check_pipeline(dut, unit, ports, expected, models.neuron_latency_cycles(simd), output="acc")
