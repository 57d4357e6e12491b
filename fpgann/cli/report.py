# SPDX-License-Identifier: Apache-2.0
"""`fpgann report`: the figures of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from fpgann.api import Design
from fpgann.cli.printing import printable, say
from fpgann.cli.shared import BUILD, cell, print_report, wide_console


@click.command()
@BUILD
def report(build: Path) -> None:
    """Print cost, timing and error per layer of BUILD, and write its report.html with all there is to know by now."""
    design = Design(build)
    page = design.write_report()
    print_report(design.report)
    print_multipliers(design.report)
    print_errors(design.report)
    print_drift(design.report)
    say(printable(f"wrote {page}; the same as data: report.json"))


def print_multipliers(report: dict[str, Any]) -> None:
    """The table of multipliers that several products share, and how much of the time each is in use."""
    folded = [layer for layer in report["layers"] if layer.get("multipliers")]
    if not folded:
        return
    table = Table(title="multipliers, and the part of the time in which they compute", title_justify="left")
    table.add_column("layer", overflow="fold")
    for title in ("multipliers", "products", "in use"):
        table.add_column(title, justify="right")
    for row in (*folded, {**report["total"], "name": "all"}):
        figures = (f"{row['multipliers']}", f"{row['multiplications']}", f"{100 * row['utilisation']:.1f} %")
        table.add_row(cell(row["name"]), *figures)
    wide_console().print(table)


def print_errors(report: dict[str, Any]) -> None:
    """The table of errors, and of how much of each result its type cuts off."""
    compared = [layer for layer in report["layers"] if layer.get("error")]
    if not compared:
        return
    table = Table(title="error per layer against float64", title_justify="left")
    table.add_column("layer", overflow="fold")
    for title in ("SQNR", "largest error", "RMSE", "outside of type"):
        table.add_column(title, justify="right")
    for layer in compared:
        error, histogram = layer["error"], layer["result_histogram"]
        ratio = "" if error["sqnr_db"] is None else f"{error['sqnr_db']:.1f} dB"
        outside = "" if histogram is None else f"{100 * histogram['outside']:.3g} %"
        exact = error["max_abs_error"] == 0
        figures = (f"{error['max_abs_error']:.3g}", f"{error['rmse']:.3g}", outside)
        table.add_row(cell(layer["name"]), "exact" if exact else ratio, *figures)
    wide_console().print(table)


def print_drift(report: dict[str, Any]) -> None:
    """The table of states of recurrences: how their error grows from step to step."""
    if not report["drift"]:
        return
    table = Table(title="error of states against float64, behind some of their steps: RMSE", title_justify="left")
    table.add_column("state", overflow="fold")
    for title in ("steps", "first", "middle", "last", "largest error", "in step"):
        table.add_column(title, justify="right")
    for state in report["drift"]:
        steps = state["steps"]
        some = (steps[0], steps[len(steps) // 2], steps[-1])
        worst = max(range(len(steps)), key=lambda i: steps[i]["max_abs_error"])
        figures = (*(f"{step['rmse']:.3g}" for step in some), f"{steps[worst]['max_abs_error']:.3g}", f"{worst + 1}")
        table.add_row(cell(state["state"]), f"{len(steps)}", *figures)
    wide_console().print(table)
