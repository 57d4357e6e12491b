# SPDX-License-Identifier: Apache-2.0
"""Train a small ResNet-8 on scikit-learn's digits, enlarged to 16 x 16 pixels, and export it as float ONNX.

The network of MLPerf Tiny with half of its channels: a convolution, three blocks with a skip each, of which the second
and third halve the map and double the channels, then the mean and a dense layer.

Writes into the output folder:

- ``model.onnx``: input ``image`` of shape ``(batch, 1, 16, 16)``, output ``scores`` of shape ``(batch, 10)``.
- ``quantized.onnx``: the same, trained on with 6-bit weights and activations, as QONNX.
- ``calibration.npz``: 128 of the images it was trained with; ``vectors.npz``: the 400 held-out ones, key ``image``.
- ``truth.npz``: the digit each of those shows, key ``label``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import vision  # noqa: E402

CHANNELS = 8


class Block(nn.Module):
    """Two convolutions 3x3 and a skip around them, through a convolution 1x1 where the shape changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.first = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.skip = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        return self.relu(self.second(self.first(maps)) + self.skip(maps))


class ResNet8(nn.Module):
    """conv 3x3 (8), blocks of 8, 16 and 32 channels, mean, dense 10."""

    def __init__(self) -> None:
        super().__init__()
        c = CHANNELS
        self.entrance = nn.Sequential(nn.Conv2d(1, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.blocks = nn.Sequential(Block(c, c), Block(c, 2 * c), Block(2 * c, 4 * c))
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.output = nn.Linear(4 * c, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Return ten scores per image, shape (batch, 10), for images of shape (batch, 1, 16, 16)."""
        return self.output(self.mean(self.blocks(self.entrance(image))).flatten(1))


if __name__ == "__main__":
    vision.train_classifier(ResNet8, __file__, epochs=12, size=16)
