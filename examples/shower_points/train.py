# SPDX-License-Identifier: Apache-2.0
"""Train a network on point clouds that tells one shower in a calorimeter from two; export it in float and with 8 bits.

Writes into the output folder:

- ``model.onnx``: a dynamic graph CNN in float32: every point looks for its 4 nearest neighbours, a layer on each edge,
  the maximum over the edges, the mean over the points; input ``hits`` of shape ``(1, 16, 3)``: place and energy of each
  hit; output ``scores`` of shape ``(1, 2)``: one shower, two showers.
- ``quantized.onnx``: the same network trained on with 8-bit weights and activations (Brevitas), QONNX.
- ``vectors.npz``: the test clouds, key ``hits``, float64 of shape ``(400, 16, 3)``.
- ``truth.npz``: how many showers each has, less one, key ``label``, int64 of shape ``(400,)``.

The same seed and the same versions of torch, Brevitas and onnx on the same kind of processor give the same files.
"""

from __future__ import annotations

import argparse
import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SEED = 11
TRAIN_CLOUDS = 2000
TEST_CLOUDS = 400
POINTS = 16
FEATURES = 3
NEIGHBOURS = 4
UNITS = 12
BITS = 8
BATCH_SIZE = 50
LEARNING_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Clouds:
    """Hits in a calorimeter.

    Attributes:
        hits: two places and the energy, float32 of shape (cloud, point, 3).
        labels: 0 where they come from one shower, 1 where from two; int64 of shape (cloud,).
    """

    hits: NDArray[np.float32]
    labels: NDArray[np.int64]


def edges(hits: Tensor, nearest: Tensor) -> Tensor:
    """Of each point and each of its neighbours: the way there, and the point; shape (1, points, neighbours, 6)."""
    here = hits.unsqueeze(2).expand(-1, -1, NEIGHBOURS, -1)
    places = nearest.reshape(nearest.shape[0], -1, 1).expand(-1, -1, FEATURES)
    there = torch.gather(hits, 1, places).reshape(here.shape)
    return torch.cat([there - here, here], dim=-1)


def neighbours(hits: Tensor) -> Tensor:
    """Indices of the nearest points, the point itself among them."""
    squares = (hits * hits).sum(-1, keepdim=True)
    closeness = 2 * hits @ hits.transpose(1, 2) - squares - squares.transpose(1, 2)
    return closeness.topk(NEIGHBOURS, dim=-1).indices


class ShowerNetwork(nn.Module):
    """Edge layer, maximum over edges, mean over points, two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.edge = nn.Linear(2 * FEATURES, UNITS)
        self.hidden = nn.Linear(UNITS, UNITS)
        self.output = nn.Linear(UNITS, 2)

    def forward(self, hits: Tensor) -> Tensor:
        """Return the scores, shape (batch, 2)."""
        messages = torch.relu(self.edge(edges(hits, neighbours(hits))))
        pooled = messages.amax(dim=2).mean(dim=1)
        return self.output(torch.relu(self.hidden(pooled)))


class QuantizedShowerNetwork(nn.Module):
    """The same network with 8 bits."""

    def __init__(self, trained: ShowerNetwork) -> None:
        super().__init__()
        self.hits = QuantIdentity(bit_width=BITS, return_quant_tensor=False)
        self.ways = QuantIdentity(bit_width=BITS, return_quant_tensor=False)
        self.edge = QuantLinear(2 * FEATURES, UNITS, bias=True, weight_bit_width=BITS)
        self.messages = QuantReLU(bit_width=BITS, return_quant_tensor=False)
        self.pooled = QuantIdentity(bit_width=BITS, return_quant_tensor=False)
        self.hidden = QuantLinear(UNITS, UNITS, bias=True, weight_bit_width=BITS)
        self.activation = QuantReLU(bit_width=BITS, return_quant_tensor=False)
        self.output = QuantLinear(UNITS, 2, bias=True, weight_bit_width=BITS)
        pairs = ((self.edge, trained.edge), (self.hidden, trained.hidden), (self.output, trained.output))
        with torch.no_grad():
            for layer, source in pairs:
                layer.weight.copy_(source.weight)
                layer.bias.copy_(source.bias)

    def forward(self, hits: Tensor) -> Tensor:
        """Return the scores, shape (batch, 2)."""
        hits = self.hits(hits)
        messages = self.messages(self.edge(self.ways(edges(hits, neighbours(hits)))))
        pooled = self.pooled(messages.amax(dim=2).mean(dim=1))
        return self.output(self.activation(self.hidden(pooled)))


def draw_clouds(count: int, rng: np.random.Generator) -> Clouds:
    """Draw `count` clouds: hits around one centre, or around two that may overlap, energies falling from the centre."""
    labels = rng.integers(0, 2, count)
    centres = rng.uniform(-1, 1, (count, 2, 2))
    ways = rng.normal(0, 1, (count, 1, 2))
    apart = ways / np.linalg.norm(ways, axis=-1, keepdims=True) * rng.uniform(0.9, 1.6, (count, 1, 1))
    centres[:, 1] = centres[:, 0] + apart[:, 0] * labels[:, None]
    owners = rng.integers(0, 2, (count, POINTS))
    offsets = rng.normal(0, 0.4, (count, POINTS, 2))
    places = np.take_along_axis(centres, owners[..., None], axis=1) + offsets
    energies = np.exp(-2 * np.linalg.norm(offsets, axis=-1)) * rng.uniform(0.7, 1.3, (count, POINTS))
    hits = np.concatenate([places, energies[..., None]], axis=-1)
    return Clouds(hits.astype(np.float32), labels)


def train(model: nn.Module, data: Clouds, epochs: int, learning_rate: float) -> None:
    """Fit `model` in place, with a learning rate that falls to zero."""
    hits, labels = torch.from_numpy(data.hits), torch.from_numpy(data.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(hits)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(hits[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()


def export_float(model: nn.Module, path: Path) -> None:
    """Export through torch's TorchScript exporter."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecated calls
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, POINTS, FEATURES),),
            buffer,
            input_names=["hits"],
            output_names=["scores"],
            opset_version=13,
            dynamo=False,
        )
    _write(onnx.load_from_string(buffer.getvalue()), path)


def export_quantized(model: nn.Module, path: Path) -> None:
    """Export as QONNX."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto = export_qonnx(
            model.eval(),
            args=(torch.zeros(1, POINTS, FEATURES),),
            input_names=["hits"],
            output_names=["scores"],
            opset_version=13,
            dynamo=False,
        )
    _write(proto, path)


def _write(proto: onnx.ModelProto, path: Path) -> None:
    """Write without what tells about the machine."""
    proto.producer_name = "fpgann-examples"
    proto.ClearField("producer_version")
    for item in (proto, proto.graph, *proto.graph.node, *proto.graph.initializer):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    path.write_bytes(proto.SerializeToString(deterministic=True))


def accuracy(model: Callable[[Tensor], Tensor], data: Clouds) -> float:
    """Return the share of clouds that are told right."""
    with torch.no_grad():
        scores = model(torch.from_numpy(data.hits))
    return float(np.mean(scores.argmax(1).numpy() == data.labels))


def main() -> None:
    """Train both, export, and print their accuracy."""
    parser = argparse.ArgumentParser(description="Train and export a network on generated showers.")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training clouds [%(default)s]")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the files")
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # more threads add in another order, which changes the weights
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    train_data, test_data = draw_clouds(TRAIN_CLOUDS, rng), draw_clouds(TEST_CLOUDS, rng)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)

    model = ShowerNetwork()
    train(model, train_data, arguments.epochs, LEARNING_RATE)
    export_float(model, output / "model.onnx")
    quantized = QuantizedShowerNetwork(model)
    train(quantized, train_data, max(1, arguments.epochs // 5), LEARNING_RATE / 4)
    export_quantized(quantized, output / "quantized.onnx")
    np.savez_compressed(output / "vectors.npz", hits=test_data.hits.astype(np.float64))
    np.savez_compressed(output / "truth.npz", label=test_data.labels)

    for name, network in (("model.onnx", model), ("quantized.onnx", quantized.eval())):
        figures = (
            f"{kind} {accuracy(network, data):.4f}" for kind, data in (("train", train_data), ("test", test_data))
        )
        print(f"{name:15} accuracy, {', '.join(figures)}")


if __name__ == "__main__":
    main()
