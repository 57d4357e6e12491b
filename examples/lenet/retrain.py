# SPDX-License-Identifier: Apache-2.0
"""Train LeNet in float, and train it again as a plan for compression wants it.

    fpgann compress -o small.onnx --plan examples/lenet/plans/small.toml --train examples/lenet/retrain.py:retrain \
        --calibration examples/lenet/vectors.npz --labels examples/lenet/truth.npz

The compressed network learns the answers of the float one on mixtures of two images each, and the labels of the images.
The held-out images take no part in either.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import vision  # noqa: E402

if TYPE_CHECKING:
    from fpgann.train.compress import Task
    from fpgann.train.session import Session

FLOAT_EPOCHS, EPOCHS = 30, 120
LABELS_WEIGHT = 0.1
MIXED = 0.5  # the share of the second image in a mixture, at most


class FloatLeNet(nn.Module):
    """conv 3x3 (6), pool, conv 3x3 (12), pool, dense 24, dense 10."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(6)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 12, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(12)
        self.pool2 = nn.MaxPool2d(2)
        self.hidden = nn.Linear(48, 24, bias=False)
        self.norm3 = nn.BatchNorm1d(24)
        self.output = nn.Linear(24, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Return ten scores per image, shape (batch, 10), for images of shape (batch, 1, 8, 8)."""
        maps = self.pool1(torch.relu(self.norm1(self.conv1(image))))
        maps = self.pool2(torch.relu(self.norm2(self.conv2(maps))))
        return self.output(torch.relu(self.norm3(self.hidden(torch.flatten(maps, 1)))))


def retrain(task: Task, seed: int = vision.SEED, float_epochs: int = FLOAT_EPOCHS, epochs: int = EPOCHS) -> None:
    """Train the float network, attach the plan, and train again; goes on from a checkpoint if there is one."""
    vision.make_repeatable(seed)
    data = vision.digits()
    model = FloatLeNet()
    vision.fit_classifier(model, data, float_epochs)
    vision.retrain(task, model, (data.images, data.labels), lesson, epochs)


def samples() -> Tensor:
    """Inputs to choose the types of hardware from."""
    return vision.digits().images


def lesson(session: Session, images: Tensor, labels: Tensor) -> Tensor:
    """Distance from the float network's answers on mixtures, and errors on the images."""
    share = MIXED * torch.rand(len(images), 1, 1, 1)
    mixtures = (1 - share) * images + share * images[torch.randperm(len(images))]
    both = torch.cat([vision.grays(mixtures), images])
    scores = session.model(both)
    wrong = nn.functional.cross_entropy(scores[len(images) :], labels)
    return session.distillation(scores, both) + LABELS_WEIGHT * wrong
