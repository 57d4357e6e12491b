# SPDX-License-Identifier: Apache-2.0
"""Place and route by nextpnr: how fast a design runs in which part, and what it fills of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpgann.eda.carry_feed import feed_carries
from fpgann.eda.critical_path import CriticalPath, find_critical_path, layer_paths
from fpgann.eda.find import find_tool
from fpgann.eda.parts import TOOLCHAINS, Part, Toolchain
from fpgann.eda.progress import NEXTPNR_PHASE, Progress, follow, silent
from fpgann.eda.run import last_lines, run_tool
from fpgann.eda.synthesis import Synthesis
from fpgann.errors import ConfigError, ResourceBudgetError, ToolFailedError

TIMEOUT_S = 6 * 3600.0
_FILLED = 0.75  # of the LUTs; packing adds cells to carry chains, and routing needs room


@dataclass(frozen=True, slots=True)
class Netlist:
    """What is placed.

    Args:
        file: JSON of Yosys, in the working folder.
        top: its top module.
        inside: instance of the design in a harness; empty without one.
        layers: module -> layer.
    """

    file: Path
    top: str
    inside: str
    layers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One placement.

    Args:
        seed: of the random numbers of nextpnr.
        fmax_mhz: highest clock frequency between registers; None where no path has a register at both ends.
        utilization: cell type of the part -> cells in use, and all.
        critical_path: what limits it.
        text: the routed design, if a packer is to have it.
    """

    seed: int
    fmax_mhz: float | None
    utilization: Mapping[str, tuple[int, int]]
    critical_path: CriticalPath | None
    text: Path | None


@dataclass(frozen=True, slots=True)
class Placement:
    """A placed design.

    Args:
        tool: name and version.
        part: where it is.
        harness: whether it stands in a harness.
        target_mhz: what placement aimed at.
        attempts: one a seed.
        remark: what is to be known about the figures.
    """

    tool: str
    part: str
    harness: bool
    target_mhz: float
    attempts: tuple[Attempt, ...]
    remark: str = ""

    @property
    def best(self) -> Attempt:
        """The fastest."""
        return max(self.attempts, key=lambda attempt: attempt.fmax_mhz or 0.0)

    @property
    def fmax_mhz(self) -> float | None:
        """The median of the attempts."""
        found = [attempt.fmax_mhz for attempt in self.attempts if attempt.fmax_mhz is not None]
        return round(statistics.median(found), 2) if found else None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        best = self.best
        used = {name: {"used": u, "available": a} for name, (u, a) in sorted(best.utilization.items()) if u}
        return {
            "tool": self.tool,
            "device": self.part,
            "harness": self.harness,
            "target_mhz": self.target_mhz,
            "fmax_mhz": self.fmax_mhz,
            "seeds": [{"seed": attempt.seed, "fmax_mhz": attempt.fmax_mhz} for attempt in self.attempts],
            "remark": self.remark,
            "utilization": used,
            "critical_path": None if best.critical_path is None else best.critical_path.to_json(),
        }


class _NoRoomError(ToolFailedError):
    """nextpnr says that it cannot place or route the design in this part."""


def toolchain_of(family: str) -> Toolchain:
    """How a family is placed and routed.

    Raises:
        ConfigError: no free tool does.
    """
    if family not in TOOLCHAINS:
        hint = f"leave it out, or take one of {', '.join(TOOLCHAINS)}"
        raise ConfigError(f"no free tool places and routes {family}", where="--place-and-route", hint=hint)
    return TOOLCHAINS[family]


def part_named(chain: Toolchain, name: str) -> Part:
    """A part by its name.

    Raises:
        ConfigError: there is none.
    """
    for part in chain.parts:
        if part.name.lower() == name.lower():
            return part
    hint = f"choose from {', '.join(part.name for part in chain.parts)}"
    raise ConfigError(f"there is no device '{name}' in this family", where="--device", hint=hint)


def choose_parts(chain: Toolchain, synthesis: Synthesis) -> list[Part]:
    """The parts that hold a design by its counts, the smallest first, with room to place and route it.

    Raises:
        ResourceBudgetError: the largest is too small.
    """
    cells = synthesis.total
    luts, dsps, blocks = cells.figures(synthesis.family)["lut"], cells.count["dsp"], cells.count["bram"]
    largest = chain.parts[-1]
    parts = [part for part in chain.parts if part.holds(luts / _FILLED, dsps, blocks)]
    parts = parts or [part for part in chain.parts if part.holds(luts, dsps, blocks)][-1:]
    # parts of one die differ in their names only
    parts = list({(part.luts, part.dsps, part.blocks): part for part in reversed(parts)}.values())[::-1]
    if not parts:
        raise ResourceBudgetError(
            f"it takes {luts:.0f} LUTs, {dsps:.0f} DSP slices and {blocks:.0f} block memories; the largest part, "
            f"{largest.name}, has {largest.luts}, {largest.dsps} and {largest.blocks}",
            where=f"family '{synthesis.family.name}'",
            hint="fold layers, or raise their reuse factor",
        )
    return parts


def place_and_route(
    chain: Toolchain,
    parts: Sequence[Part],
    netlist: Netlist,
    work: Path,
    *,
    seeds: Sequence[int] = (1,),
    target_mhz: float | None = None,
    with_text: bool = False,
    progress: Progress = silent,
) -> Placement:
    """Place and route a netlist in the first part that takes it.

    Args:
        chain: of its family.
        parts: to be tried one after another.
        netlist: what to place.
        work: folder of the netlist; it gets logs and reports.
        seeds: one placement each.
        target_mhz: what to aim at; that of the family by default.
        with_text: whether a packer is to have the result.
        progress: takes the phases.

    Raises:
        ToolNotFoundError: nextpnr is missing.
        ToolFailedError: it found no place in any part, or failed for another reason.
    """
    tool = find_tool(chain.tool)
    target = target_mhz or chain.target_mhz
    document = json.loads(netlist.file.read_text())
    if chain.feeds_carries and feed_carries(document["modules"]):
        netlist.file.write_text(json.dumps(document))
    paths = layer_paths(document["modules"], netlist.top, netlist.layers)
    for number, part in enumerate(parts, start=1):
        attempts = []
        try:
            for seed in seeds:
                report, text = _run(chain, part, netlist, work, seed, target, with_text, progress)
                attempts.append(_attempt(report, seed, find_critical_path(report, paths, netlist.inside), text))
        except _NoRoomError:
            if number == len(parts):
                raise
            continue
        version = f"{tool.name} {tool.version_text}"
        return Placement(version, part.name, bool(netlist.inside), target, tuple(attempts), chain.remark)
    raise AssertionError("no part to place the design in")


def _run(
    chain: Toolchain,
    part: Part,
    netlist: Netlist,
    work: Path,
    seed: int,
    target_mhz: float,
    with_text: bool,  # noqa: FBT001  private
    progress: Progress,
) -> tuple[dict[str, Any], Path | None]:
    """Run nextpnr once; its report, and the routed design."""
    tool = find_tool(chain.tool)
    stem = f"nextpnr_{part.name.replace('/', '_').lower()}_{seed}"
    log, report = work / f"{stem}.log", work / f"{stem}.json"
    arguments = [*part.arguments, *chain.arguments]
    if not netlist.inside:
        arguments += chain.out_of_context or ()
    elif part.pins:
        argument, line = chain.constraints
        arguments += argument.split()
        lines = [line.format(port=port, pin=pin) for port, pin in part.pins.items()]
        (work / argument.split()[-1].rpartition("=")[2]).write_text("\n".join([*lines, ""]))
    text: Path | None = None
    if with_text:
        arguments += chain.text
        text = work / chain.text[-1].rpartition("=")[2]
    for stale in (log, report, *([] if text is None else [text])):
        stale.unlink(missing_ok=True)
    arguments += ["--json", netlist.file.name, "--top", netlist.top, "--report", report.name, "--seed", str(seed)]
    arguments += ["--freq", f"{target_mhz:g}", "--timing-allow-fail"]
    with follow(log, NEXTPNR_PHASE, lambda step: progress(f"{part.name}: {step}")):
        run = run_tool(
            [*tool.command, *arguments],
            cwd=work,
            timeout_s=TIMEOUT_S,
            log=log,
            env=tool.environment(),
            check=False,
        )
    wanted = [report, *([] if text is None else [text])]
    if run.returncode != 0 or not all(file.is_file() for file in wanted):
        errors = [line for line in run.output.splitlines() if line.startswith("ERROR:")]
        # a larger part helps against what nextpnr calls an error, not where it was ended or memory ran out
        kind = _NoRoomError if errors else ToolFailedError
        said = "; ".join(errors[:2]) or last_lines(run.output) or "it said nothing, as where memory runs out"
        raise kind(
            f"it did not place the design in {part.name} (exit status {run.returncode}): {said}",
            where=chain.tool,
            hint=f"the whole log is {log}",
        )
    kept = None if text is None else text.replace(text.with_stem(f"{text.stem}_{seed}"))
    found: dict[str, Any] = json.loads(report.read_text())
    return found, kept


def _attempt(report: Mapping[str, Any], seed: int, path: CriticalPath | None, text: Path | None) -> Attempt:
    frequencies = [clock["achieved"] for clock in report["fmax"].values()]
    used = {name: (cells["used"], cells["available"]) for name, cells in report["utilization"].items()}
    return Attempt(seed, round(min(frequencies), 2) if frequencies else None, used, path, text)


def pack_bitstream(chain: Toolchain, text: Path, bitstream: Path) -> None:
    """Make a bitstream of a routed design.

    Args:
        chain: of its family.
        text: the routed design.
        bitstream: the file to write, in the same folder.

    Raises:
        ConfigError: nothing from PyPI makes bitstreams for this family.
        ToolError: the packer is missing or failed.
    """
    tool = find_tool(chain.packer)
    bitstream.unlink(missing_ok=True)
    command = [*tool.command, text.name, bitstream.name]
    log = text.parent / f"{chain.packer}.log"
    run_tool(command, cwd=text.parent, timeout_s=TIMEOUT_S, log=log, env=tool.environment())
    if not bitstream.is_file() or not bitstream.stat().st_size:
        raise ToolFailedError("it made no bitstream", where=chain.packer, hint=f"the whole log is {log}")
