# SPDX-License-Identifier: Apache-2.0
"""Train a small DenseNet on scikit-learn's digits, and export it as float ONNX.

In a dense block every layer reads what all layers before it have made: their channels stand side by side (Concat). One
block of three layers that add six channels each, a transition that halves map and channels, a second block of two.

Writes into the output folder:

- ``model.onnx``: input ``image`` of shape ``(batch, 1, 8, 8)``, output ``scores`` of shape ``(batch, 10)``.
- ``quantized.onnx``: the same, trained on with 6-bit weights and activations, as QONNX.
- ``calibration.npz``: 128 of the images it was trained with; ``vectors.npz``: the 400 held-out ones, key ``image``.
- ``truth.npz``: the digit each of those shows, key ``label``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import vision  # noqa: E402

FIRST = 6
GROWTH = 6


class DenseBlock(nn.Module):
    """Layers that each put `GROWTH` channels beside those they read."""

    def __init__(self, inputs: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs + GROWTH * layer, GROWTH, 3, padding=1, bias=False), nn.BatchNorm2d(GROWTH), nn.ReLU()
            )
            for layer in range(layers)
        )

    def forward(self, maps: Tensor) -> Tensor:
        for layer in self.layers:
            maps = torch.cat([maps, layer(maps)], dim=1)
        return maps


class DenseNet(nn.Module):
    """conv 3x3 (6), block of three layers, transition to 12 channels, block of two layers, mean, dense 10."""

    def __init__(self) -> None:
        super().__init__()
        middle = FIRST + 3 * GROWTH
        self.entrance = nn.Sequential(nn.Conv2d(1, FIRST, 3, padding=1, bias=False), nn.BatchNorm2d(FIRST), nn.ReLU())
        self.first = DenseBlock(FIRST, layers=3)
        self.transition = nn.Sequential(
            nn.Conv2d(middle, middle // 2, 1, bias=False), nn.BatchNorm2d(middle // 2), nn.ReLU(), nn.AvgPool2d(2)
        )
        self.second = DenseBlock(middle // 2, layers=2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.output = nn.Linear(middle // 2 + 2 * GROWTH, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Return ten scores per image, shape (batch, 10), for images of shape (batch, 1, 8, 8)."""
        maps = self.second(self.transition(self.first(self.entrance(image))))
        return self.output(self.mean(maps).flatten(1))


if __name__ == "__main__":
    vision.train_classifier(DenseNet, __file__, epochs=25, size=8)
