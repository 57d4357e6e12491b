# SPDX-License-Identifier: Apache-2.0
"""`fpgann doctor` prints what the diagnosis says."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from fpgann.cli.doctor import doctor
from fpgann.eda.tools import TOOL_BY_NAME, TOOLS, Origin, Tool, ToolSpec


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tool]:
    """The tools that are found."""
    tools = {
        name: Tool(TOOL_BY_NAME[name], Origin.SYSTEM, (name,), version, ".".join(map(str, version)))
        for name, version in [
            ("ghdl", (2, 0, 0)),
            ("cocotb", (2, 1, 0)),
            ("cocotbext-axi", (0, 1, 28)),
            ("libpython", (3, 11, 7)),
            ("verilator", (5, 6)),
        ]
    }

    def locate(spec: ToolSpec) -> Tool | None:
        return tools.get(spec.name)

    monkeypatch.setattr("fpgann.eda.doctor.locate", locate)
    return tools


def test_the_table_names_every_tool(machine: dict[str, Tool]) -> None:
    result = CliRunner().invoke(doctor, [], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for spec in TOOLS:
        assert spec.name in result.output
    assert "cocotb 2 does not compile against a Verilator older than 5.036" in result.output
    assert "pip install fpgann[synth]" in result.output


def test_json(machine: dict[str, Tool]) -> None:
    result = CliRunner().invoke(doctor, ["--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["ok"] is True


def test_without_ghdl_it_fails(machine: dict[str, Tool]) -> None:
    del machine["ghdl"]
    assert CliRunner().invoke(doctor, []).exit_code == 1
    result = CliRunner().invoke(doctor, ["--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)["ok"] is False
