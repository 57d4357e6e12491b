# SPDX-License-Identifier: Apache-2.0
"""Runs many samples through a compiled design with AXI4-Stream interfaces, with random pauses on all sides."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fpgann.cosim.stream_ports import words_of
from fpgann.cosim.words import WordArray, pack_words, unpack_words
from fpgann.documents import Pattern, read_document
from fpgann.eda.run import run_tool
from fpgann.numerics.integers import IntArray

CALM_FRAMES = 64
_LONGEST_PAUSE = 256  # as in sim/batch_stream.cpp
_BASE_TIMEOUT_S = 300.0
_PER_CYCLE_S = 0.01  # ten thousand times what a design of average size takes; pauses make up for a factor of ten
_SUMMARY: Pattern = {
    "delivered": [int],
    "latencies": [int],
    "starts": [int],
    "ends": [[int]],
    "first_in": int,
    "frame_errors": int,
    "misframed": int,
    "surplus": int,
    "cycles": int,
    "cpu_seconds": float,
}


def run_stream_engine(
    engine: Path, simulation: Mapping[str, Any], values: Mapping[str, IntArray], seed: int
) -> tuple[dict[str, Any], dict[str, IntArray], float]:
    """Send all samples through a compiled design: the first ones at full speed, the rest with random pauses.

    Args:
        engine: the program.
        simulation: contents of sim/design.json, checked.
        values: the reference's codes of every graph value, shape (samples, *shape).
        seed: for the pauses, and for what registers without a reset hold at first.

    Returns:
        The verdict as the bench writes it, without its outputs; port -> codes of shape (items delivered, elements);
        seconds that the simulation took.
    """
    count = len(values[simulation["inputs"][0]["value"]])
    calm = max(1, min(CALM_FRAMES, count // 2))
    beats = max(port["beats"] for port in (*simulation["inputs"], *simulation["outputs"]))
    quiet = simulation["latency_cycles"] + simulation["interval_cycles"] + beats + _LONGEST_PAUSE
    cycles = quiet + count * simulation["interval_cycles"]
    with tempfile.TemporaryDirectory(prefix="fpgann-sim-") as name:
        folder = Path(name)
        for index, port in enumerate(simulation["inputs"]):
            beat_words(values, port).tofile(folder / f"input_{index}")
        command: list[str | Path] = [engine, "summary.json", str(count), str(calm), str(quiet), str(seed)]
        command += [str(simulation["warm_up_cycles"])] if "warm_up_cycles" in simulation else []
        run_tool(command, cwd=folder, timeout_s=_BASE_TIMEOUT_S + _PER_CYCLE_S * cycles)
        summary = read_document(folder / "summary.json", _SUMMARY, "the batch engine")
        seen = [np.fromfile(folder / f"output_{i}", np.uint32) for i in range(len(simulation["outputs"]))]
    outputs = {port["port"]: _codes(port, words) for port, words in zip(simulation["outputs"], seen, strict=True)}
    return _judge(simulation, values, seen, outputs, summary), outputs, float(summary["cpu_seconds"])


def _judge(
    simulation: Mapping[str, Any],
    values: Mapping[str, IntArray],
    seen: list[WordArray],
    outputs: Mapping[str, IntArray],
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    """Compare every byte of every beat, padding too."""
    count = len(values[simulation["inputs"][0]["value"]])
    wrong = np.zeros(count, bool)
    divergence: dict[str, Any] | None = None
    for port, words in zip(simulation["outputs"], seen, strict=True):
        expected = beat_words(values, port).reshape(count, -1)
        got = words[: words.size // expected.shape[1] * expected.shape[1]].reshape(-1, expected.shape[1])
        differs = np.ones(count, bool)
        differs[: len(got)] = (got != expected[: len(got)]).any(axis=1)
        wrong |= differs
        if divergence is None and differs.any():
            divergence = _divergence(port, int(differs.argmax()), outputs[port["port"]], values)
    divergence = divergence or _misconduct(simulation, summary)
    latencies, intervals = _measured(simulation, summary)
    return {
        "vectors": count,
        "mismatches": int(wrong.sum()),
        "bit_exact": divergence is None,
        "latency_cycles": latencies[0] if len(latencies) == 1 else None,
        "latencies_seen": latencies,
        "ii": intervals[0] if len(intervals) == 1 else None,
        "intervals_seen": intervals,
        "cycles": summary["cycles"],
        "first_divergence": divergence,
    }


def _measured(simulation: Mapping[str, Any], summary: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Latencies and intervals: of maps from first beat to last beat and from end to end, once these have settled.

    Outputs of maps that have nothing in common may run at different speeds: the slowest one counts.
    """
    if "settling_maps" not in simulation:
        return sorted(set(summary["latencies"])), sorted({b - a for a, b in pairwise(summary["starts"])})
    firsts = [ends[0] for ends in summary["ends"] if ends]
    latencies = [max(firsts) - summary["first_in"]] if firsts else []
    settled = [ends[simulation["settling_maps"] :] for ends in summary["ends"]]
    slowest = max(settled, key=lambda ends: ends[-1] - ends[0] if ends else 0)
    return latencies, sorted({b - a for a, b in pairwise(slowest)})


def beat_words(values: Mapping[str, IntArray], port: Mapping[str, Any]) -> WordArray:
    """The beats of all frames of an interface as 32-bit words, shape (frames * beats, words of a beat)."""
    codes = values[port["value"]]
    rows = codes.reshape(len(codes), -1)
    missing = port["beats"] * port["elements_per_beat"] - rows.shape[1]
    rows = np.concatenate([rows, np.zeros((len(rows), missing), rows.dtype)], axis=1)
    beats = rows.reshape(-1, port["elements_per_beat"])
    words = pack_words([(beats, 8 * port["element_bytes"])])
    kept = words_of(port["beat_bits"])
    missing = max(0, kept - words.shape[1])
    return np.ascontiguousarray(np.pad(words, ((0, 0), (0, missing)))[:, :kept])


def _codes(port: Mapping[str, Any], words: WordArray) -> IntArray:
    """Codes of the frames that came whole, shape (frames, elements)."""
    size, width = words_of(port["beat_bits"]), 8 * port["element_bytes"]
    frames = len(words) // (size * port["beats"])
    beats = words[: frames * size * port["beats"]].reshape(-1, size)
    padded = np.pad(beats, ((0, 0), (0, 1)))  # an element may begin in the last word
    codes = unpack_words(padded, 0, port["elements_per_beat"], width, signed=port["signed"])
    return codes.reshape(frames, port["beats"] * port["elements_per_beat"])[:, : port["elements"]]


def _divergence(port: Mapping[str, Any], vector: int, seen: IntArray, values: Mapping[str, IntArray]) -> dict[str, Any]:
    place = {"layer": f"output {port['port']}", "vector": vector, "cycle": None}
    if vector >= len(seen):
        return {**place, "element": None, "expected": "a packet", "got": "nothing"}
    expected = values[port["value"]].reshape(-1, port["elements"])[vector]
    differs = seen[vector] != expected
    if not differs.any():
        return {**place, "element": None, "expected": "padding of zeros and signs", "got": "something else"}
    element = int(differs.argmax())
    return {**place, "element": element, "expected": int(expected[element]), "got": int(seen[vector, element])}


def _misconduct(simulation: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is wrong beside the data."""
    wrongs = {"frame_errors": "frame_error pulses", "misframed": "wrong tlast or tkeep", "surplus": "beats too many"}
    for key, text in wrongs.items():
        if summary[key]:
            layer = f"output {simulation['outputs'][0]['port']}" if key != "frame_errors" else "frame_error"
            got = f"{summary[key]} {text}"
            return {"layer": layer, "vector": 0, "cycle": None, "element": None, "expected": "none", "got": got}
    return None
