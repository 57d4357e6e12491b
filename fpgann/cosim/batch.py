# SPDX-License-Identifier: Apache-2.0
"""Runs many samples through a compiled design, and compares every output with the reference."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fpgann.cosim.batch_build import engine_for
from fpgann.cosim.batch_stream import run_stream_engine
from fpgann.cosim.simulate import read_description
from fpgann.cosim.words import WordArray, pack_words, unpack_words, words_for
from fpgann.documents import Pattern, read_document
from fpgann.eda.run import run_tool
from fpgann.errors import ConfigError
from fpgann.numerics.integers import IntArray

_BASE_TIMEOUT_S = 300.0
_PER_CYCLE_S = 0.001  # a thousand times what a design of average size takes
_SUMMARY: Pattern = {
    "accepted": int,
    "delivered": int,
    "latency_cycles": [int],
    "interval_cycles": [int],
    "cpu_seconds": float,
}


@dataclass(frozen=True, slots=True)
class BatchRun:
    """What came of it.

    Attributes:
        verdict: as the bench writes it, without its outputs.
        outputs: port -> codes of shape (items delivered, elements).
        cpu_seconds: time the simulation itself took, without compiling and comparing.
    """

    verdict: dict[str, Any]
    outputs: dict[str, IntArray]
    cpu_seconds: float


def check_batch(simulator: str, *, waves: bool) -> None:
    """Refuse options that do not go with a compiled engine.

    Raises:
        ConfigError: the simulator is another, or waves are asked for.
    """
    if simulator != "verilator":
        raise ConfigError("only Verilator compiles designs", where="--batch", hint="add --simulator verilator")
    if waves:
        raise ConfigError("a compiled design writes no waves", where="--waves", hint="leave --batch out")


def run_batch(
    build: Path,
    manifest: Mapping[str, Any],
    values: Mapping[str, IntArray],
    *,
    seed: int,
    work: Path | None,
    netlist: str | None = None,
) -> BatchRun:
    """Simulate a build on codes with its compiled engine.

    Parallel ports get an item as soon as they take it; AXI4-Stream interfaces get random pauses after some frames.

    Args:
        build: the BUILD folder.
        manifest: its manifest.
        values: the reference's codes of every graph value, shape (samples, *shape).
        seed: for random pauses, and for what registers without a reset hold at first.
        work: where compiled engines are kept; in the build by default.
        netlist: Verilog of what synthesis made of the build, with models of its cells, to be simulated in its place.

    Raises:
        ConfigError: the design has more stream interfaces than the engine drives.
        ToolError: a tool is missing, too old or failed.
        FormatError: the build is incomplete or damaged, or engines cannot be kept.
    """
    simulation = read_description(build, manifest, values)
    count = len(values[simulation["inputs"][0]["value"]])
    cycles = count * simulation["interval_cycles"] + simulation["latency_cycles"]
    engine = engine_for(build, simulation, work or build / "sim" / "batch", cycles, netlist).resolve()
    if simulation.get("bench") in ("bench_stream", "bench_maps"):
        return BatchRun(*run_stream_engine(engine, simulation, values, seed))
    limit = simulation["latency_cycles"] + (count + 2) * (2 * simulation["interval_cycles"] + 4)
    with tempfile.TemporaryDirectory(prefix="fpgann-sim-") as name:
        folder = Path(name)
        streams = [(_rows(values, port), port["element_bits"]) for port in simulation["inputs"]]
        pack_words(streams).tofile(folder / "items")
        command: list[str | Path] = [
            engine,
            "items",
            "results",
            "summary.json",
            str(count),
            str(limit),
            str(seed % 1_000_000 + 1),
        ]
        run_tool(command, cwd=folder, timeout_s=_BASE_TIMEOUT_S + _PER_CYCLE_S * limit)
        summary = read_document(folder / "summary.json", _SUMMARY, "the batch engine")
        results = np.fromfile(folder / "results", np.uint32)
    outputs = _unpack(simulation, results)
    return BatchRun(_judge(simulation, values, outputs, summary, count), outputs, summary["cpu_seconds"])


def _rows(values: Mapping[str, IntArray], port: Mapping[str, Any]) -> IntArray:
    codes = values[port["value"]]
    return codes.reshape(len(codes), -1)


def _unpack(simulation: Mapping[str, Any], results: WordArray) -> dict[str, IntArray]:
    ports = simulation["outputs"]
    bits = [port["elements"] * port["element_bits"] for port in ports]
    items = results.reshape(-1, words_for(sum(bits) + 1))
    return {
        port["port"]: unpack_words(
            items, sum(bits[:index]), port["elements"], port["element_bits"], signed=port["signed"]
        )
        for index, port in enumerate(ports)
    }


def _judge(
    simulation: Mapping[str, Any],
    values: Mapping[str, IntArray],
    outputs: Mapping[str, IntArray],
    summary: Mapping[str, Any],
    count: int,
) -> dict[str, Any]:
    wrong = np.zeros(count, bool)
    divergence: dict[str, Any] | None = None
    for port in simulation["outputs"]:
        seen, expected = outputs[port["port"]], _rows(values, port)
        differs = np.ones(expected.shape, bool)
        differs[: len(seen)] = seen != expected[: len(seen)]
        wrong |= differs.any(axis=1)
        if divergence is None and differs.any():
            vector = int(differs.any(axis=1).argmax())
            divergence = _divergence(port, vector, int(differs[vector].argmax()), seen, expected)
    if divergence is None and summary["delivered"] > count:
        place = {"layer": f"output {simulation['outputs'][0]['port']}", "vector": count, "cycle": None}
        divergence = {**place, "element": None, "expected": "nothing", "got": "an item"}
    latencies, intervals = sorted(set(summary["latency_cycles"])), sorted(set(summary["interval_cycles"]))
    return {
        "vectors": count,
        "mismatches": int(wrong.sum()),
        "bit_exact": divergence is None,
        "latency_cycles": latencies[0] if len(latencies) == 1 else None,
        "latencies_seen": latencies,
        "ii": intervals[0] if len(intervals) == 1 else None,
        "intervals_seen": intervals,
        "first_divergence": divergence,
    }


def _divergence(
    port: Mapping[str, Any], vector: int, element: int, seen: IntArray, expected: IntArray
) -> dict[str, Any]:
    place = {"layer": f"output {port['port']}", "vector": vector, "cycle": None}
    if vector >= len(seen):
        return {**place, "element": None, "expected": "an item", "got": "nothing"}
    return {
        **place,
        "element": element,
        "expected": int(expected[vector, element]),
        "got": int(seen[vector, element]),
    }
