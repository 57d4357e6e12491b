# SPDX-License-Identifier: Apache-2.0
"""The shift register around a design: every port has its bits, and only clock and reset have pins of their own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fpgann.codegen.harness import HARNESS, INSTANCE, render_harness

PARALLEL = {"clk": ("input", 1), "rst": ("input", 1), "in_valid": ("input", 1), "in_x": ("input", 12)}
PARALLEL |= {"in_ready": ("output", 1), "out_y": ("output", 7), "out_valid": ("output", 1)}
STREAM = {"aclk": ("input", 1), "aresetn": ("input", 1), "s_axis_tdata": ("input", 8), "m_axis_tready": ("input", 1)}
STREAM |= {"s_axis_tready": ("output", 1), "m_axis_tdata": ("output", 16)}


def ports(described: dict[str, tuple[str, int]]) -> dict[str, Any]:
    return {name: {"direction": way, "bits": list(range(2, 2 + bits))} for name, (way, bits) in described.items()}


@pytest.mark.parametrize("described", [PARALLEL, STREAM], ids=["parallel", "stream"])
def test_every_bit_is_connected_once(described: dict[str, tuple[str, int]]) -> None:
    verilog = render_harness("top", ports(described))
    for word, way in (("stimulus", "input"), ("result", "output")):
        found = re.findall(rf"\.(\w+)\({word}\[(\d+):(\d+)\]\)", verilog)
        widths = {name: int(high) - int(low) + 1 for name, high, low in found}
        plain = {"clk", "rst", "aclk", "aresetn"}
        assert widths == {n: bits for n, (w, bits) in described.items() if w == way and n not in plain}
        taken = sorted(bit for _, high, low in found for bit in range(int(low), int(high) + 1))
        assert taken == list(range(sum(widths.values())))
        declared = {"stimulus": f"reg [{len(taken) - 1}:0] stimulus;", "result": f"wire [{len(taken) - 1}:0] result;"}
        assert declared[word] in verilog
    assert f"module {HARNESS} (" in verilog
    assert f"  top {INSTANCE} (" in verilog


def test_clock_and_reset() -> None:
    assert ".clk(clk)" in render_harness("top", ports(PARALLEL))
    assert ".rst(reset)" in render_harness("top", ports(PARALLEL))
    assert ".aclk(clk)" in render_harness("top", ports(STREAM))
    assert ".aresetn(~reset)" in render_harness("top", ports(STREAM))
