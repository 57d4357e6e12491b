# SPDX-License-Identifier: Apache-2.0
"""Train a variational autoencoder with two latent numbers on scikit-learn's digits, and export it as float ONNX.

Convolutions make mean and deviation of two latent numbers of an image; a sample of that distribution goes through
transposed convolutions and becomes an image again. The exported file draws the sample itself (RandomNormalLike).

Writes into the output folder:

- ``model.onnx``: input ``image`` of shape ``(batch, 1, 8, 8)``, outputs ``decoded`` of the same shape and ``mean`` of
  shape ``(batch, 2)``.
- ``decoder.onnx``: the second half of it, input ``latent`` of shape ``(batch, 2)``, output ``decoded``.
- ``calibration.npz``: 128 of the images it was trained with; ``vectors.npz``: the 400 held-out ones, key ``image``.
- ``truth.npz``: the images themselves, key ``decoded``, and the digit each of them shows, key ``label``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import vision  # noqa: E402

LATENT = 2
DIVERGENCE = 0.4  # the weight of the distance between the latent distribution and the normal one, per image


class Vae(nn.Module):
    """conv 3x3 by 2 (8), conv 3x3 by 2 (16), dense 2 + 2; dense 64, transposed 4x4 by 2 (8), the same (1)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mean = nn.Linear(64, LATENT)
        self.log_variance = nn.Linear(64, LATENT)
        self.hidden = nn.Sequential(nn.Linear(LATENT, 64), nn.ReLU())
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def distribution(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the latent numbers, each of shape (batch, 2)."""
        features = self.encoder(image)
        return self.mean(features), self.log_variance(features)

    def decode(self, latent: Tensor) -> Tensor:
        """Images of shape (batch, 1, 8, 8) for latent numbers of shape (batch, 2)."""
        return self.decoder(self.hidden(latent).reshape(-1, 16, 2, 2))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.distribution(image)
        noise = torch.randn_like(mean)
        return self.decode(mean + noise * torch.exp(0.5 * log_variance)), mean


def main() -> None:
    """Train and export the network, and print how far the decoded means are from the images."""
    arguments = vision.command_line(__file__, epochs=120)
    vision.make_repeatable()
    data = vision.digits()
    model = Vae()

    def loss(images: Tensor) -> Tensor:
        mean, log_variance = model.distribution(images)
        decoded = model.decode(mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance))
        wrong = nn.functional.binary_cross_entropy(decoded, images, reduction="sum")
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        return (wrong + DIVERGENCE * divergence) / len(images)

    vision.fit(model, (data.images,), loss, arguments.epochs)
    vision.export(model, arguments.output / "model.onnx", data.images[:1], "image", ["decoded", "mean"])
    decoder = nn.Sequential(model.hidden, nn.Unflatten(1, (16, 2, 2)), model.decoder)
    vision.export(decoder, arguments.output / "decoder.onnx", torch.zeros(1, LATENT), "latent", ["decoded"])
    test = data.test_images
    vision.write_samples(arguments.output, "image", data.images, test, decoded=test, label=data.test_labels)
    with torch.no_grad():
        decoded = model.decode(model.distribution(test)[0])
        print(f"decoded mean  RMSE {float((decoded - test).square().mean().sqrt()):.4f}")


if __name__ == "__main__":
    main()
