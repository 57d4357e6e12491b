# SPDX-License-Identifier: Apache-2.0
"""`fpgann emulate`: the reference model."""

from __future__ import annotations

from pathlib import Path

import click

from fpgann import samples
from fpgann.api import Design
from fpgann.cli.printing import printable, say, shorten
from fpgann.cli.shared import BUILD, WEIGHTS


@click.command()
@BUILD
@click.option("--inputs", type=click.Path(path_type=Path), required=True, help="Samples: an npz keyed by input name.")
@WEIGHTS
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="npz to write.")
def emulate(build: Path, *, inputs: Path, weights: Path | None, output: Path) -> None:
    """Run the integer reference model of BUILD: the bits that the hardware delivers."""
    design = Design(build)
    if weights is not None:
        design = design.with_weights(weights)
    results = design.emulate(samples.read_samples(inputs, design.shapes()))
    samples.write_samples(output, results)
    count = len(next(iter(results.values())))
    say(shorten(printable(f"wrote {output}: {count} samples of {', '.join(results)}"), 1000))
