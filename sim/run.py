#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the bench of this folder: `python run.py [--simulator ghdl|verilator] [--waves]`.

Needs cocotb (2.0 or later) and GHDL, or Verilator (5.036 or later) for a design compiled with `--target verilog`;
cocotbext-axi as well for a design with AXI4-Stream interfaces or with weights that are loaded.
Exit status 0 means that every bit and every cycle was as predicted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cocotb_tools.runner import Runner

HERE = Path(__file__).resolve().parent
GHDL_FLAGS = ["--std=08", "-frelaxed"]


def main() -> int:
    """Build the design, run the bench, return the exit status."""
    arguments = parse()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    design = json.loads((arguments.vectors / "design.json").read_text())
    has_axi = design.get("bench") in ("bench_stream", "bench_maps") or "loading" in design
    if has_axi and not (find_spec("cocotbext") and find_spec("cocotbext.axi")):
        raise SystemExit("error: the bench of AXI interfaces needs cocotbext-axi: pip install cocotbext-axi")
    runner = get_runner(arguments.simulator)
    build = build_verilator if arguments.simulator == "verilator" else build_ghdl
    options = build(runner, arguments, design, work)
    os.environ["FPGANN_SIM_DIR"] = str(arguments.vectors.resolve())
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    results = runner.test(
        test_module=design.get("bench", "bench_parallel"),
        hdl_toplevel=design["top"],
        build_dir=work,
        test_dir=work,
        results_xml=str(work / "results.xml"),
        **options,
    )
    tests, failures = get_results(Path(results))
    return 0 if tests > 0 and failures == 0 else 1


def parse() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulator", default="ghdl", choices=["ghdl", "verilator"])
    parser.add_argument("--rtl", type=Path, default=HERE.parent / "rtl", help="folder with compile_order.txt")
    parser.add_argument("--verilog", type=Path, help="the design in Verilog; without it, the one in the folder --rtl")
    parser.add_argument("--vectors", type=Path, default=HERE, help="folder with vectors.json, gets result.json")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="folder for compiled files")
    parser.add_argument("--waves", action="store_true", help="write waves into the vectors folder")
    return parser.parse_args()


def build_ghdl(
    runner: Runner, arguments: argparse.Namespace, design: Mapping[str, str], work: Path
) -> Mapping[str, str | Sequence[str]]:
    """Analyse the VHDL; how to run it."""
    libraries: dict[str, list[Path]] = {}
    for line in (arguments.rtl / "compile_order.txt").read_text().splitlines():
        library, path = line.split(maxsplit=1)
        libraries.setdefault(library, []).append((arguments.rtl / path).resolve())
    models = HERE / "primitives.vhd"
    if models.exists():  # of the device's cells that the design names
        libraries["fpgann"].insert(0, models)
    for library, sources in libraries.items():
        runner.build(
            sources=sources,
            hdl_library=library,
            hdl_toplevel=design["top"] if library == "work" else None,
            build_args=GHDL_FLAGS,
            build_dir=work,
            always=True,
        )
    waves = [f"--wave={(arguments.vectors / 'waves.ghw').resolve()}"] if arguments.waves else []
    return {
        "hdl_toplevel_lang": "vhdl",
        "hdl_toplevel_library": "work",
        "test_args": GHDL_FLAGS,
        # a function that fills a memory has all of it on the stack
        "plusargs": ["--ieee-asserts=disable-at-0", "--max-stack-alloc=0", *waves],
    }


def build_verilator(
    runner: Runner, arguments: argparse.Namespace, design: Mapping[str, str], work: Path
) -> Mapping[str, str | Sequence[str] | bool]:
    """Compile the Verilog; how to run it."""
    top = design["top"]
    verilog = arguments.verilog or arguments.rtl / f"{top}.v"
    if not verilog.is_file():
        raise SystemExit(f"error: there is no {verilog}: compile with --target verilog, or name a file with --verilog")
    visible = work / "visible.vlt"  # the streams between stages; all signals of all stages would cost minutes
    shown = dict.fromkeys((top, design.get("core", top)))
    lines = [f'public_flat_rw -module "{module}" -var "*"' for module in shown]
    visible.write_text("\n".join(["`verilator_config", *lines, ""]))
    # compiling takes far longer than running
    unoptimised = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    os.environ["MAKEFLAGS"] = f"{os.environ.get('MAKEFLAGS', '')} {unoptimised}".strip()
    runner.build(
        sources=[verilog.resolve(), visible],
        hdl_toplevel=top,
        build_args=["-Wno-fatal", "-Wno-lint", "--x-initial", "unique", "--no-public-flat-rw"],
        build_dir=work,
        timescale=("1ns", "1ps"),
        always=True,
        waves=arguments.waves,
    )
    waves = ["--trace-file", str((arguments.vectors / "waves.vcd").resolve())] if arguments.waves else []
    # a register without a reset may hold anything at first
    seed = json.loads((arguments.vectors / "vectors.json").read_text())["seed"] % 1_000_000 + 1
    plusargs = [f"+verilator+seed+{seed}", "+verilator+rand+reset+2", *waves]
    return {"hdl_toplevel_lang": "verilog", "plusargs": plusargs, "waves": arguments.waves}


if __name__ == "__main__":
    sys.exit(main())
