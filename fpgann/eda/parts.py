# SPDX-License-Identifier: Apache-2.0
"""FPGAs that nextpnr places and routes designs for: how to name them to it, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One FPGA.

    Args:
        name: the name that users type.
        arguments: how nextpnr is told.
        luts: LUTs of it, by the family's count.
        dsps: DSP slices.
        blocks: block memories.
        pins: where the pins of the harness go; empty where nextpnr may choose.
    """

    name: str
    arguments: tuple[str, ...]
    luts: int
    dsps: int
    blocks: int
    pins: Mapping[str, str] | None = None

    def holds(self, luts: float, dsps: float, blocks: float) -> bool:
        """Whether a design fits by its counts; whether it can be routed is another matter."""
        return luts <= self.luts and dsps <= self.dsps and blocks <= self.blocks


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Place and route for one family.

    Args:
        tool: name of the tool.
        parts: the smallest first.
        target_mhz: what placement aims at.
        harness: Yosys' command for what surrounds the design, pads included.
        arguments: more arguments of nextpnr.
        out_of_context: arguments that let a design do without pins; None if every port needs one.
        constraints: argument and file for the places of pins, and a line of it for `{port}` and `{pin}`.
        text: argument and file of the routed design, as a packer takes it; the argument may end with `=`.
        packer: what makes a bitstream of that file; empty if nothing from PyPI does.
        feeds_carries: whether `fpgann.eda.carry_feed` has to repair carry chains first.
        remark: what is to be known about its figures.
    """

    tool: str
    parts: tuple[Part, ...]
    target_mhz: float
    harness: str
    arguments: tuple[str, ...] = ()
    out_of_context: tuple[str, ...] | None = None
    constraints: tuple[str, str] = ("", "")
    text: tuple[str, ...] = ()
    packer: str = ""
    feeds_carries: bool = False
    remark: str = ""


def _gowin(name: str, die: str, luts: int, dsps: int, blocks: int, pins: str) -> Part:
    names = ("clk", "rst", "shift", "serial_in", "serial_out")
    arguments = ("--device", name, "--vopt", f"family={die}")
    return Part(name, arguments, luts, dsps, blocks, dict(zip(names, pins.split(), strict=True)))


_ICE40 = ("--pcf-allow-unconstrained",)
TOOLCHAINS: dict[str, Toolchain] = {
    "ecp5": Toolchain(
        tool="nextpnr-ecp5",
        parts=(
            # the smallest is sold as 12 000 LUTs, and is the next larger die
            Part("lfe5u-12f", ("--12k", "--speed", "6"), 24_288, 28, 56),
            Part("lfe5u-25f", ("--25k", "--speed", "6"), 24_288, 28, 56),
            Part("lfe5u-45f", ("--45k", "--speed", "6"), 43_848, 72, 108),
            Part("lfe5u-85f", ("--85k", "--speed", "6"), 83_640, 156, 208),
        ),
        target_mhz=250,
        harness="synth_ecp5",
        arguments=("--lpf-allow-unconstrained", "--router", "router2"),  # the other one is slow on large designs
        out_of_context=("--out-of-context",),
        text=("--textcfg", "routed.config"),
        packer="ecppack",
    ),
    "ice40": Toolchain(
        tool="nextpnr-ice40",
        parts=(
            Part("ice40hx1k", ("--hx1k", "--package", "tq144", *_ICE40), 1280, 0, 16),
            Part("ice40up5k", ("--up5k", "--package", "sg48", *_ICE40), 5280, 8, 30),
            Part("ice40hx8k", ("--hx8k", "--package", "ct256", *_ICE40), 7680, 0, 32),
        ),
        target_mhz=100,
        harness="synth_ice40",
        text=("--asc", "routed.asc"),
        packer="icepack",
    ),
    "gatemate": Toolchain(
        tool="nextpnr-himbaechel-gatemate",
        parts=(
            # multipliers are made of logic elements
            Part("ccgm1a1", ("--device", "CCGM1A1"), 40_960, 1 << 20, 64),
            Part("ccgm1a2", ("--device", "CCGM1A2"), 81_920, 1 << 20, 128),
        ),
        target_mhz=100,
        harness="synth_gatemate -luttree -nomx8",
        arguments=("--vopt", "allow-unconstrained"),
        text=("--vopt", "out=routed.txt"),
        packer="gmpack",
    ),
    "gowin": Toolchain(
        tool="nextpnr-himbaechel-gowin",
        parts=(
            _gowin("GW1NR-LV9QN88PC6/I5", "GW1N-9C", 8640, 20, 26, "52 3 4 25 10"),
            _gowin("GW2A-LV18PG256C8/I7", "GW2A-18", 20_736, 96, 46, "H11 T10 T3 T2 C13"),
        ),
        target_mhz=200,
        harness="synth_gowin",
        constraints=("--vopt cst=pins.cst", 'IO_LOC "{port}" {pin};'),
        remark="nextpnr knows the delays of Gowin in part only: the frequency is an upper bound",
    ),
    "nexus": Toolchain(
        tool="nextpnr-nexus",
        parts=(
            Part(
                "LIFCL-40-9BG400C",
                ("--device", "LIFCL-40-9BG400C"),
                32_256,
                56,
                84,
                {"clk": "L13", "rst": "E17", "shift": "F13", "serial_in": "G13", "serial_out": "F14"},
            ),
        ),
        target_mhz=200,
        harness="synth_nexus",
        arguments=("--router", "router1"),  # the other one fails on clocks
        feeds_carries=True,
        constraints=("--pdc pins.pdc", "ldc_set_location -site {{{pin}}} [get_ports {port}]"),
    ),
}
"""Families that can be placed and routed."""
