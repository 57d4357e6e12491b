# SPDX-License-Identifier: Apache-2.0
"""Compile the example networks to VHDL, prove every output bit in GHDL, show what came out.

Run it with `make demo`. It does what `fpgann compile` and `fpgann simulate` do, through the Python API.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fpgann
from fpgann.cli.shared import print_report
from fpgann.config import CompileOptions, override
from fpgann.errors import FpgannError

EXAMPLES = Path(__file__).resolve().parent
BUILDS = EXAMPLES.parent / "BUILD"


@dataclass(frozen=True)
class Example:
    """A trained model and how to compile it.

    Args:
        folder: below examples/, with model.onnx, vectors.npz and truth.npz.
        title: what it is.
        options: as on the command line.
        vectors: how many of the test vectors GHDL simulates.
    """

    folder: str
    title: str
    options: CompileOptions
    vectors: int


STORIES = (
    Example(
        "lecture_mlp",
        "The lecture's MLP 2-50-25-1 (float ONNX): 12-bit fixed point, one multiplier per neuron",
        override(CompileOptions(), precision="fixed<12,5>", strategy="folded", name="lecture_mlp"),
        128,
    ),
    Example(
        "digits_mlp",
        "Handwritten digits, 4-bit weights (QONNX from Brevitas): adders only, an answer each clock cycle",
        override(CompileOptions(), strategy="unrolled", name="digits_mlp"),
        128,
    ),
)


def tell(example: Example) -> None:
    """Compile, score and prove one example."""
    folder = EXAMPLES / example.folder
    build = BUILDS / example.folder
    print(f"\n== {example.title}\n")
    design = fpgann.compile(
        folder / "model.onnx", build, example.options, calibration=folder / "vectors.npz", force=True
    )
    for warning in design.warnings:
        print(f"note: {warning}")
    print_report(design.report)

    with np.load(folder / "vectors.npz") as archive:
        vectors = {name: archive[name] for name in archive.files}
    with np.load(folder / "truth.npz") as archive:
        label = archive["label"]
    (scores,) = (values for name, values in design.emulate(vectors).items() if not name.endswith("__raw"))
    decision = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0.5).astype(int)
    right = 100 * np.mean(decision == label)
    print(f"the hardware's bits classify {right:.2f} % of {len(label)} test samples correctly")

    few = {name: array[: example.vectors] for name, array in vectors.items()}
    simulation = design.simulate(few)
    simulation.require_exact()
    print(simulation.describe())


def main() -> int:
    """Tell all stories."""
    try:
        for example in STORIES:
            tell(example)
    except FpgannError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1
    first, second = (f"BUILD/{example.folder}" for example in STORIES)
    print(
        f"""
== What to look at next

  {first}/rtl/                 the VHDL: one entity a layer, native neurons in rtl/fpgann/
  {second}/rtl/                the same for the adder graphs
  {first}/model/graph.txt      the integer network that defines every bit
  {first}/manifest.json        what the bits of each port mean
  .venv/bin/fpgann simulate {first} --waves      look at the signals in a wave viewer
  .venv/bin/fpgann check YOUR_MODEL.onnx         what becomes of your own network
"""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
