# SPDX-License-Identifier: Apache-2.0
"""Diagnoses the machine: which tools are there, which flows work, which combinations are broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from fpgann.eda.find import locate
from fpgann.eda.support import KnownIssue, Severity, known_issues
from fpgann.eda.tools import TOOLS, Flow, Tool, ToolSpec
from fpgann.errors import ToolError


class Verdict(Enum):
    """What is to be said of one tool."""

    OK = "ok"
    BROKEN = "broken"
    MISSING = "missing"


REQUIRED_FLOWS = frozenset({Flow.GHDL})
"""Without these the main promise, VHDL that is proven bit-exact, cannot be kept."""


@dataclass(frozen=True, slots=True)
class ToolReport:
    """One tool and its verdict."""

    spec: ToolSpec
    tool: Tool | None
    verdict: Verdict
    remark: str
    """What to do about it; empty when all is well."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole machine."""

    tools: tuple[ToolReport, ...]
    issues: tuple[KnownIssue, ...]

    def flow_works(self, flow: Flow) -> bool:
        """Whether what `flow` needs is there and not known to be broken.

        Place and route and bitstreams work as soon as one family's tool does; every other flow needs all of its tools.
        """
        verdicts = [report.verdict is Verdict.OK for report in self.tools if flow in report.spec.flows]
        return any(verdicts) if flow in (Flow.PLACE_AND_ROUTE, Flow.BITSTREAM) else all(verdicts)

    @property
    def ok(self) -> bool:
        """Whether every required flow works."""
        return all(self.flow_works(flow) for flow in REQUIRED_FLOWS)

    def to_json(self) -> dict[str, object]:
        """The diagnosis as `fpgann doctor --json` prints it."""
        return {
            "ok": self.ok,
            "flows": {flow.value: self.flow_works(flow) for flow in Flow},
            "tools": [
                {
                    "name": report.spec.name,
                    "used_for": [flow.value for flow in report.spec.flows],
                    "verdict": report.verdict.value,
                    "version": report.tool.version_text if report.tool else None,
                    "origin": report.tool.origin.value if report.tool else None,
                    "command": list(report.tool.command) if report.tool else None,
                    "remark": report.remark,
                }
                for report in self.tools
            ],
            "known_issues": [
                {
                    "name": issue.name,
                    "severity": issue.severity.value,
                    "tools": [condition.tool for condition in issue.conditions],
                    "symptom": issue.symptom,
                    "remedy": issue.remedy,
                }
                for issue in self.issues
            ],
        }


def diagnose(specs: Sequence[ToolSpec] = TOOLS) -> Diagnosis:
    """Look for every tool in `specs` and judge what was found."""
    found: dict[str, Tool] = {}
    troubles: dict[str, str] = {}
    for spec in specs:
        try:
            tool = locate(spec)
        except ToolError as error:
            troubles[spec.name] = str(error)
            continue
        if tool is not None:
            found[spec.name] = tool
    issues = known_issues(found)
    reports = tuple(_judge(spec, found.get(spec.name), issues, troubles.get(spec.name, "")) for spec in specs)
    return Diagnosis(tools=reports, issues=issues)


def _judge(spec: ToolSpec, tool: Tool | None, issues: Iterable[KnownIssue], trouble: str) -> ToolReport:
    if trouble:
        return ToolReport(spec, None, Verdict.BROKEN, trouble)
    if tool is None:
        return ToolReport(spec, None, Verdict.MISSING, spec.install)
    for issue in issues:
        # The last condition names the tool to replace: `cocotb 2 with an old Verilator` is Verilator's fault.
        if issue.severity is Severity.BROKEN and issue.conditions[-1].tool == spec.name:
            return ToolReport(spec, tool, Verdict.BROKEN, f"{issue.symptom}: {issue.remedy}")
    return ToolReport(spec, tool, Verdict.OK, "")
