# SPDX-License-Identifier: Apache-2.0
"""What every generated C++ must pass: strict warnings of two compilers, clang-format, lines that fit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fpgann.design import Design
from tests.conftest import require_package, require_tool

STRICT = (
    *("-std=c++17", "-fsyntax-only", "-O1", "-I.", "-DFPGANN_NATIVE", "-Werror", "-Wall", "-Wextra", "-Wpedantic"),
    *("-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wno-unknown-pragmas"),
)
COMPILERS = ("g++", "clang++")
LONGEST_LINE = 120


def require_compiler(name: str) -> list[str]:
    """How to start a compiler; without it the test is left out, or fails as it does for any tool."""
    if name == "g++":
        return list(require_tool("g++").command)
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed (apt install clang)"
        if name in os.environ.get("FPGANN_REQUIRE_TOOLS", "").split(","):
            pytest.fail(f"{reason}, and FPGANN_REQUIRE_TOOLS demands it")
        pytest.skip(reason)
    return [found]


def assert_no_warning(design: Design, compiler: str) -> None:
    """Compile the program, its test bench and its bridge with every warning that finds something in such code."""
    command = require_compiler(compiler)
    for source in ("bridge.cpp", "main.cpp", f"{design.manifest['top']}.cpp"):
        folder = design.folder / "hls"
        done = subprocess.run([*command, *STRICT, source], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:3000]


def assert_formatted(design: Design) -> None:
    """clang-format changes nothing, and lines fit."""
    clang_format = require_package("clang_format", "clang-format")
    sources = [path for path in (design.folder / "hls").rglob("*") if path.suffix in (".h", ".cpp")]
    assert_lines_fit(sources)
    command = [clang_format.get_executable("clang-format"), "--dry-run", "--Werror", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]


def assert_lines_fit(sources: list[Path]) -> None:
    """No line is too long."""
    long = [f"{path}: {line}" for path in sources for line in path.read_text().splitlines() if len(line) > LONGEST_LINE]
    assert not long, "\n".join(long)
