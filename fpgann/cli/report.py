# SPDX-License-Identifier: Apache-2.0
"""`fpgann report`: the figures of a build."""

from __future__ import annotations

from pathlib import Path

import click

from fpgann.api import Design
from fpgann.cli.shared import BUILD, print_report


@click.command()
@BUILD
def report(build: Path) -> None:
    """Print cost and timing per layer and the accuracy of BUILD (report.json has all of it)."""
    print_report(Design(build).report)
