#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many inferences a second the compiled batch engine simulates, beside da4ml's Verilator model of the same network.

    python benchmarks/simulation_speed.py BUILD [--samples N] [--da4ml PYTHON]

BUILD is a folder that `fpgann compile` wrote. PYTHON is the interpreter of an environment with da4ml 0.6.0 and
Verilator; the network must then be a chain of dense layers with quantized ReLUs. Both count CPU seconds of one
thread, without compiling, the median of five runs; both must equal the integer reference in every bit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from fpgann import reference
from fpgann.cosim.batch import run_batch
from fpgann.cosim.vectors import corner_and_random
from fpgann.design import Design
from fpgann.eda.find import find_tool
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.requantize import Requantize

RUNS = 5
PEER = Path(__file__).resolve().parent / "da4ml_speed.py"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--da4ml", metavar="PYTHON", help="interpreter of an environment with da4ml")
    arguments = parser.parse_args()
    design = Design(arguments.build)
    values = reference.run_codes(design.graph, corner_and_random(design.graph, arguments.samples))
    ours = measure(design, values, arguments.samples)
    print(f"fpgann, registers and all: {ours:,.0f} inferences/s, bit-exact")
    if arguments.da4ml is None:
        return
    for name, figures in peer(design.graph, values, arguments.da4ml).items():
        exact = "bit-exact" if figures["exact"] else "NOT exact"
        rate = figures["rate"]
        print(f"da4ml, {name}: {rate:,.0f} inferences/s, {exact}; fpgann/da4ml = {ours / rate:.2f}")


def measure(design: Design, values: dict, samples: int) -> float:
    """Inferences a second of our engine."""
    rates = []
    for seed in range(RUNS):
        run = run_batch(design.folder, design.manifest, values, seed=seed, work=None)
        assert run.verdict["bit_exact"], run.verdict
        rates.append(samples / run.cpu_seconds)
    return statistics.median(rates)


def peer(graph: Graph, values: dict, python: str) -> dict[str, dict]:
    """da4ml's figures on the same network and samples, by kind of model."""
    arrays = {f"{name}_{i}": array for i, layer in enumerate(chain(graph)) for name, array in layer.items()}
    (entry,), (exit_name,) = graph.inputs, graph.outputs.values()
    encoding = graph.types[entry.name].codes
    arrays["x"] = values[entry.name].reshape(len(values[entry.name]), -1)
    arrays["y"] = values[exit_name].reshape(len(values[exit_name]), -1)
    arrays["input_range"] = np.array([encoding.range.low, encoding.range.high])
    arrays["input_frac"], arrays["output_frac"] = encoding.fixed.frac, graph.types[exit_name].codes.fixed.frac
    environment = find_tool("verilator").environment()
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "network.npz", **arrays)
        command = [python, str(PEER), str(Path(folder) / "network.npz")]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=folder)
    return json.loads(done.stdout.splitlines()[-1])


def chain(graph: Graph) -> list[dict[str, np.ndarray]]:
    """Weights, biases (in accumulator units) and ReLUs of a chain of layers."""
    layers: list[dict[str, np.ndarray]] = []
    for node in graph.nodes:
        target = graph.types[node.outputs[0]].codes
        if isinstance(node.op, Dense):
            weight = node.op.weight
            layers.append(
                {"weight": weight.data.reshape(weight.data.shape[-2:]), "weight_frac": weight.encoding.fixed.frac}
            )
            bias = node.op.bias
            if bias is not None:
                layers[-1] |= {"bias": bias.data.reshape(-1), "bias_frac": bias.encoding.fixed.frac}
        elif isinstance(node.op, Requantize) and node.op.function == "relu":
            rounder = node.op.map.rounder
            assert rounder.low == 0, "only ReLUs that saturate"
            assert rounder.mode.value == "RND_CONV", "only rounding to even"
            bits = int(rounder.high).bit_length()
            accumulator = graph.types[node.inputs[0]].codes.fixed.frac
            layers[-1] |= {"act_bits": bits, "act_frac": target.fixed.frac, "acc_frac": accumulator}
        else:
            raise SystemExit(f"da4ml's model is not written for {node.op.name}")
    return layers


if __name__ == "__main__":
    main()
