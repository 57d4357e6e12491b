# SPDX-License-Identifier: Apache-2.0
"""Train a convolutional autoencoder that removes noise from scikit-learn's digits, and export it as float ONNX.

Convolutions with batch normalization and ReLU halve the map twice, transposed convolutions double it again, a sigmoid
makes pixels of it. Noise is normal, with a standard deviation of 0.3; noisy pixels are cut to 0 to 1 and have 17 gray
levels, as the images have.

Writes into the output folder:

- ``model.onnx``: input ``noisy`` of shape ``(batch, 1, 8, 8)``, output ``clean`` of the same shape.
- ``calibration.npz``: 128 of the noisy images it was trained with; ``vectors.npz``: 400 others, key ``noisy``.
- ``truth.npz``: those without noise, key ``clean``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import vision  # noqa: E402

NOISE = 0.3


class DenoisingAutoencoder(nn.Module):
    """conv 3x3 by 2 (8), conv 3x3 by 2 (16), transposed 4x4 by 2 (8), transposed 4x4 by 2 (1), sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, noisy: Tensor) -> Tensor:
        return self.decoder(self.encoder(noisy))


def with_noise(images: Tensor) -> Tensor:
    """Images as a bad camera would see them."""
    return vision.grays(images + NOISE * torch.randn_like(images))


def main() -> None:
    """Train and export the network, and print how far its images are from those without noise."""
    arguments = vision.command_line(__file__, epochs=40)
    vision.make_repeatable()
    data = vision.digits()
    model = DenoisingAutoencoder()

    def loss(images: Tensor) -> Tensor:
        return nn.functional.mse_loss(model(with_noise(images)), images)

    vision.fit(model, (data.images,), loss, arguments.epochs)
    noisy = with_noise(data.test_images)
    vision.export(model, arguments.output / "model.onnx", noisy[:1], "noisy", ["clean"])
    vision.write_samples(arguments.output, "noisy", with_noise(data.images), noisy, clean=data.test_images)
    with torch.no_grad():
        for name, images in (("noisy", noisy), ("cleaned", model(noisy))):
            print(f"{name}  RMSE {float((images - data.test_images).square().mean().sqrt()):.4f}")


if __name__ == "__main__":
    main()
