#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many inferences a second the integer reference computes, beside the interpreters of peers on the same network.

    python benchmarks/reference_speed.py [--peers PYTHON] [--samples N]

PYTHON is the interpreter of an environment with the peers; `make benchmark-env` makes one, which is the default.
All figures count processor time of one thread, without compiling: the median of seven repeats. All results are
compared with plain integer arithmetic first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from network import INPUT_FRAC, evaluate, make_graph, make_inputs, make_layers, save_arrays
from rates import rate

from fpgann.reference import encode_input, run_codes
from fpgann.reference.compiled import CompiledGraph

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".venv-benchmark" / "bin" / "python"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, default=PEERS, help="Python of an environment with the peers")
    parser.add_argument("--samples", type=int, default=20_000)
    arguments = parser.parse_args()
    layers, codes = make_layers(), make_inputs(arguments.samples)
    ours = measure(layers, codes)
    fastest = ours["fpgann, codes to codes"]
    show("", "inferences/s", "fpgann is faster by")
    for name, figure in ours.items():
        show(name, f"{figure:,.0f}", "")
    for name, found in peers(arguments.peers, layers, codes).items():
        title = f"{name} {found.get('version', '')}".strip()
        if "skipped" in found:
            show(title, "-", f"skipped: {found['skipped']}")
        else:
            verdict = "" if found["exact"] else ", NOT exact"
            show(f"{title}, {found['kind']}", f"{found['rate']:,.0f}", f"{fastest / found['rate']:.1f}{verdict}")


def show(name: str, figure: str, note: str) -> None:
    print(f"{name:44} {figure:>14}  {note}".rstrip())


def measure(layers: list, codes: np.ndarray) -> dict[str, float]:
    """Our figures: the compiled reference on codes and on real numbers, and its parts."""
    graph = make_graph(layers)
    compiled, count, (entry,) = CompiledGraph(graph), len(codes), graph.inputs
    x, wanted = {"x": codes[:, None]}, evaluate(layers, codes)
    (output,) = graph.outputs.values()
    encoding, values = graph.types[output].codes, {"x": codes[:, None] * 2.0**-INPUT_FRAC}
    results = compiled.run(x)[output]
    for found in (results, compiled.run_floats(values)[output], run_codes(graph, x)[output]):
        assert np.array_equal(found[:, 0], wanted), "fpgann computes something else"
    only_inputs = CompiledGraph(graph, ["x"])
    few = {"x": x["x"][:2000]}
    return {
        "fpgann, codes to codes": rate(lambda: compiled.run(x), count),
        "fpgann, float64 to codes": rate(lambda: compiled.run_floats(values), count),
        "fpgann, float64 to input codes only": rate(lambda: only_inputs.run_floats(values), count),
        "fpgann, output codes to float64 only": rate(lambda: encoding.decode(results), count),
        "fpgann, plain definition of input codes": rate(lambda: encode_input(entry, values["x"]), count),
        "fpgann, plain definition (run_codes)": rate(lambda: run_codes(graph, few), len(few["x"])),
    }


def peers(python: Path, layers: list, codes: np.ndarray) -> dict[str, dict]:
    """The peers' figures, or why there are none."""
    if not python.exists():
        return {"peers": {"skipped": f"there is no {python}; run make benchmark-env, or name one with --peers"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        save_arrays(path, layers, codes)
        command = [str(python), str(HERE / "peers.py"), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return {"peers": {"skipped": lines[-1]}}
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
