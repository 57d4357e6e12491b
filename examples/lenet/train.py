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

import sys
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.export import export_qonnx
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import files  # noqa: E402
import vision  # noqa: E402

BITS = 4


class GrayLevels(Uint8ActPerTensorFloat):
    """Quantizer of the input: 5 bits, unsigned, the constant scale 1/16."""

    bit_width = 5
    scaling_impl_type = ScalingImplType.CONST
    max_val = (2**5 - 1) / vision.GRAY_STEPS


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
    files.write_model(proto, path)


def main() -> None:
    """Train and export the network, and print its accuracy."""
    arguments = vision.command_line(__file__, epochs=30)
    vision.make_repeatable()
    data = vision.digits()
    output: Path = arguments.output
    np.savez_compressed(output / "vectors.npz", image=data.test_images.numpy().astype(np.float64))
    np.savez_compressed(output / "truth.npz", label=data.test_labels.numpy())
    model = LeNet()
    vision.fit_classifier(model, data, arguments.epochs)
    export(model, output / "model.onnx")
    vision.print_accuracy("model.onnx", model, data)


if __name__ == "__main__":
    main()
