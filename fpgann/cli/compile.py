# SPDX-License-Identifier: Apache-2.0
"""`fpgann compile`: from ONNX to a BUILD folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from fpgann import api
from fpgann.cli.printing import printable, say
from fpgann.cli.shared import INPUT_SHAPE, SAMPLING, SAMPLING_SEED, SOFTMAX, print_report, steps, warn
from fpgann.config import CompileOptions, Target, override, read_config
from fpgann.hardware.options import Io, Weights


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--target", type=click.Choice([t.value for t in Target]), help="VHDL (default), Verilog beside it, or HLS C++."
)
@click.option(
    "--io",
    type=click.Choice([io.value for io in Io]),
    help="Interfaces: parallel ports and a fixed latency (default), or AXI4-Stream.",
)
@click.option(
    "--stream-width", type=click.IntRange(min=1), help="Bits of tdata with --io stream; one element by default."
)
@click.option(
    "--strategy",
    type=click.Choice(["auto", "unrolled", "folded"]),
    help="Adder graphs, or neurons that share multipliers; auto chooses by size.",
)
@click.option(
    "--reuse-factor", type=click.IntRange(min=1), help="Multiplications per multiplier in folded layers, at most."
)
@click.option("--target-throughput", type=float, help="Inferences a second that streamed convolutions have to reach.")
@click.option(
    "--weights",
    type=click.Choice([w.value for w in Weights]),
    help="Weights in the circuit (default), or in memories that AXI4-Lite can write.",
)
@click.option("--precision", help="Type of unquantized values, like 'fixed<16,6>'.")
@click.option("--input-precision", help="Type of the inputs.")
@click.option(
    "--calibration", type=click.Path(path_type=Path), help="Input samples (npz) to choose binary points from."
)
@click.option("--config", type=click.Path(path_type=Path), help="fpgann.toml with options, also per layer.")
@click.option("--clock-period", type=float, help="Nanoseconds, for vendor scripts and the report; 5 by default.")
@click.option("--device", metavar="PART", help="Part number: what the design has to fit, and vendor scripts are for.")
@click.option("--fit", is_flag=True, help="Choose strategies and reuse factors so that it fits the device.")
@INPUT_SHAPE
@SAMPLING
@SAMPLING_SEED
@SOFTMAX
@click.option("--name", help="Name of the top entity.")
@click.option("--dump-ir", is_flag=True, help="Print the graph of codes.")
@click.option("--force", is_flag=True, help="Replace an earlier build.")
def compile(  # noqa: A001  the name of the command
    model: Path,
    *,
    output: Path,
    target: str | None,
    io: str | None,
    stream_width: int | None,
    strategy: str | None,
    reuse_factor: int | None,
    target_throughput: float | None,
    weights: str | None,
    precision: str | None,
    input_precision: str | None,
    calibration: Path | None,
    config: Path | None,
    clock_period: float | None,
    device: str | None,
    fit: bool,
    name: str | None,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    sampling: str | None,
    sampling_seed: int | None,
    softmax: str | None,
    dump_ir: bool,
    force: bool,
) -> None:
    """Compile MODEL (ONNX: float or QONNX) into VHDL (and Verilog) with a bench, a reference model and a report."""
    options = override(
        CompileOptions() if config is None else read_config(config),
        precision=precision,
        input_precision=input_precision,
        strategy=strategy,
        reuse_factor=reuse_factor,
        target_throughput=target_throughput,
        weights=weights,
        io=io,
        stream_width=stream_width,
        target=target,
        name=name,
        input_shapes=dict(input_shapes),
        sampling=sampling,
        sampling_seed=sampling_seed,
        softmax=softmax,
        clock_period=clock_period,
        device=device,
        fit=fit,
    )
    with steps() as progress:
        design = api.compile(model, output, options, calibration=calibration, force=force, progress=progress)
    warn(design.warnings)
    if dump_ir:
        lines = (output / "model" / "graph.txt").read_text(encoding="utf-8").split("\n")
        say("\n".join(line[: len(line) - len(line.lstrip())] + printable(line) for line in lines))
    print_report(design.report)
    say(printable(f"wrote {output}; next: fpgann simulate {shlex.quote(str(output))}"))
