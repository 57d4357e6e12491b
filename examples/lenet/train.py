# SPDX-License-Identifier: Apache-2.0
"""Train a small LeNet on scikit-learn's digits, quantized with Brevitas, and export it as QONNX.

Two convolutions with average and maximum pooling, two dense layers: 4-bit weights, 4-bit activations, 8-bit scores. The
input quantizer has 5 bits and the scale 1/16, so the 17 gray levels of the images pass through it unchanged.

Writes into the output folder:

- ``model.onnx``: input ``image`` of shape ``(batch, 1, 8, 8)``, output ``scores`` of shape ``(batch, 10)``.
- ``vectors.npz``: the held-out images, key ``image``, float64 of shape ``(400, 1, 8, 8)``.
- ``truth.npz``: the digit each of them shows, key ``label``, int64 of shape ``(400,)``.

The same seed and the same versions of torch, Brevitas, onnx and scikit-learn on the same kind of processor give the
same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.export import export_qonnx
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

if TYPE_CHECKING:
    import onnx

SEED = 2024
TEST_IMAGES = 400
BATCH_SIZE = 64
LEARNING_RATE = 0.01
GRAY_STEPS = 16  # pixels are 0 to 16
BITS = 4


class GrayLevels(Uint8ActPerTensorFloat):
    """Quantizer of the input: 5 bits, unsigned, the constant scale 1/16."""

    bit_width = 5
    scaling_impl_type = ScalingImplType.CONST
    max_val = (2**5 - 1) / GRAY_STEPS


class LeNet(nn.Module):
    """conv 3x3 (6), pool, conv 3x3 (12), pool, dense 24, dense 10."""

    def __init__(self) -> None:
        super().__init__()
        weights = {"weight_quant": Int8WeightPerTensorFloat, "weight_bit_width": BITS}
        activations = {"act_quant": Uint8ActPerTensorFloat, "bit_width": BITS, "return_quant_tensor": True}
        self.input = qnn.QuantIdentity(act_quant=GrayLevels, return_quant_tensor=True)
        self.conv1 = qnn.QuantConv2d(1, 6, 3, padding=1, bias=False, **weights)
        self.norm1 = nn.BatchNorm2d(6)
        self.relu1 = qnn.QuantReLU(**activations)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = qnn.QuantConv2d(6, 12, 3, padding=1, bias=False, **weights)
        self.norm2 = nn.BatchNorm2d(12)
        self.relu2 = qnn.QuantReLU(**activations)
        self.pool2 = nn.MaxPool2d(2)
        self.hidden = qnn.QuantLinear(48, 24, bias=False, **weights)
        self.norm3 = nn.BatchNorm1d(24)
        self.relu3 = qnn.QuantReLU(**activations)
        self.output = qnn.QuantLinear(24, 10, bias=True, bias_quant=Int16Bias, **weights)
        self.scores = qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat)

    def forward(self, image: Tensor) -> Tensor:
        """Return ten scores per image, shape (batch, 10), for images of shape (batch, 1, 8, 8)."""
        maps = self.pool1(self.relu1(self.norm1(self.conv1(self.input(image)))))
        maps = self.pool2(self.relu2(self.norm2(self.conv2(maps))))
        features = self.relu3(self.norm3(self.hidden(maps.flatten(1))))
        return self.scores(self.output(features))


def load_data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels to train with, then the held-out ones, with the same share of each digit."""
    digits = load_digits()
    images = (digits.images / GRAY_STEPS).astype(np.float32)[:, None]  # exact: sixteenths
    labels = digits.target.astype(np.int64)
    parts = train_test_split(images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED)
    train_images, test_images, train_labels, test_labels = map(torch.from_numpy, parts)
    return train_images, train_labels, test_images, test_labels


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Fit `model` in place to cross-entropy, with a learning rate that falls to zero."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()


def export(model: nn.Module, path: Path) -> None:
    """Export the Brevitas `model` to `path` as QONNX, weights inside the file."""
    proto = export_qonnx(
        model.eval(),
        args=torch.zeros(1, 1, 8, 8),
        input_names=["image"],
        output_names=["scores"],
        dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}},
        keep_initializers_as_inputs=False,
        dynamo=False,
    )
    strip_metadata(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def strip_metadata(proto: onnx.ModelProto) -> None:
    """Remove what exporters write about the source code and the machine, in place; name a fixed producer."""
    proto.producer_name = "fpgann-examples"
    proto.ClearField("producer_version")
    graph = proto.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    for item in (proto, graph, *graph.node, *graph.initializer, *values):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images to which the network gives the highest score for the digit shown."""
    with torch.no_grad():
        return float((model.eval()(images).argmax(1) == labels).float().mean())


def main() -> None:
    """Train and export the network, and print its accuracy."""
    parser = argparse.ArgumentParser(description="Train and export a small LeNet on scikit-learn's digits.")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training images [%(default)s]")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the files")
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # more threads add in another order, which changes the weights
    torch.use_deterministic_algorithms(True)
    images, labels, test_images, test_labels = load_data()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "vectors.npz", image=test_images.numpy().astype(np.float64))
    np.savez_compressed(output / "truth.npz", label=test_labels.numpy())
    torch.manual_seed(SEED)
    model = LeNet()
    train(model, images, labels, arguments.epochs)
    export(model, output / "model.onnx")
    print(f"model.onnx  train  accuracy {accuracy(model, images, labels):.4f}")
    print(f"model.onnx  test   accuracy {accuracy(model, test_images, test_labels):.4f}")


if __name__ == "__main__":
    main()
