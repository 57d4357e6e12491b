# SPDX-License-Identifier: Apache-2.0
"""No tool has anything to say about the library: GHDL, its Verilog in Verilator, vsg."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hdl.cases import DEFAULT
from tests.hdl.simulators import HDL, analyse, convert, library_files, lint, prepare
from tests.hdl.wrapper import PORTS


def test_every_entity_is_tested() -> None:
    # tested inside fpgann_dense_folded and fpgann_dense_loadable
    parts = {"fpgann_dense_array", "fpgann_dense_sequence", "fpgann_dense_neurons"}
    entities = {file.stem for file in library_files() if not file.stem.endswith("_pkg")} - parts
    assert set(DEFAULT) == set(PORTS) == entities
    for entity in entities:
        assert (HDL.parent / "sim" / "benches" / f"bench_{entity.removeprefix('fpgann_')}.py").is_file()


def test_analysis_has_no_warnings(tmp_path: Path) -> None:
    assert analyse(tmp_path, library_files()) == ""


@pytest.mark.parametrize("entity", DEFAULT)
def test_converted_verilog_is_clean(tmp_path: Path, entity: str) -> None:
    assert prepare(tmp_path, entity, DEFAULT[entity]) == ""
    found = lint(tmp_path, convert(tmp_path))
    assert "%Warning" not in found, found
    assert "%Error" not in found, found


def test_a_lint_problem_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.v"
    broken.write_text("module bench_top (input [3:0] a, output [7:0] y); assign y = a; endmodule\n")
    assert "%Warning-WIDTHEXPAND" in lint(tmp_path, broken)


def test_style() -> None:
    command = [sys.executable, "-m", "vsg", "--configuration", str(HDL / "vsg.yaml"), "--output_format", "syntastic"]
    files = [str(file) for file in library_files()]
    done = subprocess.run([*command, "--filename", *files], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
