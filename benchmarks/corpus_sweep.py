# SPDX-License-Identifier: Apache-2.0
"""Compile and simulate every model of the corpus that can be built, in both interfaces and both simulators.

python benchmarks/corpus_sweep.py [NAME...] --out results.json [--io parallel stream] [--ghdl-vectors 64]
python benchmarks/corpus_sweep.py [NAME...] --out results.json --simulators csim [--largest-macs 1000000]

Each figure is written to the JSON file as soon as it is there; a run that was broken off goes on where it stopped, and
one that asks for another simulator adds it to what is there. Verilator runs parallel designs as a compiled engine and
streams under the bench, whose pauses are random. For csim models are compiled to HLS C++, and all layers are
compared; the figures of C++ need a file of their own. A markdown table of everything in the file is printed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fpgann import api
from fpgann.errors import FpgannError

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = {
    "hls4ml_example_onnx/em_three_layer_pytorch": ["--input-shape", "0=1x16"],
    "onnx2c_models/onnx2c_lstm_keras_relu": ["--input-shape", "input_1=1x7x5"],
}
LARGEST_LUT, LARGEST_DSP = 1_728_000, 12_288  # XCVU13P, DS890


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of model names; all by default")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--io", nargs="+", default=["parallel", "stream"])
    parser.add_argument("--simulators", nargs="+", default=["ghdl", "verilator"])
    parser.add_argument("--ghdl-vectors", type=int, default=64)
    parser.add_argument("--verilator-vectors", type=int, default=1_000_000)
    parser.add_argument("--table", action="store_true", help="print the table of what is in the file and stop")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds of one step")
    parser.add_argument("--largest-macs", type=int, help="leave out models with more multiplications")
    parser.add_argument("--again", action="store_true", help="repeat what ended with an error")
    arguments = parser.parse_args()
    corpus = Path(os.environ.get("FPGANN_CORPUS", ROOT.parent / "shared" / "corpus"))
    results: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.table:
        print(table(results))
        return
    for entry in _chosen(corpus, arguments):
        name = f"{entry['family']}/{entry['name']}"
        for io in arguments.io:
            key = f"{name} {io}"
            before = results.get(key, {})
            missing = [simulator for simulator in arguments.simulators if simulator not in before]
            failed = "error" in before or any("error" in before.get(s, {}) for s in arguments.simulators)
            if before.get("done") and (not missing or failed or before["check"] != "ok"):
                if not (arguments.again and failed):
                    continue
                before, missing = {}, list(arguments.simulators)
            results[key] = before | _measure(corpus / entry["model"], name, io, missing, arguments)
            arguments.out.write_text(json.dumps(results, indent=1) + "\n")
            print(key, results[key], file=sys.stderr, flush=True)
    print(table(results))


def _chosen(corpus: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The models that are asked for; small ones first where a largest is named."""
    models = json.loads((corpus / "catalog.json").read_text())["models"]
    names = arguments.names or [""]
    found = [m for m in models if any(part in f"{m['family']}/{m['name']}" for part in names)]
    if arguments.largest_macs is None:
        return found
    small = [m for m in found if m["macs"] <= arguments.largest_macs]
    return sorted(small, key=lambda m: int(m["macs"]))


def _measure(model: Path, name: str, io: str, simulators: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything about one model with one interface."""
    is_cpp = "csim" in arguments.simulators
    options = OPTIONS.get(name, []) + (["--target", "hls"] if is_cpp else [])
    try:
        wanted = name not in OPTIONS and not is_cpp  # compiling says as well what is refused
        refused = [node for node in api.check(model) if not node.supported] if wanted else []
    except FpgannError as error:
        return {"done": True, "check": str(error)[:200]}
    if refused:
        return {"done": True, "check": f"{refused[0].op}: {refused[0].built_as}"[:200]}
    with tempfile.TemporaryDirectory(prefix="fpgann-sweep-") as folder:
        build, inputs = Path(folder) / "build", Path(folder) / "inputs.npz"
        _write_inputs(model, inputs)
        call = _fpgann(
            "compile", model, "-o", build, "--calibration", inputs, "--io", io, *options, timeout=arguments.timeout
        )
        result: dict[str, Any] = {"check": "ok", "compile_s": call["seconds"]}
        if call["status"]:
            return {**result, "error": call["message"], "done": True}
        total = json.loads((build / "report.json").read_text())["total"]
        result |= {key: total[key] for key in ("lut", "dsp", "bram36", "latency_cycles", "ii")}
        if not is_cpp and (total["lut"] > LARGEST_LUT or total["dsp"] > LARGEST_DSP):
            return {**result, "error": "larger than the largest device", "done": True}
        for simulator in simulators:
            result[simulator] = _simulate(build, inputs, simulator, io, arguments)
        return {**result, "done": True}


def _write_inputs(model: Path, path: Path) -> None:
    """The stored samples under the names of the model's inputs."""
    import onnx

    graph = onnx.load(model, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in constants]
    with np.load(model.with_suffix(".npz")) as stored:
        np.savez(path, **{name: stored[f"in{i}"].astype(np.float64) for i, name in enumerate(names)})


def _simulate(build: Path, inputs: Path, simulator: str, io: str, arguments: argparse.Namespace) -> dict[str, Any]:
    with np.load(inputs) as stored:
        samples = {name: stored[name] for name in stored.files}
    count = len(next(iter(samples.values())))
    wanted = arguments.ghdl_vectors if simulator == "ghdl" else arguments.verilator_vectors
    if count > wanted:
        inputs = inputs.with_name("some.npz")
        np.savez(inputs, **{name: array[:wanted] for name, array in samples.items()})
    batch, bench = simulator == "verilator" and io == "parallel", simulator in ("ghdl", "verilator")
    extra = ["--batch"] if batch else ["--time-limit", f"{arguments.timeout:g}"] if bench else []
    call = _fpgann("simulate", build, "--simulator", simulator, *extra, "--inputs", inputs, timeout=arguments.timeout)
    verdict = build / "simulate.json"
    if call["status"] or not verdict.exists():
        return {"seconds": call["seconds"], "error": call["message"]}
    found = json.loads(verdict.read_text())
    return {"seconds": call["seconds"], **{key: found[key] for key in ("vectors", "mismatches", "bit_exact")}}


def _fpgann(*arguments: str | Path, timeout: float) -> dict[str, Any]:
    """One command of fpgann: its exit status, its last words, its seconds."""
    start = time.monotonic()
    command = [sys.executable, "-m", "fpgann", *map(str, arguments)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        status, message = run.returncode, (run.stderr.strip().splitlines() or [""])[-1][:300]
    except subprocess.TimeoutExpired:
        status, message = -1, f"took longer than {timeout:g} s"
    return {"status": status, "message": message, "seconds": round(time.monotonic() - start, 1)}


def table(results: dict[str, Any]) -> str:
    """All results as markdown."""

    def verdict(entry: dict[str, Any], simulator: str) -> str:
        found = entry.get(simulator)
        if found is None:
            return ""
        if "error" in found:
            return found["error"]
        exact = "exact" if found["bit_exact"] else f"{found['mismatches']} wrong"
        return f"{found['vectors']} {exact}, {found['seconds']:g} s"

    if any("csim" in entry for entry in results.values()):
        return _cpp_table(results, verdict)
    lines = [
        "| model | interface | LUT | DSP | BRAM | latency | II | compile | GHDL | Verilator |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for key, entry in sorted(results.items()):
        name, io = key.rsplit(" ", 1)
        if entry["check"] != "ok":
            continue
        numbers = [str(entry.get(k, "")) for k in ("lut", "dsp", "bram36", "latency_cycles", "ii")]
        seconds = f"{entry['compile_s']:g} s"
        outcome = [verdict(entry, "ghdl") or entry.get("error", ""), verdict(entry, "verilator")]
        lines.append("| " + " | ".join([name, io, *numbers, seconds, *outcome]) + " |")
    return "\n".join(lines)


def _cpp_table(results: dict[str, Any], verdict: Callable[[dict[str, Any], str], str]) -> str:
    """The results of C simulation, a model a line."""
    names = dict.fromkeys(key.rsplit(" ", 1)[0] for key in sorted(results))
    lines = ["| model | parallel | stream |", "| --- | --- | --- |"]
    for name in names:
        found = [results.get(f"{name} {io}", {"check": ""}) for io in ("parallel", "stream")]
        if any("csim" in entry for entry in found):
            cells = [verdict(entry, "csim") or entry.get("error", "")[:80] for entry in found]
            lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
