# SPDX-License-Identifier: Apache-2.0
"""`fpgann check`: what becomes of every node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from fpgann import api
from fpgann.cli.printing import say
from fpgann.cli.shared import INPUT_SHAPE, SAMPLING, SOFTMAX, cell, steps, wide_console
from fpgann.config import CompileOptions, override, read_config
from fpgann.report.nodes import NodePlan


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="fpgann.toml with options, as for compile.")
@click.option("--strategy", type=click.Choice(["auto", "unrolled", "folded"]), help="As for compile.")
@click.option("--reuse-factor", type=click.IntRange(min=1), help="As for compile.")
@click.option("--precision", help="As for compile.")
@INPUT_SHAPE
@SAMPLING
@SOFTMAX
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    context: click.Context,
    model: Path,
    *,
    config: Path | None,
    strategy: str | None,
    reuse_factor: int | None,
    precision: str | None,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    sampling: str | None,
    softmax: str | None,
    as_json: bool,
) -> None:
    """List every node of MODEL: how it is built and what it costs, or what to change.

    Exits with 0 if all of it can be compiled, with 1 otherwise.
    """
    options = override(
        CompileOptions() if config is None else read_config(config),
        precision=precision,
        strategy=strategy,
        reuse_factor=reuse_factor,
        input_shapes=dict(input_shapes),
        sampling=sampling,
        softmax=softmax,
    )
    with steps() as progress:
        progress("checking")
        nodes = api.check(model, options)
    if as_json:
        say(json.dumps([asdict(node) for node in nodes], indent=2))
    else:
        _print(nodes)
    context.exit(0 if all(node.supported for node in nodes) else 1)


def _print(nodes: list[NodePlan]) -> None:
    """The table, and a line below; the last column only where something is to be changed."""
    unsupported = sum(not node.supported for node in nodes)
    table = Table()
    columns = ["", "node", "operator", "built as", "layer", "cost"] + ["what to change"] * bool(unsupported)
    for column in columns:
        table.add_column(column, overflow="fold")
    for node in nodes:
        mark = "[green]yes[/]" if node.supported else "[red]no[/]"
        texts = [node.name, node.op.rpartition("::")[2], node.built_as, _layer(node), _cost(node.cost, node.counts)]
        table.add_row(mark, *(cell(text) for text in texts + [node.hint] * bool(unsupported)))
    console = wide_console()
    console.print(table)
    console.print(f"{len(nodes) - unsupported} of {len(nodes)} nodes are supported")


def _layer(node: NodePlan) -> str:
    """How a node is built if it is the first of its layer; else which layer it joins."""
    if node.layer != node.name:
        return f"in {node.layer}" if node.layer else ""
    return f"{node.strategy}, reuse {node.reuse_factor}" if node.reuse_factor > 1 else node.strategy


def _cost(kind: str, counts: Mapping[str, int]) -> str:
    """As in `multipliers: 32 multiplications, 4 multipliers`."""
    names = {name: name.replace("_", " ") for name in counts}
    shown = ", ".join(f"{count} {names[name].removesuffix('s' * (count == 1))}" for name, count in counts.items())
    return f"{kind}: {shown}" if shown else kind
