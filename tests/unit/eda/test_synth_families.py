# SPDX-License-Identifier: Apache-2.0
"""What each cell of a family counts as."""

from __future__ import annotations

import pytest

from fpgann.eda.families import FAMILIES
from fpgann.eda.parts import TOOLCHAINS
from fpgann.eda.synthesis import Cells, instances

CELLS = [
    ("xcup", "LUT6_2", ("lut", 1)),
    ("xcup", "INV", ("lut", 1)),
    ("xcup", "CARRY8", ("carry", 8)),
    ("xcup", "FDSE", ("ff", 1)),
    ("xcup", "DSP48E2", ("dsp", 1)),
    ("xcup", "RAMB18E2", ("bram36", 0.5)),
    ("xcup", "RAMB36E2", ("bram36", 1.0)),
    ("xcup", "RAM32M16", ("lutram", 8)),
    ("xc7", "RAM32M", ("lutram", 4)),
    ("ecp5", "TRELLIS_DPR16X4", ("lutram", 6)),
    ("xc7", "SRLC32E", ("srl", 1)),
    ("xc7", "MUXF7", None),
    ("ecp5", "CCU2C", ("carry", 2)),
    ("ecp5", "PFUMX", None),
    ("ecp5", "DP16KD", ("bram", 1)),
    ("ice40", "SB_DFFESR", ("ff", 1)),
    ("ice40", "SB_RAM40_4KNR", ("bram", 1)),
    ("gatemate", "CC_L2T5", ("lut", 1)),
    ("gatemate", "CC_BRAM_40K", ("bram", 2)),
    ("gowin", "DFFRE", ("ff", 1)),
    ("gowin", "MULT9X9", ("dsp", 1)),
    ("gowin", "SDPX9B", ("bram", 1)),
    ("gowin", "VCC", None),
    ("nexus", "FD1P3IX", ("ff", 1)),
    ("nexus", "MULT18X18", ("dsp", 1)),
    ("intel_alm", "MISTRAL_ALUT_ARITH", ("carry", 1)),
    ("intel_alm", "MISTRAL_MUL27X27", ("dsp", 1)),
]


@pytest.mark.parametrize(("family", "cell", "kind"), CELLS)
def test_a_cell(family: str, cell: str, kind: tuple[str, float] | None) -> None:
    assert FAMILIES[family].kind(cell) == kind


def cells(**count: float) -> Cells:
    kinds = ("lut", "carry", "ff", "dsp", "bram", "bram36", "lutram", "srl")
    return Cells(dict.fromkeys(kinds, 0.0) | count, None, {})


def test_carries_and_memories_take_luts_where_the_fabric_has_no_other_place() -> None:
    found = cells(lut=10, carry=8, lutram=2, bram=3)
    assert found.figures(FAMILIES["ecp5"])["lut"] == 10 + 8 + 2
    assert found.figures(FAMILIES["ice40"])["lut"] == 10 + 2
    assert found.figures(FAMILIES["ecp5"])["bram36"] == 1.5
    assert found.figures(FAMILIES["ice40"])["bram36"] == 0.33


def test_cells_add_up() -> None:
    assert (cells(lut=1, ff=2) + cells(lut=3).times(2)).count == cells(lut=7, ff=2).count


def test_instances_are_found_in_verilog() -> None:
    verilog = "module top\n  (input clk);\n  top_dense dense_stage (\n    .clk(clk));\n  reg x;\nendmodule\n"
    assert instances(verilog + "module idle (input x);\nendmodule\n") == {
        "top": {"dense_stage": "top_dense"},
        "idle": {},
    }


def test_parts_grow_and_belong_to_families() -> None:
    assert set(TOOLCHAINS) <= set(FAMILIES)
    for flow in TOOLCHAINS.values():
        assert [part.luts for part in flow.parts] == sorted(part.luts for part in flow.parts)
        assert len({part.name.lower() for part in flow.parts}) == len(flow.parts)
