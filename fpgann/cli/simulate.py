# SPDX-License-Identifier: Apache-2.0
"""`fpgann simulate`: the hardware against the reference model."""

from __future__ import annotations

from pathlib import Path

import click

from fpgann import samples
from fpgann.api import Design
from fpgann.cli.printing import say
from fpgann.cli.shared import BUILD, INPUTS, WEIGHTS, steps, warn
from fpgann.cosim.batch import check_batch
from fpgann.cosim.csim import SIMULATOR
from fpgann.cosim.simulate import SIMULATORS
from fpgann.eda.families import FAMILIES
from fpgann.errors import ConfigError


@click.command()
@BUILD
@click.option(
    "--simulator", type=click.Choice([*SIMULATORS, SIMULATOR]), help="ghdl by default; csim for builds of --target hls."
)
@INPUTS
@WEIGHTS
@click.option("-o", "--output", type=click.Path(path_type=Path), help="npz for what the hardware delivers.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="For default inputs and pauses between them.",
)
@click.option("--waves", is_flag=True, help="Write BUILD/sim/waves.ghw (GHDL) or waves.vcd (Verilator).")
@click.option(
    "--batch", is_flag=True, help="Compile the design into a program first (verilator): for many samples; outputs only."
)
@click.option(
    "--netlist",
    type=click.Choice(list(FAMILIES)),
    metavar="FAMILY",
    help="Simulate what 'fpgann synth' mapped to FAMILY; in a program, with Verilator; outputs only.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="What the simulator may take; by default 300 and a tenth of a second a cycle, for streams four.",
)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="Where --batch keeps its programs.")
def simulate(
    build: Path,
    *,
    simulator: str | None,
    inputs: Path | None,
    weights: Path | None,
    output: Path | None,
    seed: int,
    waves: bool,
    batch: bool,
    netlist: str | None,
    time_limit: float | None,
    work: Path | None,
) -> None:
    """Simulate the hardware of BUILD and compare every stage with the reference model, bit by bit, cycle by cycle.

    Without --inputs: corner codes, then random ones. Exits with 0 only if everything is exact.
    """
    if netlist is not None:
        simulator, batch = "verilator", True
    design = Design(build)
    simulator = simulator or (SIMULATOR if design.is_cpp else "ghdl")
    if batch and simulator != SIMULATOR:
        check_batch(simulator, waves=waves)
    elif work is not None and not batch:
        raise ConfigError("it is for --batch", where="--work", hint="add --batch, or leave it out")
    if weights is not None:
        design = design.with_weights(weights)
    if output is not None:
        samples.check_output(output)
    changed = [path for path in design.changed_files() if path.startswith(("rtl/", "hls/", "model/", "sim/"))]
    changed = [path for path in changed if (build / path).exists()]  # of others the error below tells
    if changed:
        others = f" and {len(changed) - 1} more files are" if len(changed) > 1 else " is"
        warn((f"{changed[0]}{others} not as 'fpgann compile' wrote it",))
    data = None if inputs is None else samples.read_samples(inputs, design.shapes())
    with steps() as progress:
        progress(f"simulating with {simulator}")
        simulation = design.simulate(
            data,
            simulator=simulator,
            seed=seed,
            waves=waves,
            batch=batch,
            work=work,
            netlist=netlist,
            time_limit_s=time_limit,
        )
    if output is not None:
        delivered = simulation.outputs
        if delivered is None:
            warn((f"output '{output}' is not written: the hardware delivered undefined bits",))
        else:
            samples.write_samples(output, delivered)
    simulation.require_exact()
    say(simulation.describe())
