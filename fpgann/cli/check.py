# SPDX-License-Identifier: Apache-2.0
"""`fpgann check`: what becomes of every node."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from fpgann import api
from fpgann.cli.printing import say
from fpgann.cli.shared import INPUT_SHAPE, cell, wide_console


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@INPUT_SHAPE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    context: click.Context, model: Path, *, input_shapes: tuple[tuple[str, tuple[int, ...]], ...], as_json: bool
) -> None:
    """List every node of MODEL: how it is built, or what to change.

    Exits with 0 if all of it can be compiled, with 1 otherwise.
    """
    nodes = api.check(model, input_shapes=dict(input_shapes))
    unsupported = [node for node in nodes if not node.supported]
    if as_json:
        say(json.dumps([asdict(node) for node in nodes], indent=2))
    else:
        table = Table()
        for column in ("", "node", "operator", "built as", "what to change"):
            table.add_column(column, overflow="fold")
        for node in nodes:
            mark = "[green]yes[/]" if node.supported else "[red]no[/]"
            table.add_row(mark, *(cell(text) for text in (node.name, node.op, node.built_as, node.hint)))
        console = wide_console()
        console.print(table)
        console.print(f"{len(nodes) - len(unsupported)} of {len(nodes)} nodes are supported")
    context.exit(1 if unsupported else 0)
