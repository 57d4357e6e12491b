# SPDX-License-Identifier: Apache-2.0
"""C++ for simulation: headers of arbitrary-precision integers, and shared libraries."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from fpgann.eda.find import find_tool
from fpgann.eda.run import run_tool
from fpgann.eda.tools import TOOL_BY_NAME, Tool
from fpgann.errors import ToolNotFoundError

COMPILE_TIMEOUT_S = 7200.0
_PACKAGE = "hls4ml"


class Dialect(Enum):
    """What generated C++ computes with."""

    AP_TYPES = "ap_types"
    """AMD's ap_int."""
    AC_TYPES = "ac_types"
    """Siemens' ac_int."""
    NATIVE = "native"
    """Machine integers."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where headers of a dialect may lie."""

    header: str
    variables: tuple[tuple[str, str], ...]  # environment variable of an installation, folder below it
    folders: tuple[str, ...]  # below the Python package
    flags: tuple[str, ...] = ()


_SOURCES: Mapping[Dialect, _Source] = {
    Dialect.AP_TYPES: _Source(
        "ap_int.h",
        (("XILINX_HLS", "include"), ("XILINX_VITIS", "include"), ("AP_TYPES", "")),
        ("templates/vivado/ap_types",),
    ),
    Dialect.AC_TYPES: _Source(
        "ac_int.h",
        (("MGC_HOME", "shared/include"), ("AC_TYPES", "")),
        ("templates/catapult/ac_types/include", "templates/quartus/ac_types"),
        ("-DFPGANN_AC_TYPES",),
    ),
    Dialect.NATIVE: _Source("", (), (), ("-DFPGANN_NATIVE",)),
}


def find_headers(dialect: Dialect) -> Path | None:
    """The folder of a dialect's headers: of an installation of the vendor's tool, else of a Python package.

    The package is looked at, never imported.

    Returns:
        None where a dialect needs none.

    Raises:
        ToolNotFoundError: they are not installed.
    """
    source = _SOURCES[dialect]
    if not source.header:
        return None
    named = [Path(os.environ[variable]) / below for variable, below in source.variables if os.environ.get(variable)]
    package = importlib.util.find_spec(_PACKAGE)
    if package is not None and package.origin is not None:
        named += [Path(package.origin).parent / folder for folder in source.folders]
    for folder in named:
        if (folder / source.header).is_file():
            return folder.resolve()
    variables = " or ".join(variable for variable, _ in source.variables)
    raise ToolNotFoundError(
        f"{source.header} is not installed",
        where=dialect.value,
        hint=f"install it: {TOOL_BY_NAME[_PACKAGE].install}, or set {variables}",
    )


def dialect_flags(dialect: Dialect) -> list[str]:
    """Options of the compiler that choose a dialect.

    Raises:
        ToolNotFoundError: its headers are not installed.
    """
    folder = find_headers(dialect)
    return [*_SOURCES[dialect].flags, *([] if folder is None else ["-isystem", str(folder)])]


def machine_flags(compiler: Tool) -> tuple[list[str], str]:
    """What tunes code for this machine, and what that means in the compiler's words; nothing where it does not know."""
    command = [*compiler.command, "-march=native", "-dM", "-E", "-x", "c++", os.devnull]
    run = run_tool(command, cwd=Path.cwd(), timeout_s=60, check=False)
    return (["-march=native"], run.output) if run.returncode == 0 else ([], "")


def compile_library(folder: Path, sources: Sequence[str], flags: Sequence[str], library: Path) -> None:
    """Compile a shared library.

    Args:
        folder: where sources and their headers lie.
        sources: the first is compiled, the others are included in front of it: one translation unit.
        flags: options.
        library: what to write.

    Raises:
        ToolError: the compiler is missing or failed.
    """
    compiler = find_tool("g++")
    first, *others = sources
    included = [part for source in others for part in ("-include", source)]
    command = [*compiler.command, "-std=c++17", "-shared", "-fPIC", "-w", "-I.", *included, *flags]
    run_tool([*command, first, "-o", str(library.resolve()), "-pthread"], cwd=folder, timeout_s=COMPILE_TIMEOUT_S)
