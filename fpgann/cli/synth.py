# SPDX-License-Identifier: Apache-2.0
"""`fpgann synth`: what the hardware costs after synthesis, and how fast it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from fpgann.api import Design
from fpgann.cli.printing import printable, say
from fpgann.cli.shared import BUILD, cell, steps, wide_console
from fpgann.eda.families import FAMILIES

_COMPARED = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "BRAM36"}
_COUNTED = {"lut_cells": "LUT cells", "carry": "carry bits", "lutram": "LUTRAM", "srl": "SRL"}
_MOST_STEPS = 12


@click.command()
@BUILD
@click.option("--family", type=click.Choice(list(FAMILIES)), required=True, help="What to map to.")
@click.option("--place-and-route", is_flag=True, help="Run nextpnr too: clock frequency, critical path.")
@click.option("--bitstream", is_flag=True, help="Place and route behind a shift register, and pack a bitstream.")
@click.option("--device", help="Part to place in; the smallest that the design fits by default.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1,),
    show_default=True,
    help="For placement; may be given several times.",
)
@click.option("--target-mhz", type=click.FloatRange(min=1), help="Clock frequency that placement aims at.")
def synth(
    build: Path,
    *,
    family: str,
    place_and_route: bool,
    bitstream: bool,
    device: str | None,
    seeds: tuple[int, ...],
    target_mhz: float | None,
) -> None:
    """Synthesise the hardware of BUILD with Yosys and count its cells, layer by layer, beside the estimates.

    Writes BUILD/synth.json; netlists and logs go to BUILD/synth/FAMILY.
    """
    design = Design(build)
    with steps() as progress:
        result = design.synthesize(
            family,
            place_and_route=place_and_route,
            bitstream=bitstream,
            device=device,
            seeds=seeds,
            target_mhz=target_mhz,
            progress=progress,
        )
    _print_cells(result, FAMILIES[family].title)
    if result["place_and_route"] is not None:
        _print_placement(result["place_and_route"])
    if result["bitstream"] is not None:
        say(printable(f"wrote {build / result['bitstream']}"))


def _print_cells(result: dict[str, Any], title: str) -> None:
    """The table of layers: found, estimated, and how far the estimate is off."""
    rows = [result, *result["layers"], result["rest"]]
    counted = {key: name for key, name in _COUNTED.items() if any(row.get(key) for row in rows)}
    table = Table(title=f"{cell(title)}, {cell(result['tool'])}: cells per layer", title_justify="left")
    table.add_column("layer", overflow="fold")
    table.add_column("op")
    for name in _COMPARED.values():
        table.add_column(name, justify="right")
        table.add_column("est.", justify="right", style="dim")
    for name in counted.values():
        table.add_column(name, justify="right")
    for layer in result["layers"]:
        table.add_row(cell(layer["name"]), cell(layer["op"]), *_figures(layer, counted))
    table.add_row("between layers", "", *_figures(result["rest"], counted))
    table.add_section()
    table.add_row("total", "", *_figures(result, counted))
    wide_console().print(table)


def _figures(row: dict[str, Any], counted: dict[str, str]) -> list[str]:
    found = []
    for key in _COMPARED:
        found += [f"{row[key]:g}", _estimate(row, key)]
    return [*found, *(f"{row[key]:g}" for key in counted)]


def _estimate(row: dict[str, Any], key: str) -> str:
    if "estimate" not in row:
        return ""
    off = row["deviation"][key]
    return f"{row['estimate'][key]}" + ("" if not off else f" {100 * off:+.0f} %")


def _print_placement(found: dict[str, Any]) -> None:
    """Frequency, critical path by layers, what is in use."""
    console = wide_console()
    speed = "no path between registers" if found["fmax_mhz"] is None else f"{found['fmax_mhz']:.1f} MHz"
    reached = [seed["fmax_mhz"] or 0 for seed in found["seeds"]]
    median = "" if len(reached) == 1 else f" (median of {len(reached)} seeds, best {max(reached):.1f})"
    behind = ", behind a shift register" if found["harness"] else ", out of context"
    console.print(f"{cell(found['device'])}{behind} ({cell(found['tool'])}): {speed}{median}")
    if found["remark"]:
        console.print(cell(found["remark"]))
    path = found["critical_path"]
    if path is not None:
        told = [
            f"{cell(step['layer'])}: {step['logic_ns'] + step['routing_ns']:.2f} ns "
            f"({step['cells']} cells, {step['routing_ns']:.2f} ns of it on wires)"
            for step in path["steps"][:_MOST_STEPS]
        ]
        more = [] if len(path["steps"]) <= _MOST_STEPS else ["..."]
        console.print(f"critical path, {path['delay_ns']:.2f} ns: " + ", then ".join([*told, *more]))
    used = [
        f"{cell(name)} {cells['used']}" + (f" of {cells['available']}" if cells["available"] else "")
        for name, cells in found["utilization"].items()
    ]
    console.print("in use: " + ", ".join(used))
