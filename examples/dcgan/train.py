# SPDX-License-Identifier: Apache-2.0
"""Train a small DCGAN on scikit-learn's digits, and export its generator as float ONNX.

The generator makes images of 16 normal random numbers with three transposed convolutions, batch normalization and ReLU,
and tanh at the end (pixels from -1 to 1); the discriminator, two convolutions and a dense layer, is only needed while
training.

Writes into the output folder:

- ``model.onnx``: input ``latent`` of shape ``(batch, 16, 1, 1)``, output ``image`` of shape ``(batch, 1, 8, 8)``.
- ``calibration.npz`` and ``vectors.npz``: 128 and 64 samples of the latent numbers in steps of 1/256, key ``latent``.
- ``truth.npz``: what the float generator makes of the latter, key ``image``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import vision  # noqa: E402

LATENT = 16
SAMPLES = 64
RATE = 0.001
MOMENTUM = 0.5  # of Adam, as in Radford et al. 2015, https://arxiv.org/abs/1511.06434
REAL = 0.9  # the answer for real images that the discriminator learns


class Generator(nn.Module):
    """transposed 2x2 (24), transposed 4x4 by 2 (12), transposed 4x4 by 2 (1), tanh."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(LATENT, 24, 2, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.ConvTranspose2d(24, 12, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.ConvTranspose2d(12, 1, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, latent: Tensor) -> Tensor:
        return self.layers(latent)


def discriminator() -> nn.Module:
    """How real an image looks, as a logit."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 4, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(128, 1),
    )


def latents(count: int) -> Tensor:
    """Normal random numbers in steps of 1/256, shape (count, 16, 1, 1)."""
    return (torch.randn(count, LATENT, 1, 1) * 256).round() / 256


def train(generator: nn.Module, images: Tensor, epochs: int) -> None:
    """Let the generator learn to deceive a discriminator, which learns to tell its images from the real ones."""
    judge = discriminator()
    optimizers = [torch.optim.Adam(m.parameters(), lr=RATE, betas=(MOMENTUM, 0.999)) for m in (generator, judge)]
    distance = nn.functional.binary_cross_entropy_with_logits
    generator.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(vision.BATCH_SIZE):
            made = generator(latents(len(batch)))
            real, false = judge(2 * images[batch] - 1), judge(made.detach())
            optimizers[1].zero_grad()
            (distance(real, torch.full_like(real, REAL)) + distance(false, torch.zeros_like(false))).backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            answer = judge(made)
            distance(answer, torch.ones_like(answer)).backward()
            optimizers[0].step()
    generator.eval()


def main() -> None:
    """Train the generator, export it and print how its images compare with real ones."""
    arguments = vision.command_line(__file__, epochs=100)
    vision.make_repeatable()
    images = vision.digits().images
    generator = Generator()
    train(generator, images, arguments.epochs)
    samples = latents(SAMPLES)
    vision.export(generator, arguments.output / "model.onnx", samples[:1], "latent", ["image"])
    with torch.no_grad():
        made = generator(samples)
    vision.write_samples(arguments.output, "latent", latents(vision.CALIBRATION_SAMPLES), samples, image=made)
    print(f"real images  mean {float(images.mean()):.3f}  deviation {float(images.std()):.3f}")
    print(f"made images  mean {float(made.mean() / 2 + 0.5):.3f}  deviation {float(made.std() / 2):.3f}")


if __name__ == "__main__":
    main()
