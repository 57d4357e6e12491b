# SPDX-License-Identifier: Apache-2.0
"""FPGA families that Yosys synthesises for: its command, and what each of its cells is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fpgann.eda.sites import MEMORY_LUTS

_XILINX_MEMORY = {r"RAMB36E\d": ("bram36", 1.0), r"RAMB18E\d": ("bram36", 0.5), r"SRL\w+": ("srl", 1)}
_XILINX = {
    r"LUT[1-6]|LUT6_2|INV": ("lut", 1),
    r"CARRY4": ("carry", 4),
    r"CARRY8": ("carry", 8),
    r"FD\w+": ("ff", 1),
    r"DSP48E\d": ("dsp", 1),
    **{rf"({pattern})\w*": ("lutram", luts) for pattern, luts in MEMORY_LUTS.items()},
    **_XILINX_MEMORY,
}


@dataclass(frozen=True, slots=True)
class Family:
    """One family.

    Args:
        name: the name that users type.
        title: what it is.
        command: Yosys' synthesis command without the top module; ports are not buffered.
        cells: pattern of a cell type -> what it counts as, and how many.
        lut_inputs: inputs of its LUTs.
        packs_sites: whether LUTs and carry chains are packed into sites of 6-input LUTs.
        carry_luts: LUTs that a carry position takes, where nothing is packed.
        block_bits: bits of a block memory, which is what `bram` counts.
        models: files of Yosys' share folder with simulation models of the cells.
    """

    name: str
    title: str
    command: str
    cells: Mapping[str, tuple[str, float]] = field(repr=False)
    lut_inputs: int = 6
    packs_sites: bool = False
    carry_luts: int = 1
    block_bits: int = 36_864
    models: tuple[str, ...] = ()

    def kind(self, cell: str) -> tuple[str, float] | None:
        """What a cell counts as, and how many; None for what costs nothing (buffers, multiplexers of a slice)."""
        return next((count for pattern, count in self.cells.items() if re.fullmatch(pattern, cell)), None)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "xcup",
            "AMD UltraScale+",
            "synth_xilinx -family xcup -flatten -noiopad -noclkbuf",
            _XILINX,
            packs_sites=True,
            models=("xilinx/cells_sim.v",),
        ),
        Family(
            "xc7",
            "AMD 7 series",
            "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
            _XILINX,
            packs_sites=True,
            models=("xilinx/cells_sim.v",),
        ),
        Family(
            "ecp5",
            "Lattice ECP5",
            "synth_ecp5",
            {
                "LUT4": ("lut", 1),
                "CCU2C": ("carry", 2),
                "TRELLIS_FF": ("ff", 1),
                "MULT18X18D": ("dsp", 1),
                "DP16KD|PDPW16KD": ("bram", 1),
                "TRELLIS_DPR16X4": ("lutram", 6),  # three slices: Lattice TN1264
            },
            lut_inputs=4,
            block_bits=18_432,
            models=("ecp5/cells_sim.v",),
        ),
        Family(
            "ice40",
            "Lattice iCE40",
            "synth_ice40 -dsp",
            {
                "SB_LUT4": ("lut", 1),
                "SB_CARRY": ("carry", 1),
                r"SB_DFF\w*": ("ff", 1),
                "SB_MAC16": ("dsp", 1),
                r"SB_RAM40_4K\w*": ("bram", 1),
            },
            lut_inputs=4,
            carry_luts=0,  # the carry stands beside the LUT that adds
            block_bits=4096,
            models=("ice40/cells_sim.v",),
        ),
        Family(
            "gatemate",
            "Cologne Chip GateMate",
            "synth_gatemate -luttree -nomx8 -noiopad -noclkbuf",
            {
                r"CC_LUT\d|CC_L2T\d|CC_MX[24]": ("lut", 1),
                "CC_ADDF": ("carry", 1),
                "CC_DFF|CC_DLT": ("ff", 1),
                "CC_MULT": ("dsp", 1),
                "CC_BRAM_20K": ("bram", 1),
                "CC_BRAM_40K": ("bram", 2),
            },
            lut_inputs=4,
            block_bits=20_480,
            models=("gatemate/cells_sim.v",),
        ),
        Family(
            "gowin",
            "Gowin GW1N, GW2A",
            "synth_gowin -noiopads",
            {
                r"LUT[1-4]": ("lut", 1),
                "ALU": ("carry", 1),
                r"DFF\w*": ("ff", 1),
                r"MULT\w+": ("dsp", 1),
                r"S?DPX?9?B?|SP(X9)?|pROM(X9)?": ("bram", 1),
                r"RAM16S\w+": ("lutram", 4),
            },
            lut_inputs=4,
            block_bits=18_432,
            models=("gowin/cells_sim.v",),
        ),
        Family(
            "nexus",
            "Lattice Nexus",
            "synth_nexus -noiopad",
            {
                "LUT4|INV": ("lut", 1),
                "CCU2": ("carry", 2),
                r"FD1P3\w+": ("ff", 1),
                r"MULT\w+|MULTADD\w+|MULTPREADD\w+": ("dsp", 1),
                r"PDP\w*16K\w*|DP16K\w*": ("bram", 1),
                "DPR16X4": ("lutram", 6),
            },
            lut_inputs=4,
            block_bits=18_432,
            models=("nexus/cells_sim.v",),
        ),
        Family(
            "intel_alm",
            "Intel Cyclone V",
            "synth_intel_alm -family cyclonev -noiopad -noclkbuf",
            {
                r"MISTRAL_ALUT[1-6]|MISTRAL_NOT": ("lut", 1),
                "MISTRAL_ALUT_ARITH": ("carry", 1),
                r"MISTRAL_FF": ("ff", 1),
                r"MISTRAL_MUL\w+": ("dsp", 1),
                r"MISTRAL_M10K": ("bram", 1),
                r"MISTRAL_MLAB": ("lutram", 1),
            },
            block_bits=10_240,
            models=tuple(f"intel_alm/common/{name}_sim.v" for name in ("alm", "dff", "dsp", "mem", "misc")),
        ),
    )
}
