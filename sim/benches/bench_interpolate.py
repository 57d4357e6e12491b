# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_interpolate on every code, or on corners, bounds and random ones where there are too many."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, stored_codes

from sim import models


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_code(dut, case: str) -> None:
    unit = Unit(dut, case)
    in_width = unit.generics["in_width"]
    bounds = [models.wide(unit.generics[bound], in_width + 1) for bound in ("low", "high")]
    near = [0, *bounds, *(-bound for bound in bounds), *range(-20, 20, 3)]
    codes = stored_codes(in_width, unit.random, near=near, count=400, exhaustive_bits=10)
    generics = {name: value for name, value in unit.generics.items() if name != "style"}
    expected = [models.interpolate(code, **generics) for code in codes]
    items = [{"in_data": code} for code in codes]
    latency = models.interpolate_latency_cycles(split=unit.generics["split"])
    await check_pipeline(dut, unit, items, expected, latency)
