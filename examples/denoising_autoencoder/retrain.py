# SPDX-License-Identifier: Apache-2.0
"""Train the denoising autoencoder in float, and train it again as a plan for compression wants it.

    fpgann compress -o small.onnx --plan examples/denoising_autoencoder/plans/small.toml \
        --train examples/denoising_autoencoder/retrain.py:retrain \
        --calibration examples/denoising_autoencoder/calibration.npz

Noise is drawn anew for every batch; the held-out images take no part.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import train as example  # noqa: E402
import vision  # noqa: E402

if TYPE_CHECKING:
    from fpgann.train.compress import Task
    from fpgann.train.session import Session

FLOAT_EPOCHS, EPOCHS = 40, 120


def retrain(task: Task, seed: int = vision.SEED, float_epochs: int = FLOAT_EPOCHS, epochs: int = EPOCHS) -> None:
    """Train the float network, attach the plan, and train again; goes on from a checkpoint if there is one."""
    vision.make_repeatable(seed)
    data = vision.digits()
    model = example.DenoisingAutoencoder()

    def float_loss(images: Tensor) -> Tensor:
        return nn.functional.mse_loss(model(example.with_noise(images)), images)

    vision.fit(model, (data.images,), float_loss, float_epochs)
    noisy = example.with_noise(data.images)
    vision.retrain(task, model, (data.images,), lesson, epochs, attached_to=noisy)


def samples() -> Tensor:
    """Inputs to choose the types of hardware from."""
    return example.with_noise(vision.digits().images)


def lesson(session: Session, images: Tensor) -> Tensor:
    """How far images are from those without noise."""
    return nn.functional.mse_loss(session.model(example.with_noise(images)), images)
