#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The convolutional examples that have a plan for compression: what they are worth before and after, in hardware.

    python benchmarks/compression_images.py [lenet denoising_autoencoder] [--synthesize]

Each network is trained in float, compressed and trained again, compiled as a stream of pixels with all layers unrolled,
and simulated on all 400 held-out images in Verilator: `exact` says that all their integers are those of the reference.
The float network with 16 bits in hardware stands beside it. Prints a table.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"
sys.path[:0] = [str(REPOSITORY)]

import fpgann  # noqa: E402
from fpgann.config import CompileOptions, override  # noqa: E402
from fpgann.ir.ops.dense import Dense  # noqa: E402
from fpgann.train.compress import Task  # noqa: E402
from fpgann.train.export import export_float  # noqa: E402
from fpgann.train.plan import read_plan  # noqa: E402

OPTIONS = override(CompileOptions(), io="stream", strategy="unrolled")
PRECISION = {"lenet": None, "denoising_autoencoder": "fixed<8,4>"}  # of what stays real: the sigmoid's result
Values = Mapping[str, np.ndarray]


def script(name: str) -> ModuleType:
    """The training of an example."""
    path = EXAMPLES / name / "retrain.py"
    spec = importlib.util.spec_from_file_location(f"retrain_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def worth(outputs: Values, truth: Values) -> str:
    """Accuracy of scores, or the distance of images from the true ones."""
    ((key, wanted),) = truth.items()
    found = next(values for name, values in outputs.items() if not name.endswith("__raw"))
    if key == "label":
        return f"{100 * np.mean(found.reshape(len(found), -1).argmax(axis=1) == wanted):.2f} %"
    return f"RMSE {np.sqrt(np.mean((found.reshape(wanted.shape) - wanted) ** 2)):.4f}"


def row(title: str, design: fpgann.Design, inputs: Values, truth: Values, *, synthesize: bool) -> str:
    """Simulate a build and describe it."""
    simulation = design.simulate(inputs, simulator="verilator")
    weights = [node.op.weight.data for node in design.graph.nodes if isinstance(node.op, Dense)]
    zeros = 1 - sum(map(np.count_nonzero, weights)) / sum(w.size for w in weights)
    total = design.report["total"]
    lut = str(round(design.synthesize("xcup")["lut"])) if synthesize else ""
    texts = [title, worth(simulation.outputs, truth), f"{100 * zeros:.0f} %", str(sum(w.shape[1] for w in weights))]
    texts += [str(total["lut"]), lut, str(total["dsp"]), str(total["bram36"])]
    texts += [str(simulation.verdict["latency_cycles"]), str(simulation.verdict["ii"])]
    return f"| {' | '.join([*texts, 'yes' if simulation.verdict['bit_exact'] else 'NO'])} |"


def measure(name: str, folder: Path, *, synthesize: bool) -> list[str]:
    """The rows of an example."""
    plan, training = read_plan(EXAMPLES / name / "plans" / "small.toml"), script(name)
    task = Task(plan, folder / "c", resumed=False, progress=lambda _: None)
    training.retrain(task)
    session = task.session
    assert session is not None
    truth = dict(np.load(EXAMPLES / name / "truth.npz"))
    (vectors,) = dict(np.load(EXAMPLES / name / "vectors.npz")).values()
    samples = training.samples().numpy().astype(np.float64)
    source = export_float(session.teacher, folder / "float.onnx", session.example)
    small = session.export(folder / "small.onnx")
    rows = []
    for title, path, options in (
        (f"{name}, 16 bits", source, OPTIONS),
        (f"{name}, compressed", small, override(OPTIONS, precision=PRECISION[name])),
    ):
        graph = onnx.load(path).graph
        (port,) = {value.name for value in graph.input} - {tensor.name for tensor in graph.initializer}
        np.savez(folder / "samples.npz", **{port: samples})
        design = fpgann.compile(path, folder / path.stem, options, calibration=folder / "samples.npz")
        rows.append(row(title, design, {port: vectors}, truth, synthesize=synthesize))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compressed convolutional networks.")
    parser.add_argument("names", nargs="*", default=["lenet", "denoising_autoencoder"])
    parser.add_argument("--synthesize", action="store_true", help="count LUTs with Yosys, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| network | worth | zeros | neurons | LUT, est. | LUT, Yosys | DSP | BRAM36 | latency | interval | exact |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in arguments.names:
        with tempfile.TemporaryDirectory() as folder:
            for line in measure(name, Path(folder), synthesize=arguments.synthesize):
                print(line, flush=True)


if __name__ == "__main__":
    main()
