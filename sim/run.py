#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the bench of this folder: `python run.py [--simulator ghdl] [--waves]`.

Needs cocotb (2.0 or later) and GHDL. Exit status 0 means that every bit and every cycle was as predicted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Analyse the design, run the bench, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulator", default="ghdl", choices=["ghdl"])
    parser.add_argument("--rtl", type=Path, default=HERE.parent / "rtl", help="folder with compile_order.txt")
    parser.add_argument("--vectors", type=Path, default=HERE, help="folder with vectors.json, gets result.json")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="folder for compiled files")
    parser.add_argument("--waves", action="store_true", help="write waves.ghw into the vectors folder")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    design = json.loads((arguments.vectors / "design.json").read_text())
    top = design["top"]
    libraries: dict[str, list[Path]] = {}
    for line in (arguments.rtl / "compile_order.txt").read_text().splitlines():
        library, path = line.split(maxsplit=1)
        libraries.setdefault(library, []).append((arguments.rtl / path).resolve())
    flags = ["--std=08", "-frelaxed"]
    runner = get_runner(arguments.simulator)
    for library, sources in libraries.items():
        runner.build(
            sources=sources,
            hdl_library=library,
            hdl_toplevel=top if library == "work" else None,
            build_args=flags,
            build_dir=work,
            always=True,
        )
    extra = [f"--wave={(arguments.vectors / 'waves.ghw').resolve()}"] if arguments.waves else []
    os.environ["FPGANN_SIM_DIR"] = str(arguments.vectors.resolve())
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    results = runner.test(
        test_module=design.get("bench", "bench_parallel"),
        hdl_toplevel=top,
        hdl_toplevel_lang="vhdl",
        hdl_toplevel_library="work",
        build_dir=work,
        test_dir=work,
        test_args=flags,
        # a function that fills a memory has all of it on the stack
        plusargs=["--ieee-asserts=disable-at-0", "--max-stack-alloc=0", *extra],
        results_xml=str(work / "results.xml"),
    )
    tests, failures = get_results(Path(results))
    return 0 if tests > 0 and failures == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
