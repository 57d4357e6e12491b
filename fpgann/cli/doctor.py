# SPDX-License-Identifier: Apache-2.0
"""`fpgann doctor`: what is installed and whether it works together."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fpgann.cli.printing import say
from fpgann.eda.doctor import Diagnosis, Verdict, diagnose
from fpgann.eda.support import Severity
from fpgann.eda.tools import Flow

_VERDICT_STYLE = {Verdict.OK: "green", Verdict.BROKEN: "bold red", Verdict.MISSING: "yellow"}
_SEVERITY_STYLE = {Severity.BROKEN: "bold red", Severity.HANDLED: "cyan", Severity.NOTE: "cyan"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as JSON.")
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Tools found, their versions, and combinations that are known to be broken.

    Exits with 0 when designs can be compiled to VHDL and proven with GHDL, with 1 otherwise.
    """
    diagnosis = diagnose()
    if as_json:
        say(json.dumps(diagnosis.to_json(), indent=2))
    else:
        _print(diagnosis)
    context.exit(0 if diagnosis.ok else 1)


def _print(diagnosis: Diagnosis) -> None:
    console = Console(highlight=False)
    table = Table(title="External tools", title_justify="left")
    table.add_column("tool", no_wrap=True)
    table.add_column("version", overflow="fold")
    table.add_column("from", no_wrap=True)
    table.add_column("used for")
    table.add_column("verdict", no_wrap=True)
    for report in diagnosis.tools:
        style = _VERDICT_STYLE[report.verdict]
        table.add_row(
            escape(report.spec.name),
            escape(report.tool.version_text) if report.tool else "-",
            report.tool.origin.value if report.tool else "-",
            ", ".join(flow.value for flow in report.spec.flows),
            f"[{style}]{report.verdict.value}[/]",
        )
    console.print(table)
    for (verdict, remark), names in _remarks(diagnosis).items():
        console.print(f"[{_VERDICT_STYLE[verdict]}]{verdict.value}[/] {escape(f'{names}: {remark}')}")
    for issue in diagnosis.issues:
        style = _SEVERITY_STYLE[issue.severity]
        console.print(f"[{style}]{issue.severity.value}[/] {escape(f'{issue.symptom} ({issue.remedy})')}")
    for flow in Flow:
        works = "[green]works[/]" if diagnosis.flow_works(flow) else "[yellow]not available[/]"
        console.print(f"{flow.value}: {works}")


def _remarks(diagnosis: Diagnosis) -> dict[tuple[Verdict, str], str]:
    """The tools that share a remark, so that `pip install fpgann[synth]` is said once."""
    names: dict[tuple[Verdict, str], list[str]] = {}
    for report in diagnosis.tools:
        if report.remark:
            names.setdefault((report.verdict, report.remark), []).append(report.spec.name)
    return {key: ", ".join(group) for key, group in names.items()}
