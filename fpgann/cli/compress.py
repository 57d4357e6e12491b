# SPDX-License-Identifier: Apache-2.0
"""`fpgann compress`: prune, merge, quantize and retrain a model."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.table import Table

from fpgann.cli.printing import printable, say
from fpgann.cli.shared import cell, steps, wide_console
from fpgann.config import CompileOptions, read_config
from fpgann.train.compress import Compression
from fpgann.train.compress import compress as run
from fpgann.train.figures import Figures


@click.command()
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="QONNX file to write.")
@click.option("--plan", type=click.Path(path_type=Path), required=True, help="What to do (TOML): docs/compression.md.")
@click.option(
    "--calibration", type=click.Path(path_type=Path), required=True, help="Input samples (npz) to choose scales from."
)
@click.option(
    "--test", type=click.Path(path_type=Path), help="Samples (npz) to measure accuracy on; else those of --calibration."
)
@click.option("--labels", type=click.Path(path_type=Path), help="The right class of each of these samples (npz).")
@click.option("--train", metavar="SCRIPT.py:FUNCTION", help="Retrain: a function that gets a fpgann.train.Task.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of a training that was stopped.")
@click.option("--config", type=click.Path(path_type=Path), help="fpgann.toml, for the hardware that is estimated.")
def compress(
    model: Path | None,
    *,
    output: Path,
    plan: Path,
    calibration: Path,
    test: Path | None,
    labels: Path | None,
    train: str | None,
    resume: bool,
    config: Path | None,
) -> None:
    """Make MODEL (a float ONNX file) small, with samples of its inputs alone or with a training.

    With --train MODEL may be left out: the float module that the training attaches is compared instead.
    """
    options = CompileOptions() if config is None else read_config(config)
    with steps() as progress:
        done = run(
            model,
            output,
            plan,
            calibration=calibration,
            test=test,
            labels=labels,
            train=train,
            resume=resume,
            options=options,
            progress=progress,
        )
    _print(done)
    files = ", ".join(str(file) for file in done.files)
    say(printable(f"wrote {files}; next: fpgann compile {shlex.quote(str(output))} -o BUILD"))


def _print(done: Compression) -> None:
    """The table, and a line for each layer that has fewer neurons."""
    table = Table(title="before and after; hardware as estimated", title_justify="left")
    table.add_column("")
    columns = ("accuracy", "agrees", "error", "zeros", "neurons", "bits", "digits", "LUT", "FF", "DSP", "BRAM36")
    for column in (*columns, "latency"):
        table.add_column(column, justify="right")
    for row in done.rows:
        table.add_row(cell(row.name), *_texts(row))
    wide_console().print(table)
    for merged in done.merged:
        if merged.after < merged.before:
            exact = "exactly" if not merged.error_bound else f"sums behind it move by at most {merged.error_bound:.3g}"
            say(printable(f"{merged.layer}: {merged.before} neurons merged to {merged.after}, {exact}"))


def _texts(row: Figures) -> list[str]:
    def share(number: float | None) -> str:
        return "" if number is None else f"{100 * number:.2f} %"

    texts = [share(row.accuracy), share(row.agreement), share(row.error), share(row.sparsity)]
    texts += [str(row.neurons), f"{row.weight_bits:.2f}"]
    if row.latency_cycles:
        texts += [str(n) for n in (row.digits, row.lut, row.ff, row.dsp, row.bram36, row.latency_cycles)]
    return texts
