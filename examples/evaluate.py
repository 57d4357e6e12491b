# SPDX-License-Identifier: Apache-2.0
"""Compile the streamed image examples for a small FPGA, simulate them on all test samples, and print what came out.

    python examples/evaluate.py [NAME ...] [--output BUILD] [--simulator none]

Every network is rounded to 16 and to 8 bits after training; what was trained with few bits is taken over as it is. Each
row is a build, and the simulation in Verilator compares all bits of all test samples and the cycles. With the builds
come pictures, made of what the hardware delivers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

EXAMPLES = Path(__file__).resolve().parent
sys.path[:0] = [str(EXAMPLES), str(EXAMPLES.parent)]

import pictures  # noqa: E402

import fpgann  # noqa: E402
from fpgann.config import CompileOptions, override  # noqa: E402
from fpgann.frontend import read_model, without_sampling  # noqa: E402
from fpgann.model_data import run_onnxruntime  # noqa: E402

DEVICE = "xc7z020"
LATENT_REACH = 3.0  # of the picture of the latent space
Values = Mapping[str, npt.NDArray[np.float64]]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Numbers:
    """How values are represented.

    Args:
        title: the name in the table.
        model: the file.
        precision: of what the model leaves real.
        sampling: what becomes of random numbers, unless it is the same for all builds.
    """

    title: str
    model: str
    precision: str | None = None
    sampling: str | None = None

    @property
    def slug(self) -> str:
        """For the name of a folder."""
        return self.title.replace(",", "").replace(" ", "_")


ROUNDED = (Numbers("16 bits", "model.onnx", "fixed<16,6>"), Numbers("8 bits", "model.onnx", "fixed<8,4>"))
TRAINED = Numbers("6 bits, trained", "quantized.onnx")
DRAWN = Numbers("8 bits, sampled", "model.onnx", "fixed<8,4>", "generator")


@dataclass(frozen=True)
class Example:
    """A folder with model.onnx, calibration.npz, vectors.npz and truth.npz.

    Args:
        output: the output that is compared with the truth of that name; None for scores and `label`.
        numbers: its builds.
        sampling: what becomes of random numbers that it draws.
    """

    output: str | None
    numbers: tuple[Numbers, ...] = ROUNDED
    sampling: str = "refuse"

    def merit(self, delivered: Values, truth: Values) -> str:
        """Accuracy, or distance from the truth."""
        if self.output is None:
            return f"{100 * np.mean(delivered['scores'].argmax(axis=-1).ravel() == truth['label']):.2f} %"
        distance = delivered[self.output].ravel() - truth[self.output].ravel()
        return f"{np.sqrt(np.mean(distance**2)):.4f}"


STORIES = {
    "denoising_autoencoder": Example("clean"),
    "vae": Example("decoded", (*ROUNDED, DRAWN), sampling="mean"),
    "dcgan": Example("image"),
    "resnet8": Example(None, (*ROUNDED, TRAINED)),
    "densenet": Example(None, (*ROUNDED, TRAINED)),
}


def read(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def in_floats(path: Path, example: Example, vectors: Values) -> Values:
    """What onnxruntime delivers, noise replaced by its mean."""
    model = read_model(path, {})
    return run_onnxruntime(without_sampling(model) if example.sampling == "mean" else model, vectors, {})


def build(name: str, example: Example, numbers: Numbers, folder: Path) -> fpgann.Design:
    """One build, as fast as fits the device."""
    options = override(CompileOptions(), io="stream", device=DEVICE, fit=True, target="verilog", name=name)
    options = override(options, precision=numbers.precision, sampling=numbers.sampling or example.sampling)
    source = EXAMPLES / name
    return fpgann.compile(source / numbers.model, folder, options, calibration=source / "calibration.npz", force=True)


def cells(design: fpgann.Design, simulator: str, vectors: Values) -> list[str]:
    """Columns of the table that tell of the hardware; the cycles are measured if it is simulated."""
    total = design.report["total"]
    verdict = "not simulated"
    if simulator != "none":
        simulation = design.simulate(vectors, simulator=simulator, batch=simulator == "verilator")
        simulation.require_exact()
        verdict = f"{simulation.verdict['vectors']} of {len(next(iter(vectors.values())))} exact"
    return [str(total[key]) for key in ("lut", "dsp", "bram36", "latency_cycles", "ii")] + [verdict]


def tell(name: str, output: Path, simulator: str) -> None:
    """Print one example as a table."""
    example, folder = STORIES[name], EXAMPLES / name
    vectors, truth = read(folder / "vectors.npz"), read(folder / "truth.npz")
    merit = "accuracy" if example.output is None else "RMSE to truth"
    heads = ["numbers", merit, "RMSE to float", "LUT", "DSP", "BRAM36", "latency", "interval", "simulated"]
    print(f"\n{name}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    floats = in_floats(folder / "model.onnx", example, vectors)
    print(f"| float | {example.merit(floats, truth)} |{' |' * (len(heads) - 2)}", flush=True)
    for numbers in example.numbers:
        design = build(name, example, numbers, output / f"{name}_{numbers.slug}")
        delivered = design.emulate(vectors)
        key = example.output or "scores"
        distance = np.sqrt(np.mean((delivered[key].ravel() - floats[key].ravel()) ** 2))
        row = [numbers.title, example.merit(delivered, truth), f"{distance:.5f}", *cells(design, simulator, vectors)]
        print(f"| {' | '.join(row)} |", flush=True)
        if numbers.title == "8 bits" and name in PICTURES:
            pictures.write_png(folder / "picture.png", PICTURES[name](vectors, delivered, truth, output))


def denoised(vectors: Values, delivered: Values, truth: Values, output: Path) -> Picture:
    """Noisy images, what the hardware makes of them, and the truth, a row each."""
    rows = [images.reshape(-1, 8, 8)[:16] for images in (vectors["noisy"], delivered["clean"], truth["clean"])]
    return pictures.sheet(np.concatenate(rows), 16)


def generated(vectors: Values, delivered: Values, truth: Values, output: Path) -> Picture:
    """Images of the hardware; its pixels are -1 to 1."""
    return pictures.sheet((delivered["image"].reshape(-1, 8, 8) + 1) / 2, 16)


def latent_space(vectors: Values, delivered: Values, truth: Values, output: Path) -> Picture:
    """Where the held-out images lie, and what the hardware of the decoder makes of places there."""
    steps = np.linspace(-LATENT_REACH, LATENT_REACH, 16)
    latent = np.stack([axis.ravel() for axis in np.meshgrid(steps, -steps)], axis=1)
    options = override(CompileOptions(), io="stream", device=DEVICE, fit=True, precision="fixed<8,4>", name="decoder")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "calibration.npz", latent=latent)
        decoder = fpgann.compile(
            EXAMPLES / "vae" / "decoder.onnx",
            output / "vae_decoder_8",
            options,
            calibration=Path(folder) / "calibration.npz",
            force=True,
        )
    decoded = pictures.sheet(decoder.emulate({"latent": latent})["decoded"].reshape(-1, 8, 8), 16, scale=3)
    left = pictures.scatter(delivered["mean"], truth["label"].astype(np.int64), LATENT_REACH, len(decoded))
    return np.concatenate([left, pictures.coloured(decoded)], axis=1)


PICTURES = {"denoising_autoencoder": denoised, "dcgan": generated, "vae": latent_space}


def main() -> None:
    """Tell the stories that were asked for."""
    parser = argparse.ArgumentParser(description="Compile, simulate and score the streamed image examples.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(STORIES)}; all by default")
    parser.add_argument("--output", type=Path, default=EXAMPLES.parent / "BUILD", help="folder of the builds")
    parser.add_argument("--simulator", choices=("verilator", "ghdl", "none"), default="verilator")
    arguments = parser.parse_args()
    for name in arguments.names or STORIES:
        tell(name, arguments.output, arguments.simulator)


if __name__ == "__main__":
    main()
