# SPDX-License-Identifier: Apache-2.0
"""Train the lecture's MLP 2-50-25-1 on two Gaussian clouds and export it as a float ONNX model.

Writes into the output folder:

- ``model.onnx``: the network in float32, through torch's dynamo exporter; input ``point`` of shape
  ``(batch, 2)``, output ``probability`` of shape ``(batch, 1)``.
- ``vectors.npz``: the test points, key ``point``, float64 of shape ``(400, 2)``.
- ``truth.npz``: the cloud each test point was drawn from, key ``label``, int64 of shape ``(400,)``.

The same seed and the same versions of torch and onnx on the same kind of processor give the same files.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import files  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 2024
TRAIN_POINTS = 2000
TEST_POINTS = 400
BATCH_SIZE = 100
LEARNING_RATE = 0.01

# (mean, covariance) of the clouds with label 0 and 1: one round, one long, so that the best border is curved.
CLOUDS = (
    ((-1.0, -0.75), ((0.50, 0.00), (0.00, 0.50))),
    ((1.0, 0.75), ((0.90, -0.55), (-0.55, 0.70))),
)


@dataclass(frozen=True, slots=True)
class Points:
    """Points of the plane, each with the cloud it was drawn from.

    Attributes:
        points: coordinates, float32 of shape (sample, 2).
        labels: 0 or 1, int64 of shape (sample,).
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]


class LectureMlp(nn.Module):
    """The classifier 2-50-25-1: ReLU, ReLU, and a sigmoid that gives the probability of label 1."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden1 = nn.Linear(2, 50)
        self.hidden2 = nn.Linear(50, 25)
        self.output = nn.Linear(25, 1)

    def forward(self, point: Tensor) -> Tensor:
        """Return the probability of label 1, shape (batch, 1), for points of shape (batch, 2)."""
        features = torch.relu(self.hidden1(point))
        features = torch.relu(self.hidden2(features))
        return torch.sigmoid(self.output(features))


def draw_points(count: int, rng: np.random.Generator) -> Points:
    """Draw `count` points, as many from one cloud as from the other, in random order."""
    labels = rng.permutation(np.arange(count, dtype=np.int64) % len(CLOUDS))
    points = np.empty((count, 2))
    for label, (mean, covariance) in enumerate(CLOUDS):
        members = labels == label
        points[members] = rng.multivariate_normal(mean, covariance, size=int(members.sum()))
    return Points(points.astype(np.float32), labels)


def train(model: nn.Module, data: Points, epochs: int) -> None:
    """Fit `model` in place to binary cross-entropy, with a learning rate that falls to zero."""
    points = torch.from_numpy(data.points)
    targets = torch.from_numpy(data.labels).to(torch.float32).unsqueeze(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(points)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy(model(points[batch]), targets[batch]).backward()
            optimizer.step()
        schedule.step()


def export_model(model: nn.Module, path: Path) -> None:
    """Export `model` to `path`: weights inside the file, a free batch size, no trace of this machine."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision is absent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of its own deprecated calls
        program = torch.onnx.export(
            model.eval(),
            (torch.zeros(2, 2),),  # two rows: a batch of one would be taken for a constant
            input_names=["point"],
            output_names=["probability"],
            dynamic_shapes={"point": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    proto = program.model_proto
    files.write_model(proto, path)


def measure_accuracy(model_path: Path, data: Points) -> float:
    """Return the share of points that the exported model puts on the right side of 0.5."""
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    (probability,) = session.run(["probability"], {"point": data.points})
    return float(np.mean((probability[:, 0] > 0.5) == data.labels))


def main() -> None:
    """Train, export, and print the accuracy of the exported file."""
    parser = argparse.ArgumentParser(description="Train and export the lecture's MLP 2-50-25-1.")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the training points [%(default)s]")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the files")
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # more threads add in another order, which changes the weights
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    train_data = draw_points(TRAIN_POINTS, rng)
    test_data = draw_points(TEST_POINTS, rng)

    model = LectureMlp()
    train(model, train_data, arguments.epochs)

    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    export_model(model, output / "model.onnx")
    np.savez_compressed(output / "vectors.npz", point=test_data.points.astype(np.float64))
    np.savez_compressed(output / "truth.npz", label=test_data.labels)

    for name, data in (("train", train_data), ("test", test_data)):
        print(f"model.onnx  {name:5}  accuracy {measure_accuracy(output / 'model.onnx', data):.4f}")


if __name__ == "__main__":
    main()
