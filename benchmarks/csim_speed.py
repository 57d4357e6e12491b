#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many inferences a second C simulation computes, and how long it compiles, beside hls4ml's on the same network.

    python benchmarks/csim_speed.py BUILD [--peers PYTHON] [--samples N]

BUILD is a folder that `fpgann compile --target hls` wrote of `benchmarks/network.py --rounding even`. PYTHON is the
interpreter of an environment with hls4ml; `make benchmark-env` makes one, which is the default. All figures count
processor time: of one thread, the median of seven repeats, and of the compiler. Codes are compared first.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from network import evaluate, make_inputs, make_layers, save_arrays
from rates import rate

from fpgann.cosim.csim import CsimLibrary

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".venv-benchmark" / "bin" / "python"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--peers", type=Path, default=PEERS, help="Python of an environment with hls4ml")
    parser.add_argument("--samples", type=int, default=20_000)
    arguments = parser.parse_args()
    layers, codes = make_layers(), make_inputs(arguments.samples)
    seconds, ours = measure(arguments.build, codes, evaluate(layers, codes, to_even=True))
    print(f"{'fpgann':34} {ours:>12,.0f} inferences/s  compiled in {seconds:.1f} s")
    if not arguments.peers.exists():
        print(f"there is no {arguments.peers}: run make benchmark-env, or name one with --peers")
        return
    rates: dict[str, float] = {}
    for name, found in peers(arguments.peers, layers, codes).items():
        if "skipped" in found:
            print(f"{'hls4ml, ' + name:34} {'-':>12}  skipped: {found['skipped']}")
            continue
        rates[name] = found["rate"]
        verdict = "" if found["exact"] else ", NOT exact"
        figures = f"{found['rate']:>12,.0f} inferences/s  compiled in {found['seconds']:.1f} s{verdict}"
        print(f"{'hls4ml, ' + name:34} {figures}")
    if rates:
        best = max(rates, key=lambda name: rates[name])
        print(f"fpgann is {ours / rates[best]:.1f} times as fast as the fastest form of hls4ml ({best})")


def measure(build: Path, codes: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Seconds of compiling, and inferences a second."""
    with tempfile.TemporaryDirectory() as folder:
        before = _compiler_seconds()
        library = CsimLibrary(build, work=Path(folder))
        seconds = _compiler_seconds() - before
        (entry,) = library.description["inputs"]
        values = {entry["value"]: codes}
        (found,) = library.run(values).values()
        assert np.array_equal(found, wanted), "C simulation computes something else"
        return seconds, rate(lambda: library.run(values), len(codes))


def _compiler_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peers(python: Path, layers: list, codes: np.ndarray) -> dict[str, dict]:
    """The figures of hls4ml's forms.

    Raises:
        subprocess.CalledProcessError: its environment does not work.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        save_arrays(path, layers, codes)
        command = [str(python), str(HERE / "hls4ml_speed.py"), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    found: dict[str, dict] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
