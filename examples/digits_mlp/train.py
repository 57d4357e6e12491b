# SPDX-License-Identifier: Apache-2.0
"""Train an MLP 64-32-16-10 on scikit-learn's digits, once quantized and once in float, and export both.

The quantized network is trained with Brevitas: 4-bit weights, 4-bit activations, a batch normalization
between each hidden layer and its ReLU, and 8-bit scores. Its input quantizer has 5 bits and the scale
1/16, so the 17 gray levels of the images (0 to 16, divided by 16) pass through it unchanged.

Writes into the output folder:

- ``model.onnx``: the quantized network as QONNX; input ``pixels`` of shape ``(batch, 64)``, output ``scores``
  of shape ``(batch, 10)``.
- ``float.onnx``: the same architecture trained without quantization, in float32, through torch's TorchScript
  exporter; same input and output.
- ``vectors.npz``: the held-out images, key ``pixels``, float64 of shape ``(400, 64)``.
- ``truth.npz``: the digit each of them shows, key ``label``, int64 of shape ``(400,)``.

The same seed and the same versions of torch, Brevitas, onnx and scikit-learn on the same kind of processor
give the same files.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.export import export_qonnx
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import files  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 2024
TEST_IMAGES = 400
BATCH_SIZE = 64
LEARNING_RATE = 0.01
GRAY_STEPS = 16  # pixels are 0 to 16
WEIGHT_BITS = 4
ACTIVATION_BITS = 4


class GrayLevels(Uint8ActPerTensorFloat):
    """Quantizer of the input: 5 bits, unsigned, the constant scale 1/16."""

    bit_width = 5
    scaling_impl_type = ScalingImplType.CONST
    max_val = (2**5 - 1) / GRAY_STEPS


class Quant(OpRun):
    """QONNX's `Quant` for onnx's reference evaluator, with the options that Brevitas exports here."""

    op_domain = "qonnx.custom_op.general"

    def _run(
        self,
        values: NDArray[np.float32],
        scale: NDArray[np.float32],
        zero_point: NDArray[np.float32],
        bits: NDArray[np.float32],
        narrow: int,
        rounding_mode: str,
        signed: int,
    ) -> tuple[NDArray[np.float32]]:
        """Return the nearest values (ties to even) that `bits` bits can hold."""
        if rounding_mode != "ROUND":
            raise ValueError(f"Quant rounds with {rounding_mode}, expected ROUND")
        lowest = narrow - 2 ** (bits - 1) if signed else np.float32(0)
        highest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
        codes = np.clip(np.rint(values / scale + zero_point), lowest, highest)
        return (((codes - zero_point) * scale).astype(np.float32),)


@dataclass(frozen=True, slots=True)
class Digits:
    """Images of handwritten digits.

    Attributes:
        pixels: gray levels from 0 to 1 in steps of 1/16, float32 of shape (sample, 64).
        labels: the digit shown, 0 to 9, int64 of shape (sample,).
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]


class FloatMlp(nn.Module):
    """The float classifier 64-32-16-10."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden1 = nn.Linear(64, 32, bias=False)  # the batch normalization has a bias of its own
        self.norm1 = nn.BatchNorm1d(32)
        self.hidden2 = nn.Linear(32, 16, bias=False)
        self.norm2 = nn.BatchNorm1d(16)
        self.output = nn.Linear(16, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return ten scores per image, shape (batch, 10), for pixels of shape (batch, 64)."""
        features = torch.relu(self.norm1(self.hidden1(pixels)))
        features = torch.relu(self.norm2(self.hidden2(features)))
        return self.output(features)


class QuantMlp(nn.Module):
    """The quantized classifier 64-32-16-10: every weight and everything between layers has a few bits."""

    def __init__(self) -> None:
        super().__init__()
        weights = {"weight_quant": Int8WeightPerTensorFloat, "weight_bit_width": WEIGHT_BITS}
        activations = {"act_quant": Uint8ActPerTensorFloat, "bit_width": ACTIVATION_BITS}
        self.input = qnn.QuantIdentity(act_quant=GrayLevels, return_quant_tensor=True)
        self.hidden1 = qnn.QuantLinear(64, 32, bias=False, **weights)
        self.norm1 = nn.BatchNorm1d(32)
        self.relu1 = qnn.QuantReLU(return_quant_tensor=True, **activations)
        self.hidden2 = qnn.QuantLinear(32, 16, bias=False, **weights)
        self.norm2 = nn.BatchNorm1d(16)
        self.relu2 = qnn.QuantReLU(return_quant_tensor=True, **activations)
        self.output = qnn.QuantLinear(16, 10, bias=True, bias_quant=Int16Bias, **weights)
        self.scores = qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return ten scores per image, shape (batch, 10), for pixels of shape (batch, 64)."""
        features = self.relu1(self.norm1(self.hidden1(self.input(pixels))))
        features = self.relu2(self.norm2(self.hidden2(features)))
        return self.scores(self.output(features))


def load_data() -> tuple[Digits, Digits]:
    """Return the images to train with and the held-out ones, with the same share of each digit."""
    images = load_digits()
    pixels = (images.data / GRAY_STEPS).astype(np.float32)  # exact: sixteenths
    labels = images.target.astype(np.int64)
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        pixels, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    return Digits(train_pixels, train_labels), Digits(test_pixels, test_labels)


def train(model: nn.Module, data: Digits, epochs: int) -> None:
    """Fit `model` in place to cross-entropy, with a learning rate that falls to zero."""
    pixels, labels = torch.from_numpy(data.pixels), torch.from_numpy(data.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(pixels)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()


def export_quantized(model: nn.Module, path: Path) -> None:
    """Export the Brevitas `model` to `path` as QONNX, through the TorchScript exporter.

    The dynamo exporter would do as well, but names every layer `linear`; this one keeps the modules' names.
    """
    proto = export_qonnx(
        model.eval(),
        args=torch.zeros(1, 64),
        input_names=["pixels"],
        output_names=["scores"],
        dynamic_axes={"pixels": {0: "batch"}, "scores": {0: "batch"}},
        keep_initializers_as_inputs=False,
        dynamo=False,
    )
    files.write_model(proto, path)


def export_float(model: nn.Module, path: Path) -> None:
    """Export `model` to `path` in float32, through the TorchScript exporter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the TorchScript exporter is on its way out
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 64),),
            path,
            input_names=["pixels"],
            output_names=["scores"],
            dynamic_axes={"pixels": {0: "batch"}, "scores": {0: "batch"}},
            dynamo=False,
        )
    files.write_model(onnx.load(path), path)


def measure_accuracy(model_path: Path, data: Digits) -> float:
    """Return the share of images to which the exported model gives the highest score for the digit shown."""
    evaluator = ReferenceEvaluator(str(model_path), new_ops=[Quant])
    (scores,) = evaluator.run(["scores"], {"pixels": data.pixels})
    return float(np.mean(scores.argmax(axis=1) == data.labels))


def main() -> None:
    """Train and export both networks, and print the accuracy of the exported files."""
    parser = argparse.ArgumentParser(description="Train and export an MLP on scikit-learn's digits.")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the training images [%(default)s]")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the files")
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # more threads add in another order, which changes the weights
    torch.use_deterministic_algorithms(True)
    train_data, test_data = load_data()

    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "vectors.npz", pixels=test_data.pixels.astype(np.float64))
    np.savez_compressed(output / "truth.npz", label=test_data.labels)

    networks = (("model.onnx", QuantMlp, export_quantized), ("float.onnx", FloatMlp, export_float))
    for name, network, export in networks:
        torch.manual_seed(SEED)
        model = network()
        train(model, train_data, arguments.epochs)
        export(model, output / name)
        for part, data in (("train", train_data), ("test", test_data)):
            print(f"{name}  {part:5}  accuracy {measure_accuracy(output / name, data):.4f}")


if __name__ == "__main__":
    main()
