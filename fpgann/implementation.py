# SPDX-License-Identifier: Apache-2.0
"""From a BUILD folder to cells, places and wires: synthesis, placement, routing, bitstream."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpgann import resources
from fpgann.codegen.build_folder import write_file
from fpgann.codegen.harness import HARNESS, INSTANCE, render_harness
from fpgann.codegen.manifest import to_json
from fpgann.cosim.verilog import find_verilog
from fpgann.documents import Pattern, check_document, read_document
from fpgann.eda.cell_models import models_for
from fpgann.eda.families import FAMILIES, Family
from fpgann.eda.find import find_tool
from fpgann.eda.placement import (
    Netlist,
    Placement,
    choose_parts,
    pack_bitstream,
    part_named,
    place_and_route,
    toolchain_of,
)
from fpgann.eda.progress import Progress, silent
from fpgann.eda.synthesis import MAPPED, Synthesis, instances, synthesize, synthesize_around
from fpgann.errors import ConfigError, FormatError
from fpgann.report.cells import ESTIMATED, describe_synthesis

FOLDER, RESULT = "synth", "synth.json"
_RESULT: Pattern = {"family": str, "rtl_sha256": str}


@dataclass(frozen=True, slots=True)
class Routing:
    """What is wanted of place and route.

    Args:
        bitstream: whether a bitstream is wanted; then the design stands in a harness.
        device: name of the part; None takes the smallest that it fits.
        seeds: one placement each.
        target_mhz: what placement aims at; None leaves it to the family.
    """

    bitstream: bool = False
    device: str | None = None
    seeds: Sequence[int] = (1,)
    target_mhz: float | None = None


def family_of(name: str) -> Family:
    """A family by its name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FAMILIES:
        raise ConfigError(f"there is no family '{name}'", where="--family", hint=f"choose from {', '.join(FAMILIES)}")
    return FAMILIES[name]


def implement(
    build: Path,
    manifest: Mapping[str, Any],
    report: Mapping[str, Any],
    family: Family,
    routing: Routing | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Synthesise a build, and place and route it.

    Netlists, logs and reports go to synth/<family>/, the result to synth.json there and in the build.

    Args:
        build: the BUILD folder.
        manifest: its manifest.
        report: its report.json.
        family: what to map to.
        routing: what is wanted of place and route; None leaves it out.
        progress: takes what is being done.

    Returns:
        Contents of synth.json.

    Raises:
        ConfigError: the family cannot be placed, or has no such device, or gets no bitstream.
        ToolError: a tool is missing, too old or failed.
        ResourceBudgetError: the design is too large for every part.
    """
    _check_request(family, routing)
    figures: dict[str, Pattern] = {"estimates": {family.name: dict.fromkeys(ESTIMATED, float)}}
    layer: Pattern = {"name": str, "op": str, "instances": [str], **figures}
    pattern: Pattern = {"layers": [layer], "total": figures, "rest": figures}
    check_document(dict(report), pattern, "report.json", f"build '{build}'")
    work = build / FOLDER / family.name
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "copy the build to a place where you may write"
        raise FormatError(f"cannot be written: {error.strerror or error}", where=f"'{work}'", hint=hint) from error
    (work / RESULT).unlink(missing_ok=True)
    top = manifest["top"]
    progress("converting VHDL to Verilog")
    with tempfile.TemporaryDirectory(prefix="fpgann-synth-") as name:
        verilog = find_verilog(build, top, Path(name)).read_text(encoding="utf-8")
    modules = _modules_of_layers(report, top, verilog)
    layers = _layers_of_modules(report, modules)

    def tell(phase: str) -> None:
        progress(f"yosys: {phase}")

    kept = [*dict.fromkeys(module for found in modules for module in found)]
    synthesis = synthesize(verilog, top, family, work, kept, tell)
    placement, bitstream = (None, None) if routing is None else _place(synthesis, top, layers, work, routing, progress)
    path = None if bitstream is None else bitstream.relative_to(build).as_posix()
    result = describe_synthesis(report, synthesis, modules, placement, path)
    result["rtl_sha256"] = rtl_digest(build)
    data = to_json(result)
    write_file(work / RESULT, data)
    write_file(build / RESULT, data)
    return result


def _check_request(family: Family, routing: Routing | None) -> None:
    """Refuse what cannot be done, and miss no tool, before minutes of work."""
    find_tool("yosys")
    if routing is None:
        return
    chain = toolchain_of(family.name)
    if routing.device is not None:
        part_named(chain, routing.device)
    find_tool(chain.tool)
    if routing.bitstream and not chain.packer:
        raise ConfigError(f"no free tool makes bitstreams for {family.title}", where="--bitstream", hint="leave it out")
    if routing.bitstream:
        find_tool(chain.packer)


def _modules_of_layers(report: Mapping[str, Any], top: str, verilog: str) -> list[list[str]]:
    """Modules of the instances of each layer, in their order; layers that are wires have none."""
    inside = instances(verilog)
    homes = [top, *inside[top].values()]  # between interfaces the design is an instance

    def module_of(path: str) -> str:
        first, *others = path.split("/")
        module = next((inside[home][first] for home in homes if first in inside.get(home, {})), "")
        for instance in others:
            module = inside.get(module, {}).get(instance, "")
        return module

    return [[module for path in layer["instances"] if (module := module_of(path))] for layer in report["layers"]]


def _layers_of_modules(report: Mapping[str, Any], modules: Sequence[Sequence[str]]) -> dict[str, str]:
    """Module -> the layer that alone has it."""
    owners: dict[str, set[str]] = {}
    for layer, found in zip(report["layers"], modules, strict=True):
        for module in found:
            owners.setdefault(module, set()).add(layer["name"])
    return {module: names.pop() for module, names in owners.items() if len(names) == 1}


def _place(
    synthesis: Synthesis, top: str, layers: Mapping[str, str], work: Path, routing: Routing, progress: Progress
) -> tuple[Placement, Path | None]:
    """Place and route a synthesised design, and make a bitstream if one is wanted."""
    chain = toolchain_of(synthesis.family.name)
    device = routing.device
    parts = choose_parts(chain, synthesis) if device is None else [part_named(chain, device)]
    if routing.bitstream or chain.out_of_context is None:
        progress("synthesising the harness")
        ports = json.loads(synthesis.netlist.read_text())["modules"][top]["ports"]
        file = synthesize_around(render_harness(top, ports), HARNESS, chain.harness, work, synthesis.netlist)
        netlist = Netlist(file, HARNESS, INSTANCE, layers)
    else:
        netlist = Netlist(synthesis.netlist, top, "", layers)
    placement = place_and_route(
        chain,
        parts,
        netlist,
        work,
        seeds=routing.seeds,
        target_mhz=routing.target_mhz,
        with_text=routing.bitstream,
        progress=progress,
    )
    text = placement.best.text
    if text is None:
        return placement, None
    progress("packing the bitstream")
    bitstream = work / f"{top}.bit"
    pack_bitstream(chain, text, bitstream)
    return placement, bitstream


def rtl_digest(build: Path) -> str:
    """sha256 of all that lies in rtl/: a netlist belongs to it."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (build / "rtl").rglob("*") if path.is_file()):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(build).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def simulated_netlist(build: Path, family: Family) -> str:
    """The mapped netlist of a build, with models of its cells, as Verilog for simulation.

    Raises:
        FormatError: there is none, or it was made of other files.
        ToolError: there is no model of a cell.
    """
    where, hint = f"build '{build}'", f"run 'fpgann synth {build} --family {family.name}' first"
    result, netlist = build / FOLDER / family.name / RESULT, build / FOLDER / family.name / MAPPED
    if not result.is_file() or not netlist.is_file():
        raise FormatError(f"it has no netlist for {family.title}", where=where, hint=hint)
    if read_document(result, _RESULT, where)["rtl_sha256"] != rtl_digest(build):
        raise FormatError(f"its netlist for {family.title} was made of other files", where=where, hint=hint)
    verilog = netlist.read_text(encoding="utf-8")
    own = resources.sim_dir() / "cells" / f"{family.name}.v"
    return verilog + models_for(verilog, family, own.read_text(encoding="utf-8") if own.is_file() else "")
