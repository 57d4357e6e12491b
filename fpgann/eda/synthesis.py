# SPDX-License-Identifier: Apache-2.0
"""Synthesis by Yosys, out of context: what a design costs, layer by layer.

Borders of stages stay, so that each has a cost of its own: nothing is shared across them, and registers of one stage
are not merged into another. Inside a stage everything is flattened.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpgann.eda.families import Family
from fpgann.eda.find import find_tool
from fpgann.eda.progress import YOSYS_PHASE, Progress, follow, silent
from fpgann.eda.run import ToolRun, last_lines, run_tool
from fpgann.eda.sites import count_sites
from fpgann.eda.tools import TOOL_BY_NAME
from fpgann.errors import ToolFailedError

TIMEOUT_S = 4 * 3600.0
_BOXES = frozenset({"blackbox", "whitebox", "lib_whitebox"})
_KINDS = ("lut", "carry", "ff", "dsp", "bram", "bram36", "lutram", "srl")
_BLOCK_36K = 36_864
_MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
_INSTANCE = re.compile(r"^  (\w+) (\w+) \($", re.MULTILINE)
LOG, NETLIST, MAPPED = "yosys.log", "netlist.json", "netlist.v"


@dataclass(frozen=True, slots=True)
class Cells:
    """What a module costs.

    Args:
        count: cells by kind (lut, carry, ff, dsp, bram or bram36, lutram, srl); carry in bits, lutram in LUTs.
        sites: physical LUT sites, where the family's packing is known.
        types: cells by the family's own names.
    """

    count: Mapping[str, float]
    sites: int | None
    types: Mapping[str, int]

    def figures(self, family: Family) -> dict[str, float]:
        """By the names of report.json: LUTs that the fabric gives up, bits of carry chains, 36 Kb block memories.

        `lut` is sites of LUTs where the packing is known; else LUT cells, and the LUTs that carry chains and
        distributed memories take. `bram36` is measured in bits where blocks have another size.
        """
        count = self.count
        taken = count["carry"] * family.carry_luts + count["lutram"]
        figures = {
            "lut": count["lut"] + taken if self.sites is None else float(self.sites),
            "lut_cells": count["lut"],
            "carry": count["carry"],
            "ff": count["ff"],
            "dsp": count["dsp"],
            "bram36": count["bram36"] + round(count["bram"] * family.block_bits / _BLOCK_36K, 2),
            "lutram": count["lutram"],
            "srl": count["srl"],
        }
        return {kind: int(value) if value == int(value) else value for kind, value in figures.items()}

    def __add__(self, other: Cells) -> Cells:
        """Both together."""
        sites = None if self.sites is None or other.sites is None else self.sites + other.sites
        count = {kind: self.count[kind] + other.count[kind] for kind in _KINDS}
        return Cells(count, sites, dict(Counter(self.types) + Counter(other.types)))

    def times(self, copies: int) -> Cells:
        """Several of the same."""
        count = {kind: copies * number for kind, number in self.count.items()}
        types = {name: copies * number for name, number in self.types.items()}
        return Cells(count, None if self.sites is None else copies * self.sites, types)


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A synthesised design.

    Args:
        family: for which family.
        tool: name and version of the synthesiser.
        total: cost of the whole design.
        modules: cost of each module that was kept apart, without those inside it that were kept apart as well.
        rest: cost of what lies in none of them.
        netlist: the mapped netlist, JSON of Yosys.
        seconds: how long it took.
    """

    family: Family
    tool: str
    total: Cells
    modules: Mapping[str, Cells]
    rest: Cells
    netlist: Path
    seconds: float


def instances(verilog: str) -> dict[str, dict[str, str]]:
    """Module -> its instances -> their modules, of Verilog as GHDL writes it."""
    starts = [*_MODULE.finditer(verilog)]
    ends = [*(start.start() for start in starts[1:]), len(verilog)]
    return {
        start[1]: {match[2]: match[1] for match in _INSTANCE.finditer(verilog, start.end(), end)}
        for start, end in zip(starts, ends, strict=True)
    }


def synthesize(
    verilog: str, top: str, family: Family, work: Path, keep: Sequence[str] = (), progress: Progress = silent
) -> Synthesis:
    """Synthesise a design without pads.

    Args:
        verilog: the design.
        top: the top module.
        family: what to map to.
        work: an existing folder; it gets design.v, synth.ys, yosys.log, netlist.json, and netlist.v for simulation.
        keep: modules whose borders stay, so that each has a cost of its own.
        progress: takes the phases of the synthesis.

    Raises:
        ToolNotFoundError: Yosys is missing.
        ToolFailedError: it failed, ended without a netlist, or left operations that are no cells of the family.
    """
    yosys = find_tool("yosys", at_least=TOOL_BY_NAME["yosys"].minimum)
    # Yosys as WebAssembly sees no paths but those below its working folder
    (work / "design.v").write_text(verilog, encoding="utf-8")
    (work / "synth.ys").write_text(_script(top, family, keep), encoding="utf-8")
    run = _run_yosys(work, "synth.ys", LOG, progress)
    modules = _modules(work / NETLIST)
    if run.returncode != 0 or top not in modules:
        said = last_lines(run.output) or "it said nothing, as where memory runs out"
        raise ToolFailedError(
            f"it ended without a netlist (exit status {run.returncode}): {said}",
            where="yosys",
            hint=f"the whole log is {work / LOG}",
        )
    own = {name: _own(module, modules, family) for name, module in modules.items()}
    apart = frozenset(keep) & modules.keys()
    kept = {name: _with_inner(name, modules, own, leave_out=apart) for name in apart}
    rest = _with_inner(top, modules, own, leave_out=apart)
    total = _with_inner(top, modules, own)
    return Synthesis(family, f"yosys {yosys.version_text}", total, kept, rest, work / NETLIST, run.seconds)


def synthesize_around(verilog: str, top: str, command: str, work: Path, netlist: Path) -> Path:
    """Synthesise what surrounds a netlist, and put both together.

    Args:
        verilog: the surroundings, with the module of the netlist as a black box.
        top: their top module.
        command: Yosys' synthesis command without the top module.
        work: an existing folder; it gets <top>.v and <top>.json.
        netlist: JSON of the mapped module.

    Returns:
        JSON of all of it.
    """
    (work / f"{top}.v").write_text(verilog, encoding="utf-8")
    lines = [f"read_verilog -sv {top}.v", _command(command, top), f"write_json {top}.json"]
    (work / f"{top}.ys").write_text("\n".join([*lines, ""]), encoding="utf-8")
    outcome = work / f"{top}.json"
    outcome.unlink(missing_ok=True)
    run = _run_yosys(work, f"{top}.ys", f"{top}.log", silent)
    if run.returncode != 0 or not outcome.is_file():
        hint = f"the whole log is {work / f'{top}.log'}"
        raise ToolFailedError(f"it made no '{outcome.name}': {last_lines(run.output)}", where="yosys", hint=hint)
    document, inner = json.loads(outcome.read_text()), json.loads(netlist.read_text())
    document["modules"] |= inner["modules"]  # the black box gives way to the netlist
    outcome.write_text(json.dumps(document))
    return outcome


def _run_yosys(work: Path, script: str, log: str, progress: Progress) -> ToolRun:
    """Run a script; its output is what Yosys complains about, its log what it does."""
    yosys = find_tool("yosys")
    for stale in (work / NETLIST, work / MAPPED, work / log) if script == "synth.ys" else (work / log,):
        stale.unlink(missing_ok=True)
    with follow(work / log, YOSYS_PHASE, progress):
        return run_tool(
            [*yosys.command, "-q", "-L", log, "-s", script],
            cwd=work,
            timeout_s=TIMEOUT_S,
            env=yosys.environment(),
            check=False,
        )


def _command(command: str, top: str) -> str:
    name, _, options = command.partition(" ")
    return " ".join(part for part in (name, f"-top {top}", options) if part)


def _script(top: str, family: Family, keep: Sequence[str]) -> str:
    # cells that a design names must be known before its hierarchy is
    cells = ["read_verilog -lib +/xilinx/cells_sim.v"] if family.command.startswith("synth_xilinx") else []
    lines = [*cells, "read_verilog -sv design.v", f"hierarchy -check -top {top}"]
    lines += [f"setattr -mod -set keep_hierarchy 1 {name}" for name in keep]
    lines += [
        _command(family.command, top),
        f"write_json {NETLIST}",
        f"write_verilog -noattr {MAPPED}",
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
    types = Counter({name: number for name, number in types.items() if name != "$scopeinfo"})
    unmapped = sorted(name for name in types if name.startswith("$"))
    if unmapped:
        hint = "report it, with the design"
        raise ToolFailedError(f"it left {', '.join(unmapped)}, which {family.title} has not", where="yosys", hint=hint)
    count = dict.fromkeys(_KINDS, 0.0)
    for name, number in types.items():
        kind = family.kind(name)
        if kind is not None:
            count[kind[0]] += kind[1] * number
    sites = None
    if family.packs_sites:
        inner = {n: c for n, c in module["cells"].items() if c["type"] not in modules}
        found = count_sites({**module, "cells": inner})
        sites, count["carry"] = found.sites, float(found.carry_bits)
    return Cells(count, sites, dict(types))


def _with_inner(
    name: str, modules: Mapping[str, Any], own: Mapping[str, Cells], leave_out: frozenset[str] = frozenset()
) -> Cells:
    """What a module and all below it cost."""
    total = own[name]
    instances = Counter(str(c["type"]) for c in modules[name]["cells"].values() if c["type"] in modules)
    for inner, times in instances.items():
        if inner not in leave_out:
            total += _with_inner(inner, modules, own, leave_out).times(times)
    return total
