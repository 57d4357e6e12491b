# SPDX-License-Identifier: Apache-2.0
"""Layers whose sums name AMD's cells: random matrices, several adders a cycle, in GHDL and Verilator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fpgann import api
from fpgann.config import CompileOptions, Target, override
from fpgann.hardware.options import TernaryAdders
from tests.conftest import require_tool
from tests.cosim.models import Network


def compile_random(
    folder: Path, seed: int, adders_per_stage: int, cells: TernaryAdders, *, verilog: bool
) -> api.Design:
    """Two layers with random weights; the first ends in a staircase."""
    network = Network(9, seed).quantize("entry", 5, 0.1).dense("hidden", 7, scale=0.1).node("Relu", name="relu")
    network.quantize("middle", 4, 0.3, signed=False).dense("last", 4, scale=0.05)
    options = override(CompileOptions(), strategy="unrolled", target=Target.VERILOG if verilog else Target.VHDL)
    hardware = replace(options.hardware, adders_per_stage=adders_per_stage, ternary_adders=cells)
    return api.compile(network.write(folder / "net.onnx"), folder / "build", replace(options, hardware=hardware))


@pytest.mark.parametrize(
    ("simulator", "seed", "adders_per_stage", "cells"),
    [
        ("ghdl", 1, 2, TernaryAdders.CARRY8),
        ("ghdl", 2, 3, TernaryAdders.CARRY4),
        pytest.param("verilator", 3, 4, TernaryAdders.CARRY8, marks=pytest.mark.slow),
        pytest.param("verilator", 4, 3, TernaryAdders.CARRY8, marks=pytest.mark.slow),
        pytest.param("verilator", 5, 2, TernaryAdders.CARRY4, marks=pytest.mark.slow),
    ],
)
def test_sums_of_cells_are_exact(
    tmp_path: Path, simulator: str, seed: int, adders_per_stage: int, cells: TernaryAdders
) -> None:
    for tool in (simulator, "cocotb", "libpython"):
        require_tool(tool)
    design = compile_random(tmp_path, seed, adders_per_stage, cells, verilog=simulator == "verilator")
    text = "".join(path.read_text() for path in (tmp_path / "build" / "rtl").glob("net_*.vhd"))
    assert "fpgann.fpgann_compress6" in text or "fpgann.fpgann_full_adders" in text
    design.simulate(simulator=simulator).require_exact()
