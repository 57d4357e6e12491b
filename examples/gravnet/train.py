# SPDX-License-Identifier: Apache-2.0
"""Train a GravNet that tells which part of the energy of each hit belongs to which of two overlapping showers.

Every hit gets a place in a plane that is learned, looks there for its nearest neighbours, and gathers the mean and the
maximum of what they have to say, each weighted with exp(-10 d^2) (Qasim et al., Eur. Phys. J. C 79, 608, 2019).

Writes into the output folder:

- ``model.onnx``: input ``hits`` of shape ``(1, 16, 3)``: place and energy of each hit; output ``fraction`` of shape
  ``(1, 16)``: the share of its energy that comes from the shower on the left.
- ``quantized.onnx``: the same, trained on with 8-bit weights and activations, as QONNX.
- ``calibration.npz``: 128 of the clouds it was trained with; ``vectors.npz``: the 400 held-out ones, key ``hits``.
- ``truth.npz``: the true shares of those, key ``fraction``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import clouds_and_sequences as common  # noqa: E402

CLOUDS = 2400
POINTS = 16
NEIGHBOURS = 6
SPACE = 2
FEATURES = 6
UNITS = 12
SLOPE = 3.0  # how fast the energy falls with the distance from the axis of the shower


class GravNet(nn.Module):
    """One layer on hits: mean and maximum of what the nearest neighbours in a learned space tell."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.space = nn.Linear(inputs, SPACE)
        self.features = nn.Linear(inputs, FEATURES)
        self.output = nn.Linear(inputs + 2 * FEATURES, outputs)

    def forward(self, hits: Tensor) -> Tensor:
        """From shape (batch, points, inputs) to (batch, points, outputs)."""
        places, features = self.space(hits), self.features(hits)
        squares = (places * places).sum(-1, keepdim=True)
        distances = squares + squares.transpose(1, 2) - 2 * places @ places.transpose(1, 2)
        found, nearest = distances.topk(NEIGHBOURS, dim=-1, largest=False)
        rows = nearest.reshape(nearest.shape[0], -1, 1).expand(-1, -1, FEATURES)
        told = torch.gather(features, 1, rows).reshape(-1, POINTS, NEIGHBOURS, FEATURES)
        told = told * torch.exp(-10 * found).unsqueeze(-1)
        return torch.relu(self.output(torch.cat([hits, told.mean(2), told.amax(2)], dim=-1)))


class Network(nn.Module):
    """Each hit beside the mean of all, two layers of GravNet, a share for each hit."""

    def __init__(self) -> None:
        super().__init__()
        self.entrance = nn.Linear(6, UNITS)
        self.first = GravNet(UNITS, UNITS)
        self.second = GravNet(UNITS, UNITS)
        self.output = nn.Linear(UNITS, 1)

    def forward(self, hits: Tensor) -> Tensor:
        """From shape (batch, points, 3) to (batch, points)."""
        middle = hits.mean(1, keepdim=True).expand(-1, POINTS, -1)
        hits = torch.relu(self.entrance(torch.cat([hits, middle], dim=-1)))
        return torch.sigmoid(self.output(self.second(self.first(hits)))).squeeze(-1)


def draw(rng: np.random.Generator) -> common.Data:
    """Hits around two axes, each with the energy that both showers leave there."""
    axes = rng.uniform(-0.5, 0.5, (CLOUDS, 2, 2))
    angle, apart = rng.uniform(-1, 1, CLOUDS), rng.uniform(0.6, 1.4, CLOUDS)
    axes[:, 1] = axes[:, 0] + apart[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    owners = rng.integers(0, 2, (CLOUDS, POINTS))
    places = np.take_along_axis(axes, owners[..., None], axis=1) + rng.normal(0, 0.3, (CLOUDS, POINTS, 2))
    distances = np.linalg.norm(places[:, None] - axes[:, :, None], axis=-1)
    strength = rng.uniform(0.7, 1.3, (CLOUDS, 2, 1))
    energies = strength * np.exp(-SLOPE * distances) * rng.uniform(0.8, 1.2, distances.shape)
    energy = energies.sum(1)
    hits = np.concatenate([places, energy[..., None]], axis=-1)
    return common.Data.of(hits, energies[:, 0] / energy)


def loss(hits: Tensor, fraction: Tensor, truth: Tensor) -> Tensor:
    """The squared error of the shares, weighted with the root of the energy that each shower has left, per shower."""
    total = torch.zeros(())
    for found, wanted in ((fraction, truth), (1 - fraction, 1 - truth)):
        weight = torch.sqrt(hits[..., 2] * wanted)
        total = total + ((weight * (found - wanted) ** 2).sum(1) / weight.sum(1)).mean()
    return total


def right(hits: Tensor, fraction: Tensor, truth: Tensor) -> Tensor:
    """The share of hits whose larger part is put to the right shower."""
    return ((fraction > 0.5) == (truth > 0.5)).float().mean()


if __name__ == "__main__":
    common.train_and_export(
        Network, draw, common.Task("hits", "fraction", "fraction", loss, right), __file__, epochs=25
    )
