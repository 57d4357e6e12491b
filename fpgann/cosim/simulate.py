# SPDX-License-Identifier: Apache-2.0
"""Run the shipped bench in a simulator."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpgann.cosim.vectors import vectors_document
from fpgann.cosim.verilog import find_verilog
from fpgann.documents import HINT, Pattern, read_document
from fpgann.eda.find import find_tool
from fpgann.eda.run import ToolRun, last_lines, run_tool
from fpgann.eda.tools import TOOL_BY_NAME, Tool
from fpgann.errors import FormatError, ToolFailedError
from fpgann.numerics.integers import IntArray

SIMULATORS: Mapping[str, tuple[str, ...]] = {
    "ghdl": ("ghdl", "cocotb", "libpython"),
    "verilator": ("verilator", "g++", "make", "perl", "cocotb", "libpython"),
}
"""Tools that each simulator takes for the bench."""

WAVES: Mapping[str, str] = {"ghdl": "waves.ghw", "verilator": "waves.vcd"}
BASE_TIMEOUT_S = 300.0
_COMPILE_TIMEOUT_S = 3600.0
_CYCLES_PER_WRITE = 8
_PER_CYCLE_S = 0.1  # hundreds of neurons side by side on a busy machine
_PAUSES = 4  # cycles of a stream under all kinds of traffic, against one without pauses
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_STREAM: dict[str, Pattern] = {"stream": str, "value": str, "elements": int, "element_bits": int, "signed": bool}
_PORT: Pattern = {**_STREAM, "port": str}
_STAGE: Pattern = {**_STREAM, "layer": str}
_DESCRIPTION: Pattern = {
    "top": str,
    "latency_cycles": int,
    "interval_cycles": int,
    "inputs": [_PORT],
    "outputs": [_PORT],
    "stages": [_STAGE],
}
_DIVERGENCE: Pattern = {"layer": str, "vector": int}
_VERDICT: Pattern = {
    "vectors": int,
    "mismatches": int,
    "bit_exact": bool,
    "latency_cycles": (int, type(None)),
    "latencies_seen": [int],
    "ii": (int, type(None)),
    "intervals_seen": [int],
    "first_divergence": (_DIVERGENCE, type(None)),
    "outputs": {},
}


def run_bench(
    build: Path,
    manifest: Mapping[str, Any],
    values: Mapping[str, IntArray],
    *,
    simulator: str,
    seed: int,
    waves: bool,
    writes: tuple[list[int], list[int]] | None = None,
    time_limit_s: float | None = None,
) -> dict[str, Any]:
    """Simulate a build on codes.

    Args:
        build: the BUILD folder.
        manifest: its manifest.
        values: the reference's codes of every graph value, shape (samples, *shape).
        simulator: one of SIMULATORS.
        seed: for random pauses between items.
        waves: leave a wave file in the build.
        writes: addresses and data that are written over AXI4-Lite first.
        time_limit_s: seconds that the simulator may run; by default a tenth of a second a cycle.

    Returns:
        The bench's verdict (result.json).

    Raises:
        ToolNotFoundError: the simulator or what it needs is missing.
        ToolVersionError: it is too old.
        ToolFailedError: it failed before the bench could judge.
        FormatError: the build is incomplete or damaged.
    """
    tools = [find_tool(tool, at_least=TOOL_BY_NAME[tool].minimum) for tool in SIMULATORS[simulator]]
    simulation = read_description(build, manifest, values)
    with tempfile.TemporaryDirectory(prefix="fpgann-sim-") as name:
        folder = Path(name)
        (folder / "design.json").write_text(json.dumps(simulation))
        document = vectors_document(simulation, values, seed)
        if writes is not None:
            document["writes"] = list(zip(*writes, strict=True))
        (folder / "vectors.json").write_text(json.dumps(document))
        command: list[str | Path] = [sys.executable, build.resolve() / "sim" / "run.py", "--simulator", simulator]
        command += ["--rtl", build.resolve() / "rtl", "--vectors", folder, "--work", folder / "work"]
        command += ["--waves"] if waves else []
        timeout_s = BASE_TIMEOUT_S
        if simulator == "verilator":
            command += ["--verilog", find_verilog(build, simulation["top"], folder)]
            timeout_s += _COMPILE_TIMEOUT_S
        cycles = len(next(iter(values.values()))) * simulation["interval_cycles"]
        cycles *= _PAUSES if _has_core(simulation) else 1
        cycles += 0 if writes is None else _CYCLES_PER_WRITE * len(writes[0])
        run = _run(command, folder, time_limit_s or timeout_s + _PER_CYCLE_S * cycles, tools[0])
        result_file = folder / "result.json"
        if not result_file.is_file():
            raise ToolFailedError(
                f"the simulation ended before it could be judged: {_complaint(run.output)}",
                where=simulator,
                hint=f"run 'python {build}/sim/run.py' to see all of it",
            )
        if waves:
            _keep_waves(folder / WAVES[simulator], build / "sim" / WAVES[simulator])
        verdict = read_document(result_file, _VERDICT, f"bench '{build}/sim'")
        for port in simulation["outputs"]:
            _check_words(verdict["outputs"].get(port["port"]), f"bench '{build}/sim'")
        return verdict


def read_description(build: Path, manifest: Mapping[str, Any], values: Mapping[str, IntArray]) -> dict[str, Any]:
    """sim/design.json of a build.

    Raises:
        FormatError: it is missing, damaged, or about another design.
    """
    where = f"build '{build}'"
    simulation = read_document(build / "sim" / "design.json", _DESCRIPTION, where)
    _check_description(simulation, manifest, values, where)
    return simulation


def _check_description(
    simulation: Mapping[str, Any], manifest: Mapping[str, Any], values: Mapping[str, IntArray], where: str
) -> None:
    """Refuse a sim/design.json that is not about this design: the bench would judge something else."""

    def refuse(what: str) -> None:
        raise FormatError(f"design.json is damaged: {what}", where=where, hint=HINT)

    for key in ("top", "latency_cycles", "interval_cycles"):
        if simulation[key] != manifest[key] or (type(manifest[key]) is int and manifest[key] < 1):
            refuse(f"its '{key}' is not that of manifest.json")
    for side in ("inputs", "outputs"):
        ports = [port["port"] for port in manifest[side]]
        if [port["port"] for port in simulation[side]] != ports or not ports:
            refuse(f"its '{side}' are not those of manifest.json")
    if ("loading" in simulation) != ("loading" in manifest):
        refuse("it and manifest.json differ in what can be loaded")
    streams = [*simulation["inputs"], *simulation["outputs"], *simulation["stages"]]
    if not _has_bench(simulation):
        refuse("it names no bench, or one whose interfaces it does not describe")
    for name in [simulation["top"], *(s["stream"] for s in streams), *(s["port"] for s in streams if "port" in s)]:
        if not _IDENTIFIER.fullmatch(name):
            refuse(f"'{name:.40}' is no identifier")
    for stream in streams:
        codes = values.get(stream["value"])
        if codes is None or codes[0].size != stream["elements"] or not 1 <= stream["element_bits"] <= 4096:
            refuse(f"stream '{stream['stream']:.40}' does not fit the graph")


def _has_bench(simulation: Mapping[str, Any]) -> bool:
    """Whether it is for one of the benches, with all that this one needs."""
    bench = simulation.get("bench", "bench_parallel")
    if bench == "bench_maps":
        return _has_beats(simulation) and _has_tokens(simulation)
    if not all(type(stage.get("delay_cycles")) is int for stage in simulation["stages"]):
        return False
    return bench == "bench_parallel" or (bench == "bench_stream" and _has_beats(simulation) and _has_core(simulation))


def _has_tokens(simulation: Mapping[str, Any]) -> bool:
    """Whether all streams are divided into tokens, and the numbers of a network of maps are there."""
    streams = (*simulation["inputs"], *simulation["outputs"], *simulation["stages"])
    counts = [stream.get("tokens") for stream in streams]
    if not all(type(n) is int and n > 0 and s["elements"] % n == 0 for n, s in zip(counts, streams, strict=True)):
        return False
    numbers = [simulation.get(key) for key in ("settling_maps", "warm_up_cycles")]
    return all(type(number) is int and number >= 0 for number in numbers)


def _has_beats(simulation: Mapping[str, Any]) -> bool:
    """Whether the layout of all AXI4-Stream interfaces makes sense."""
    keys = ("beat_bits", "element_bytes", "elements_per_beat", "beats")
    for port in (*simulation["inputs"], *simulation["outputs"]):
        numbers = [port.get(key) for key in keys]
        if not all(type(number) is int and number > 0 for number in numbers) or type(port.get("tkeep")) is not bool:
            return False
        beat_bits, element_bytes, per_beat, beats = numbers
        fits = port["element_bits"] <= 8 * element_bytes and 8 * element_bytes * per_beat <= beat_bits
        if not fits or beat_bits % 8 or not (beats - 1) * per_beat < port["elements"] <= beats * per_beat:
            return False
    return True


def _has_core(simulation: Mapping[str, Any]) -> bool:
    """Whether the numbers of a core between frames are there."""
    core, numbers = simulation.get("core"), [simulation.get(key) for key in ("fifo_frames", "core_interval_cycles")]
    named = isinstance(core, str) and _IDENTIFIER.fullmatch(core) is not None
    return named and all(type(number) is int and number > 0 for number in numbers)


def _run(command: list[str | Path], folder: Path, timeout_s: float, simulator: Tool) -> ToolRun:
    try:
        return run_tool(command, cwd=folder, timeout_s=timeout_s, env=simulator.environment(), check=False)
    except ToolFailedError as error:
        error.where, error.hint = (
            simulator.name,
            "give it more with --time-limit, or fewer samples; --waves shows a design that hangs",
        )
        raise


def _keep_waves(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        target.unlink(missing_ok=True)
        hint = "free some space, or copy the build to a place where you may write"
        raise FormatError(f"cannot be written: {error.strerror or error}", where=f"'{target}'", hint=hint) from error


def _check_words(words: object, where: str) -> None:
    """Refuse outputs that are no numbers: only a bench that was changed writes such."""
    if not isinstance(words, list) or not all(isinstance(w, str) and re.fullmatch("[0-9a-f]+|x", w) for w in words):
        raise FormatError("result.json is damaged: its outputs are no numbers", where=where, hint=HINT)


def _complaint(output: str) -> str:
    """The first line in which a simulator complains about the design, else what Python says last, else the end."""
    lines = [line.strip() for line in output.splitlines()]
    for pattern in (r"\.vhd:\d+:\d+:|\berror\b", r"^(\w+\.)*\w+(Error|Exception|Exit)\b"):
        found = [line for line in lines if re.search(pattern, line, re.IGNORECASE) and "warning" not in line]
        if found:
            return found[0 if "vhd" in pattern else -1][:300]
    return last_lines(output) or "it said nothing"
