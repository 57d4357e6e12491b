# SPDX-License-Identifier: Apache-2.0
"""`fpgann weights`: a retrained model for a design that is there already."""

from __future__ import annotations

from pathlib import Path

import click

from fpgann import api
from fpgann.cli.printing import printable, say
from fpgann.cli.shared import BUILD
from fpgann.weight_sets import check_weight_file, write_weight_set


@click.command()
@BUILD
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: .npz for emulate and simulate, .csv, or .h (C) with addresses and data.",
)
def weights(build: Path, *, model: Path, output: Path) -> None:
    """Write the weights of MODEL for the hardware of BUILD, which was compiled with --weights runtime.

    MODEL may differ from the compiled one in weights and biases, and in nothing else.
    """
    check_weight_file(output)
    chosen = api.weights(build, model)
    count = write_weight_set(output, chosen, api.Design(build).address_map())
    say(printable(f"wrote {output}: {count} words of 32 bits for {len(chosen.codes)} layers"))
