# SPDX-License-Identifier: Apache-2.0
"""What commands print in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fpgann.cli.printing import complain, printable, shorten

BUILD = click.argument("build", type=click.Path(path_type=Path))
INPUTS = click.option(
    "--inputs", type=click.Path(path_type=Path), help="Samples: an npz keyed by input name, batch first."
)


WEIGHTS = click.option(
    "--weights", type=click.Path(path_type=Path), help="Other weights, an npz from 'fpgann weights', loaded first."
)


class InputShape(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in newer versions only
    """NAME=1x16: an input and its shape, batch axis included."""

    name = "NAME=1x16"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """Split at the last equals sign; names may hold others."""
        name, _, sizes = str(value).rpartition("=")
        if not name or not re.fullmatch(r"\d{1,9}(x\d{1,9})*", sizes):
            self.fail(f"'{value}' is no NAME=1x16", param, ctx)
        return name, tuple(int(size) for size in sizes.split("x"))


INPUT_SHAPE = click.option(
    "--input-shape",
    "input_shapes",
    type=InputShape(),
    multiple=True,
    help="Shape of an input that the model leaves open, batch axis included.",
)


SAMPLING = click.option(
    "--sampling",
    type=click.Choice(["refuse", "mean", "input", "generator"]),
    help="Random numbers that the model draws: refuse them (default), take their mean, make them inputs, "
    "or draw them in the hardware.",
)

SAMPLING_SEED = click.option(
    "--sampling-seed", type=int, help="Where the hardware's random numbers begin; 1 by default."
)

SOFTMAX = click.option(
    "--softmax",
    type=click.Choice(["probabilities", "logits"]),
    help="What a softmax at the output delivers: what it computes (default), or its argument, without any hardware.",
)


@contextmanager
def steps() -> Iterator[Any]:
    """A function that shows the current step on a terminal and nothing in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield lambda step: status.update(escape(step))


def warn(messages: tuple[str, ...]) -> None:
    """One line on stderr for each warning."""
    for message in messages:
        complain(f"warning: {message}")


def wide_console() -> Console:
    """A console as wide as its terminal; in a pipe wide enough that no table is squeezed."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


def cell(text: str) -> str:
    """A name or another text of a model for a table: no markup, no control characters, not endless."""
    return escape(shorten(printable(text)))


def _print_device(console: Console, report: dict[str, Any]) -> None:
    """Whether the design fits the device, and how much of it that takes."""
    device = report.get("device")
    if device is None:
        return
    titles = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "BRAM36"}
    used = [
        f"{100 * share:.3g} % of its {device[key]:g} {titles[key]}" for key, share in device["used"].items() if share
    ]
    verdict = "fits" if device["fits"] else "does not fit"
    console.print(f"{verdict} {cell(device['name'])} ({cell(device['part'])}): {', '.join(used)}")


def _figure(row: dict[str, Any], key: str) -> str:
    """A figure with its measured error, if it has one."""
    error = row.get(f"{key}_error")
    return f"{row[key]} ± {100 * error:.0f} %" if error and row[key] else f"{row[key]}"


def print_report(report: dict[str, Any]) -> None:
    """The table of layers."""
    console = wide_console()
    table = Table(title=f"{cell(report['model'])}: estimates per layer", title_justify="left")
    columns = ("layer", "op", "strategy", "reuse", "latency", "II", "LUT", "FF", "DSP", "BRAM36", "in", "out")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if 3 <= number <= 9 else "left", overflow="fold")
    keys = ("reuse_factor", "latency_cycles", "ii", "lut", "ff", "dsp", "bram36")
    for layer in report["layers"]:
        figures = [_figure(layer, key) for key in keys]
        texts = [cell(layer[key]) for key in ("name", "op", "strategy")]
        table.add_row(*texts, *figures, cell(layer["in_type"]), cell(layer["out_type"]))
    streams = report.get("streams")
    if streams is not None:
        table.add_row("AXI4-Stream", "", "", "", *(_figure(streams, key) for key in keys[1:]))
    total = report["total"]
    table.add_section()
    table.add_row("total", "", "", "", *(_figure(total, key) for key in keys[1:]))
    console.print(table)
    _print_device(console, report)
    measured = report["accuracy"]
    top1 = measured["top1_agreement"]
    agreement = "" if top1 is None else f", same ArgMax on {100 * top1:.2f} %"
    sqnr = "" if measured["sqnr_db"] is None else f", SQNR {measured['sqnr_db']:.1f} dB"
    console.print(
        f"against onnxruntime on {measured['samples']} {cell(measured['data'])} samples: "
        f"largest error {measured['max_abs_error']:.3g}, RMSE {measured['rmse']:.3g}{sqnr}{agreement}"
    )
