# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_requantize_shift on corners, ties, saturation bounds and random codes."""

from __future__ import annotations

import cocotb
from harness import CASES, Unit, check_pipeline, stored_codes

from sim import models


def decisions(unit: Unit) -> list[int]:
    """Codes where the result changes: ties and integers around zero and around the bounds."""
    shift, out_width = unit.generics["shift"], unit.generics["out_width"]
    if shift < 0:
        return [models.wide(unit.generics[bound], out_width + 1) >> -shift for bound in ("low", "high")]
    bounds = [models.wide(unit.generics[bound], out_width + 1) for bound in ("low", "high")]
    half = (1 << shift) >> 1
    return [(bound + step << shift) + part for bound in (0, *bounds) for step in (-2, -1, 0, 1) for part in (0, half)]


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def every_code(dut, case: str) -> None:
    unit = Unit(dut, case)
    codes = stored_codes(unit.generics["in_width"], unit.random, near=decisions(unit))
    expected = [models.requantize_shift(code, **unit.generics) for code in codes]
    items = [{"in_data": code} for code in codes]
    await check_pipeline(dut, unit, items, expected, models.requantize_shift_latency_cycles())
