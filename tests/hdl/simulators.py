# SPDX-License-Identifier: Apache-2.0
"""Runs a bench of sim/benches/ in GHDL, and in Verilator on the Verilog that GHDL makes of the same files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock
from xml.etree import ElementTree as ET

from fpgann.eda.tools import Tool
from fpgann.eda.verilog import synthesise
from tests.conftest import REPOSITORY, require_tool
from tests.hdl.wrapper import TOP, Generics, describe, render

if TYPE_CHECKING:
    from cocotb_tools.runner import Runner

HDL = REPOSITORY / "hdl"
LIBRARY = "fpgann"
SEED = int(os.environ.get("FPGANN_TEST_SEED", "1"))
GHDL_FLAGS = ("--std=08", f"--work={LIBRARY}")

# What GHDL's style of Verilog makes unavoidable, and nothing else: a wire of its own for every expression, unused
# high bits and all; all modules in one file; multiplexers as `always @*` with `<=`; `.port()` for an open output.
VERILATOR_WAIVED = ("UNUSEDSIGNAL", "DECLFILENAME", "COMBDLY", "PINCONNECTEMPTY")


@dataclass(frozen=True)
class Outcome:
    """What a simulation reported: how many tests ran, and the message of each that failed."""

    tests: int
    failures: tuple[str, ...]


def library_files(hdl: Path = HDL) -> list[Path]:
    """The files of the library in the order of analysis."""
    orders = ("compile_order.txt", "compile_order_maps.txt", "compile_order_noise.txt")
    return [hdl / name for order in orders for name in (hdl / order).read_text().split()]


def run(command: Sequence[str], work: Path, tool: Tool) -> subprocess.CompletedProcess[str]:
    """Run a command, whatever comes of it."""
    return subprocess.run(command, check=False, cwd=work, env=tool.environment(), capture_output=True, text=True)


def analyse(work: Path, files: Sequence[Path]) -> str:
    """Analyse files into the library in `work`; the warnings."""
    ghdl = require_tool("ghdl")
    done = run([*ghdl.command, "-a", *GHDL_FLAGS, *map(str, files)], work, ghdl)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def convert(work: Path) -> Path:
    """Verilog of the top level that is analysed in `work`."""
    require_tool("ghdl")
    target = work / f"{TOP}.v"
    target.write_text(synthesise(TOP, LIBRARY, work))
    return target


def lint(work: Path, verilog: Path, top: str = TOP) -> str:
    """What Verilator has to say about a file."""
    verilator = require_tool("verilator")
    waived = [f"-Wno-{name}" for name in VERILATOR_WAIVED]
    command = [*verilator.command, "--lint-only", "-Wall", *waived, "--top-module", top, str(verilog)]
    done = run(command, work, verilator)
    return done.stdout + done.stderr


def prepare(work: Path, entity: str, cases: Mapping[str, Generics], hdl: Path = HDL) -> str:
    """Write the top level of these cases, and analyse it and the library; the warnings."""
    (work / f"{TOP}.vhd").write_text(render(entity, cases))
    (work / "cases.json").write_text(describe(cases, SEED))
    return analyse(work, [*library_files(hdl), work / f"{TOP}.vhd"])


def simulate_ghdl(work: Path, entity: str) -> Outcome:
    """Run the bench of an entity on what `prepare` analysed."""
    ghdl = require_tool("ghdl")
    # Registers without a reset are undefined at first, which numeric_std would report every time.
    arguments = {"test_args": ["--std=08"], "plusargs": ["--ieee-asserts=disable"], "hdl_toplevel_lang": "vhdl"}
    return _test(_runner("ghdl"), ghdl, work, entity, hdl_toplevel_library=LIBRARY, **arguments)


def simulate_verilator(work: Path, entity: str) -> Outcome:
    """Run the bench of an entity on the Verilog of what `prepare` analysed; undefined registers are random."""
    verilator = require_tool("verilator")
    for helper in ("g++", "make", "perl"):
        require_tool(helper)
    verilog = convert(work)
    environment = verilator.environment()
    # Compiling takes far longer than running.
    unoptimised = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    environment["MAKEFLAGS"] = f"{environment.get('MAKEFLAGS', '')} {unoptimised}".strip()
    with mock.patch.dict(os.environ, environment, clear=True):
        runner = _runner("verilator")
        try:
            runner.build(
                sources=[verilog],
                hdl_toplevel=TOP,
                build_args=["-Wno-fatal", "--x-initial", "unique"],
                build_dir=work,
                timescale=("1ns", "1ps"),
                log_file=work / "build.log",
            )
        except (SystemExit, RuntimeError) as error:
            raise AssertionError(f"Verilator failed: {error}\n{_tail(work / 'build.log')}") from error
    random_registers = [f"+verilator+seed+{SEED}", "+verilator+rand+reset+2"]
    return _test(runner, verilator, work, entity, hdl_toplevel_lang="verilog", plusargs=random_registers)


SIMULATE = {"ghdl": simulate_ghdl, "verilator": simulate_verilator}


def _runner(simulator: str) -> Runner:
    for helper in ("cocotb", "libpython"):
        require_tool(helper)
    from cocotb_tools.runner import get_runner

    return get_runner(simulator)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-5000:] if log.is_file() else f"no {log.name}"


def _test(runner: Runner, tool: Tool, work: Path, entity: str, **arguments: object) -> Outcome:
    results, log = work / "results.xml", work / "test.log"
    environment = tool.environment()
    environment.pop("PYTEST_CURRENT_TEST", None)  # else the runner judges the result itself
    environment["FPGANN_BENCH_CASES"] = str(work / "cases.json")
    environment["COCOTB_ANSI_OUTPUT"] = "0"
    folders = [str(REPOSITORY), str(REPOSITORY / "sim" / "benches")]
    with mock.patch.dict(os.environ, environment, clear=True), mock.patch("sys.path", [*folders, *sys.path]):
        try:
            runner.test(
                test_module=f"bench_{entity.removeprefix('fpgann_')}",
                hdl_toplevel=TOP,
                build_dir=work,
                test_dir=work,
                results_xml=str(results),
                log_file=log,
                seed=SEED,
                **arguments,
            )
        except SystemExit as error:
            if not results.is_file():
                raise AssertionError(f"no results, exit status {error.code}\n{_tail(log)}") from error
    assert results.is_file(), f"no results\n{_tail(log)}"
    return read_results(results)


def read_results(results: Path) -> Outcome:
    """The outcome cocotb wrote."""
    cases = list(ET.parse(results).getroot().iter("testcase"))
    failures = [
        f"{case.get('name')}: {(what.get('message') or what.get('error_msg') or what.text or '').strip()}"
        for case in cases
        for what in [*case.findall("failure"), *case.findall("error")]
    ]
    return Outcome(len(cases), tuple(failures))
