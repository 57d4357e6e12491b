# SPDX-License-Identifier: Apache-2.0
"""Compiles a design and sim/batch_engine.cpp or sim/batch_stream.cpp into one program, once."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpgann import resources
from fpgann.cosim.stream_ports import describe_interfaces
from fpgann.cosim.verilog import find_verilog
from fpgann.cosim.words import words_for
from fpgann.eda.find import find_tool
from fpgann.eda.run import run_tool
from fpgann.eda.tools import TOOL_BY_NAME, Tool
from fpgann.eda.verilog_speed import quicken
from fpgann.errors import FormatError, ToolFailedError

TOOLS = ("verilator", "g++", "make", "perl")
_TOP, _PREFIX = "fpgann_batch_top", "Vbatch"
_SOURCES = {
    "bench_parallel": {"engine.cpp": "batch_engine.cpp", "top.v": "batch_top.v"},
    "bench_stream": {"engine.cpp": "batch_stream.cpp", "top.v": "batch_stream_top.v"},
    "bench_maps": {"engine.cpp": "batch_stream.cpp", "top.v": "batch_stream_top.v"},
}
"""For each bench what does its work in C++, and what surrounds the design."""
_VERILATOR_FLAGS = (
    "--x-assign",
    "fast",
    "--x-initial",
    "unique",
    "--no-assert",
    "--no-timing",
    "-Wno-fatal",
    "-Wno-lint",
)
_FAST = ("-O2", "-fno-tree-vectorize")  # straight-line code: -O3 and vectors make it larger, not faster
_QUICK = ("-O0",)
_FEW_CYCLES = 4096  # for so few optimising takes far longer than it saves
_COMPILE_TIMEOUT_S = 7200.0


def engine_for(
    build: Path, simulation: Mapping[str, Any], cache: Path, cycles: int, netlist: str | None = None
) -> Path:
    """The program that simulates a design; compiled unless `cache` holds it.

    The compiler optimises it if it is to run for long; one that was optimised once is taken for few cycles, too.

    Args:
        build: the BUILD folder.
        simulation: contents of its sim/design.json, checked.
        cache: folder of programs by the hash of all that goes into them; made when missing.
        cycles: of the clock that it will run, about.
        netlist: Verilog to simulate in place of what lies in rtl/.

    Raises:
        ToolError: a tool is missing, too old or failed.
        FormatError: the cache cannot be written.
    """
    tools = {name: find_tool(name, at_least=TOOL_BY_NAME[name].minimum) for name in TOOLS}
    bench = simulation.get("bench", "bench_parallel")
    sources = {name: (resources.sim_dir() / file).read_text() for name, file in _SOURCES[bench].items()}
    sources |= describe_ports(simulation) if bench == "bench_parallel" else describe_interfaces(simulation)
    if netlist is not None:
        sources["design.v"] = netlist
    versions = [tools["verilator"].version_text, tools["g++"].version_text]
    fast = [*_FAST, *(["-march=native"] if (machine := _native(tools["g++"])) else [])]
    for options in (fast, list(_QUICK)) if cycles <= _FEW_CYCLES else (fast,):
        target = cache / _digest(build / "rtl", sources, [*versions, machine, *_VERILATOR_FLAGS, *options]) / "engine"
        if target.is_file():
            return target
    with tempfile.TemporaryDirectory(prefix="fpgann-batch-") as name:
        work = Path(name)
        for file, text in sources.items():
            (work / file).write_text(text, encoding="utf-8")
        if netlist is None:
            verilog = find_verilog(build, simulation["top"], work).read_text(encoding="utf-8")
            (work / "design.v").write_text(quicken(verilog), encoding="utf-8")
        _compile(work, tools, options)
        _place(work / "obj" / _PREFIX, target)
    return target


def describe_ports(simulation: Mapping[str, Any]) -> dict[str, str]:
    """batch_ports.vh and batch_ports.h: which bits of a word belong to which port, how many words there are."""
    input_bits = sum(_bits(port) for port in simulation["inputs"])
    result_bits = sum(_bits(port) for port in simulation["outputs"])
    item_words, result_words = words_for(input_bits), words_for(result_bits + 1)  # some bit is left to be zero
    pins = [*_pins(simulation["inputs"], "item"), *_pins(simulation["outputs"], "result")]
    defines = {
        "DESIGN": simulation["top"],
        "ITEM_BITS": 32 * item_words,
        "RESULT_BITS": 32 * result_words,
        "RESULT_USED": result_bits,
        "PORTS": ", ".join(pins),
    }
    constants = {"ITEM_WORDS": item_words, "RESULT_WORDS": result_words}
    return {
        "batch_ports.vh": "".join(f"`define {name} {value}\n" for name, value in defines.items()),
        "batch_ports.h": "".join(f"constexpr int {name} = {value};\n" for name, value in constants.items()),
    }


def _bits(port: Mapping[str, Any]) -> int:
    return int(port["elements"] * port["element_bits"])


def _pins(ports: list[Mapping[str, Any]], word: str) -> list[str]:
    pins, position = [], 0
    for port in ports:
        pins.append(f".{port['port']}({word}[{position + _bits(port) - 1}:{position}])")
        position += _bits(port)
    return pins


def _native(compiler: Tool) -> str:
    """What this machine's processor can do, in the compiler's words; empty where it does not know."""
    command = [*compiler.command, "-march=native", "-dM", "-E", "-x", "c++", os.devnull]
    run = run_tool(command, cwd=Path.cwd(), timeout_s=60, check=False)
    return run.output if run.returncode == 0 else ""


def _digest(rtl: Path, sources: Mapping[str, str], known: list[str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in rtl.rglob("*") if path.is_file()):
        sources = {**sources, f"rtl/{path.relative_to(rtl)}": hashlib.sha256(path.read_bytes()).hexdigest()}
    for text in [*(text for item in sorted(sources.items()) for text in item), *known]:
        data = text.encode(errors="surrogateescape")
        digest.update(f"{len(data)} ".encode() + data)
    return digest.hexdigest()[:20]


def _compile(work: Path, tools: Mapping[str, Tool], options: list[str]) -> None:
    """Make obj/Vbatch in `work`. All paths are relative: make understands no blanks in them."""
    verilator = tools["verilator"]
    environment = verilator.environment()
    files = ["engine.cpp", "top.v", "design.v"]
    command = [*verilator.command, "--cc", "--exe", "--prefix", _PREFIX, "--top-module", _TOP, "-Mdir", "obj"]
    run_tool(
        [*command, *_VERILATOR_FLAGS, "-CFLAGS", "-I..", *files],
        cwd=work,
        timeout_s=_COMPILE_TIMEOUT_S,
        env=environment,
    )
    flags = " ".join(options)
    variables = [f"OPT_FAST={flags}", f"OPT_GLOBAL={flags}", "OPT_SLOW=-O0"]  # slow code runs once
    jobs = f"-j{len(os.sched_getaffinity(0))}"
    command = [*tools["make"].command, jobs, "-C", "obj", "-f", f"{_PREFIX}.mk", *variables]
    run_tool(command, cwd=work, timeout_s=_COMPILE_TIMEOUT_S, env=environment)
    if not (work / "obj" / _PREFIX).is_file():
        raise ToolFailedError("it made no program", where="make")


def _place(program: Path, target: Path) -> None:
    """Move the finished program into the cache; nobody ever sees half of it."""
    aside = target.with_name(f".{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(program, aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        hint = "name a folder where you may write with --work"
        raise FormatError(f"cannot be written: {error.strerror or error}", where=f"'{target}'", hint=hint) from error
