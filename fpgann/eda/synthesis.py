# SPDX-License-Identifier: Apache-2.0
"""Synthesis by Yosys, out of context: what a design costs, layer by layer."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpgann.eda.families import Family
from fpgann.eda.find import find_tool
from fpgann.eda.run import last_lines, run_tool
from fpgann.eda.sites import count_sites
from fpgann.errors import ToolFailedError

TIMEOUT_S = 4 * 3600.0
_BOXES = frozenset({"blackbox", "whitebox", "lib_whitebox"})
_KINDS = ("lut", "carry", "ff", "dsp", "bram", "bram36", "lutram", "srl")


@dataclass(frozen=True, slots=True)
class Cells:
    """What a module costs.

    Args:
        count: cells by kind (lut, carry, ff, dsp, bram or bram36, lutram, srl); carry in bits.
        sites: physical LUT sites, where the family's packing is known.
        types: cells by the family's own names.
    """

    count: Mapping[str, float]
    sites: int | None
    types: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain data, kinds that do not occur left out except LUTs, flip-flops and DSP slices."""
        kinds = {k: v for k, v in self.count.items() if v or k in ("lut", "ff", "dsp")}
        numbers = {k: int(v) if v == int(v) else v for k, v in kinds.items()}
        return (
            numbers
            | ({} if self.sites is None else {"sites": self.sites})
            | {"cells": dict(sorted(self.types.items()))}
        )


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A synthesised design.

    Args:
        family: for which family.
        tool: name and version of the synthesiser.
        total: cost of the whole design.
        modules: cost of each module that was kept apart, those inside it included.
        netlist: the mapped netlist, JSON of Yosys.
        verilog: the same as Verilog, for simulation.
        seconds: how long it took.
    """

    family: Family
    tool: str
    total: Cells
    modules: Mapping[str, Cells]
    netlist: Path
    verilog: Path
    seconds: float
    warnings: tuple[str, ...] = field(default=())


def synthesize(verilog: Path, top: str, family: Family, work: Path, keep: Sequence[str] = ()) -> Synthesis:
    """Synthesise a design without pads.

    Args:
        verilog: the design.
        top: the top module.
        family: what to map to.
        work: an existing folder for netlists and logs.
        keep: modules whose borders stay, so that each has a cost of its own.

    Raises:
        ToolNotFoundError: Yosys is missing.
        ToolFailedError: it failed, or ended without a netlist.
    """
    yosys = find_tool("yosys")
    # Yosys as WebAssembly sees no paths but those below its working folder
    shutil.copyfile(verilog, work / "design.v")
    script = work / "synth.ys"
    script.write_text(_script(top, family, keep))
    for stale in ("netlist.json", "netlist.v"):
        (work / stale).unlink(missing_ok=True)
    run = run_tool(
        [*yosys.command, "-q", "-s", "synth.ys"],
        cwd=work,
        timeout_s=TIMEOUT_S,
        log=work / "yosys.log",
        env=yosys.environment(),
        check=False,
    )
    netlist = work / "netlist.json"
    modules = _modules(netlist)
    if run.returncode != 0 or not modules or top not in modules:
        said = last_lines(run.output) or "it said nothing, as where memory runs out"
        raise ToolFailedError(
            f"it ended without a netlist (exit status {run.returncode}): {said}",
            where="yosys",
            hint=f"the whole log is {work / 'yosys.log'}",
        )
    own = {name: _own(module, modules, family) for name, module in modules.items()}
    total = _with_inner(top, modules, own, family)
    kept = {name: _with_inner(name, modules, own, family) for name in keep if name in modules}
    return Synthesis(family, f"yosys {yosys.version_text}", total, kept, netlist, work / "netlist.v", run.seconds)


def _script(top: str, family: Family, keep: Sequence[str]) -> str:
    command, _, options = family.command.partition(" ")
    # cells that a design names must be known before its hierarchy is
    cells = ["read_verilog -lib +/xilinx/cells_sim.v"] if command == "synth_xilinx" else []
    lines = [*cells, "read_verilog -sv design.v", f"hierarchy -check -top {top}"]
    lines += [f"setattr -mod -set keep_hierarchy 1 {name}" for name in keep]
    lines += [
        " ".join(part for part in (command, f"-top {top}", options) if part),
        "write_json netlist.json",
        "write_verilog -noattr netlist.v",
    ]
    return "\n".join([*lines, ""])


def _modules(netlist: Path) -> dict[str, Any]:
    """Modules that are no primitives of the family."""
    try:
        document = json.loads(netlist.read_text())
    except (OSError, ValueError):
        return {}
    return {
        name: module
        for name, module in document.get("modules", {}).items()
        if not _BOXES & module.get("attributes", {}).keys()
    }


def _own(module: Mapping[str, Any], modules: Mapping[str, Any], family: Family) -> Cells:
    """What lies in a module itself."""
    types = Counter(str(cell["type"]) for cell in module["cells"].values() if cell["type"] not in modules)
    count = Counter(dict.fromkeys(_KINDS, 0.0))
    for name, number in types.items():
        kind = family.kind(name)
        if kind is not None:
            count[kind[0]] += kind[1] * number
    sites = None
    if family.packs_sites:
        inner = {n: c for n, c in module["cells"].items() if c["type"] not in modules}
        found = count_sites({**module, "cells": inner})
        sites, count["carry"] = found.sites, float(found.carry_bits)
    return Cells(dict(count), sites, dict(types))


def _with_inner(name: str, modules: Mapping[str, Any], own: Mapping[str, Cells], family: Family) -> Cells:
    """What a module and all below it cost."""
    total = own[name]
    instances = Counter(str(c["type"]) for c in modules[name]["cells"].values() if c["type"] in modules)
    for inner, times in instances.items():
        below = _with_inner(inner, modules, own, family)
        count = {kind: total.count[kind] + times * below.count[kind] for kind in total.count}
        types = Counter(total.types)
        types.update({kind: times * number for kind, number in below.types.items()})
        sites = None if total.sites is None or below.sites is None else total.sites + times * below.sites
        total = Cells(count, sites, dict(types))
    return total
