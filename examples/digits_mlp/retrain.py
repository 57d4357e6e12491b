# SPDX-License-Identifier: Apache-2.0
"""Retrain the digits MLP 64-32-16-10 as a plan for compression wants it.

    fpgann compress -o small.onnx --plan examples/digits_mlp/plans/pruned.toml \
        --train examples/digits_mlp/retrain.py:retrain --calibration examples/digits_mlp/vectors.npz \
        --labels examples/digits_mlp/truth.npz

The float network is trained first (``train.py``); the compressed one learns its answers on mixtures of two images each,
and the labels of the images themselves. The held-out images take no part in either.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from train import GRAY_STEPS, SEED, FloatMlp, load_data
from train import train as train_float

if TYPE_CHECKING:
    from fpgann.train.compress import Task
    from fpgann.train.session import Session

EPOCHS = int(os.environ.get("EPOCHS", "200"))
FLOAT_EPOCHS = 60
BATCH_SIZE = 128
LEARNING_RATE = 0.01
LABELS_WEIGHT = 0.1
MIXED = 0.5  # the share of the second image in a mixture, at most


def retrain(task: Task, seed: int = SEED, epochs: int = EPOCHS) -> None:
    """Train the float network, attach the plan, and train again; goes on from a checkpoint if there is one."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    data, _ = load_data()
    pixels, labels = torch.from_numpy(data.pixels), torch.from_numpy(data.labels)
    torch.manual_seed(seed)
    model = FloatMlp()
    train_float(model, data, FLOAT_EPOCHS)
    torch.manual_seed(seed)
    batches = -(-len(pixels) // BATCH_SIZE)
    session = task.attach(model.eval(), pixels, steps=epochs * batches)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    task.resume(optimizer, schedule=schedule)
    model.train()
    for epoch in range(session.steps_done // batches, epochs):
        for batch in torch.randperm(len(pixels)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = loss_of(session, pixels[batch], labels[batch])
            loss.backward()
            optimizer.step()
            session.step(optimizer, loss=float(loss.detach()))
        schedule.step()
        if epoch % 40 == 39:
            task.save(optimizer, schedule=schedule)
    model.eval()


def loss_of(session: Session, pixels: Tensor, labels: Tensor) -> Tensor:
    """Distance from the float network's answers on mixtures, errors on the images, and the cost of learned widths."""
    share = MIXED * torch.rand(len(pixels), 1)
    mixtures = (1 - share) * pixels + share * pixels[torch.randperm(len(pixels))]
    both = torch.cat([torch.round(mixtures * GRAY_STEPS) / GRAY_STEPS, pixels])
    scores = session.model(both)
    wrong = nn.functional.cross_entropy(scores[len(pixels) :], labels)
    return session.distillation(scores, both) + LABELS_WEIGHT * wrong + session.penalty()
