# SPDX-License-Identifier: Apache-2.0
"""Small networks and a plain loop that trains them, for tests of compression."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from fpgann.train.plan import plan_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'fpgann[train]')")
pytest.importorskip("brevitas", reason="Brevitas is not installed (pip install 'fpgann[train]')")
nn = torch.nn

BATCH = 32


def data(seed: int = 0) -> tuple[Any, Any]:
    """256 points in 8 dimensions on a grid of sixteenths, in 3 classes."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-16, 17, (256, 8)) / 16
    y = np.argmax(x @ np.random.default_rng(1).normal(size=(8, 3)) + np.abs(x[:, :3]), axis=1)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def mlp(seed: int = 0) -> Any:
    """8-12-6-3 with a batch normalization whose statistics are its own."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 6), nn.LeakyReLU(0.25), nn.Linear(6, 3)
    )
    fit(model, epochs=2)
    return model.eval()


def cnn(seed: int = 0) -> Any:
    """One channel of 6x6 to 3 classes."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(20, 3),
    ).eval()  # fmt: skip


def fit(model: Any, epochs: int, session: Any = None, lr: float = 0.01, generator: Any = None) -> Any:
    """A plain loop; returns the optimizer."""
    x, y = data()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        epoch(model, x, y, optimizer, session, generator)
    model.eval()
    return optimizer


def epoch(model: Any, x: Any, y: Any, optimizer: Any, session: Any = None, generator: Any = None) -> None:
    """One pass over the data in random order."""
    for batch in torch.randperm(len(x), generator=generator).split(BATCH):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        if session is not None:
            loss = loss + session.penalty()
        loss.backward()
        optimizer.step()
        if session is not None:
            session.step(optimizer, loss=float(loss.detach()))


def trained(document: dict[str, Any], epochs: int = 3, seed: int = 0) -> Any:
    """A session after a short training."""
    from fpgann.train import attach

    torch.set_num_threads(1)
    model = copy.deepcopy(mlp(seed))
    session = attach(model, plan_of(document), data()[0], steps=epochs * 8)
    fit(model, epochs, session)
    return session
