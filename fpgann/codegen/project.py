# SPDX-License-Identifier: Apache-2.0
"""Hand-over to other tools, as text: scripts for Vivado, Quartus and Yosys, IP-XACT, FuseSoC, a list of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fpgann.codegen.project_ports import BusView, PortView, view_top
from fpgann.codegen.render import render, render_markup
from fpgann.hardware.design import Design
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.token_graph import Streams

VIVADO_PART = "xczu7ev-ffvc1156-2-e"
QUARTUS_PART = "10CX220YF780E5G"
_VIVADO_PREFIX = "xc"
_QUARTUS_FAMILIES = {  # by how part numbers begin
    "5ce": "Cyclone V",
    "5cg": "Cyclone V",
    "5cs": "Cyclone V",
    "10cl": "Cyclone 10 LP",
    "10cx": "Cyclone 10 GX",
    "10a": "Arria 10",
    "10m": "MAX 10",
    "1s": "Stratix 10",
    "ag": "Agilex 7",
    "a5e": "Agilex 5",
    "a3c": "Agilex 3",
    "ep4ce": "Cyclone IV E",
    "ep4cgx": "Cyclone IV GX",
}
_SCRIPTS = ("files.txt", "vivado.tcl", "clock.xdc", "quartus.tcl", "clock.sdc", "yosys.ys")
_ADDRESS_PAGE = 4096  # the least that an interconnect decodes


@dataclass(frozen=True, slots=True)
class FileView:
    """A VHDL file: its library, and its path in the build."""

    library: str
    path: str
    in_library: bool


@dataclass(frozen=True, slots=True)
class ProjectView:
    """Vocabulary of all templates in templates/project/."""

    top: str
    title: str
    vivado_part: str
    quartus_part: str
    quartus_family: str
    period_ns: str
    clock: str
    reset: str
    files: tuple[FileView, ...]
    has_verilog: bool
    ports: tuple[PortView, ...]
    buses: tuple[BusView, ...]
    has_addresses: bool
    memory_map: str
    address_range: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants of vendor tools.

    Args:
        clock_period_ns: of the clock.
        device: part number; scripts of other vendors' tools, or all if it is None, name an example.
    """

    clock_period_ns: float
    device: str | None = None


def render_project(
    design: Design,
    rtl: Mapping[str, str],
    wanted: Wanted,
    streams: Streams | None = None,
    loading: AddressMap | None = None,
) -> dict[str, str]:
    """Every file for other tools by its path in the build.

    The descriptions stand beside rtl/, not in scripts/: neither IP-XACT nor FuseSoC looks outside of its own folder.

    Args:
        design: the design.
        rtl: files below rtl/, with compile_order.txt.
        wanted: clock and part.
        streams: AXI4-Stream interfaces around it, if it has any.
        loading: addresses of the weights that are loaded at run time, if it has such.
    """
    top = view_top(design, streams, loading)
    device = wanted.device or ""
    quartus_part = device if _quartus_family(device) else QUARTUS_PART
    view = ProjectView(
        top=design.name,
        title=f"{design.name}: a neural network of {len(design.stages)} layers",
        vivado_part=device if device.lower().startswith(_VIVADO_PREFIX) else VIVADO_PART,
        quartus_part=quartus_part,
        quartus_family=_quartus_family(quartus_part),
        period_ns=f"{wanted.clock_period_ns:.3f}",
        clock=top.clock,
        reset=top.reset,
        files=tuple(_file(line) for line in rtl["compile_order.txt"].splitlines()),
        has_verilog=f"{design.name}.v" in rtl,
        ports=top.ports,
        buses=top.buses,
        has_addresses=loading is not None,
        memory_map=next((bus.memory_map for bus in top.buses if bus.has_memory), ""),
        address_range=0 if loading is None else max(_ADDRESS_PAGE, 1 << loading.address_bits),
    )
    found = {f"scripts/{name}": render(f"project/{name}.j2", view) for name in _SCRIPTS}
    found["component.xml"] = render_markup("project/component.xml.j2", view)
    found[f"{design.name}.core"] = render("project/fusesoc.core.j2", view)
    return found


def _file(line: str) -> FileView:
    library, _, path = line.partition(" ")
    return FileView(library, f"rtl/{path}", library != "work")


def _quartus_family(part: str) -> str:
    """What Quartus calls the family of a part; nothing if it is not one of Intel's."""
    fitting = (family for prefix, family in _QUARTUS_FAMILIES.items() if part.lower().startswith(prefix))
    return next(fitting, "")
