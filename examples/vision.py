# SPDX-License-Identifier: Apache-2.0
"""What the training scripts of the image examples share: scikit-learn's digits, a training loop, files and pictures.

The scripts put this folder on their path, so that they run from anywhere: ``python examples/vae/train.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import files
import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from fpgann.train import attach
from fpgann.train.plan import CompressionPlan, Quantize

if TYPE_CHECKING:
    from fpgann.train.compress import Task

SEED = 2024
TEST_IMAGES = 400
CALIBRATION_SAMPLES = 128
BATCH_SIZE = 64
EPOCHS_SAVED = 40  # between two checkpoints
GRAY_STEPS = 16  # pixels are 0 to 16
FEW_BITS = Quantize(weight_bits=6, activation_bits=6)
RATE_OF_FEW_BITS = 0.002


@dataclass(frozen=True)
class Digits:
    """Images of shape (count, 1, size, size) from 0 to 1 and the digits they show, to train with and held out."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def digits(size: int = 8) -> Digits:
    """scikit-learn's digits, with the same share of each digit in both parts; enlarged, again in 16 steps of gray."""
    found = load_digits()
    images = (found.images / GRAY_STEPS).astype(np.float32)[:, None]  # exact: sixteenths
    labels = found.target.astype(np.int64)
    parts = train_test_split(images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED)
    train_images, test_images, train_labels, test_labels = map(torch.from_numpy, parts)
    return Digits(enlarged(train_images, size), train_labels, enlarged(test_images, size), test_labels)


def enlarged(images: Tensor, size: int) -> Tensor:
    """Images of another size, by linear interpolation; 8 x 8 pixels stay as they are."""
    if images.shape[-1] == size:
        return images
    return grays(nn.functional.interpolate(images, size=(size, size), mode="bilinear", align_corners=False))


def grays(images: Tensor) -> Tensor:
    """Pixels from 0 to 1 in steps of 1/16."""
    return (images.clamp(0, 1) * GRAY_STEPS).round() / GRAY_STEPS


def make_repeatable(seed: int = SEED) -> None:
    """One thread and one seed, so that the same machine makes the same files again."""
    torch.set_num_threads(1)  # more threads add in another order, which changes the weights
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def fit(
    model: nn.Module, samples: Sequence[Tensor], loss: Callable[..., Tensor], epochs: int, *, rate: float = 0.01
) -> None:
    """Fit `model` in place with a learning rate that falls to zero.

    Args:
        model: what is trained.
        samples: tensors with the same first axis.
        loss: the loss of a batch, which gets the part of each tensor that belongs to it.
        epochs: passes over the samples.
        rate: the first learning rate.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(samples[0])).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss(*(tensor[batch] for tensor in samples)).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def fit_classifier(model: nn.Module, data: Digits, epochs: int, *, rate: float = 0.01) -> None:
    """Fit `model` in place to the labels of the training images."""

    def loss(images: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(images), labels)

    fit(model, (data.images, data.labels), loss, epochs, rate=rate)


def retrain(
    task: Task,
    model: nn.Module,
    samples: Sequence[Tensor],
    loss: Callable[..., Tensor],
    epochs: int,
    *,
    attached_to: Tensor | None = None,
    rate: float = 0.01,
) -> None:
    """Attach the plan of a task to a float model and train again; goes on from a checkpoint if there is one.

    Args:
        task: the plan, and where checkpoints go.
        model: the float model.
        samples: tensors with the same first axis.
        loss: the loss of a batch, which gets the session and the part of each tensor that belongs to the batch.
        epochs: passes over the samples.
        attached_to: inputs of the model from which scales are chosen; the first of the samples by default.
        rate: the first learning rate.
    """
    inputs = samples[0] if attached_to is None else attached_to
    batches = -(-len(inputs) // BATCH_SIZE)
    session = task.attach(model.eval(), inputs, steps=epochs * batches)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    task.resume(optimizer, schedule=schedule)
    model.train()
    for epoch in range(session.steps_done // batches, epochs):
        for batch in torch.randperm(len(inputs)).split(BATCH_SIZE):
            optimizer.zero_grad()
            found = loss(session, *(tensor[batch] for tensor in samples)) + session.penalty()
            found.backward()
            optimizer.step()
            session.step(optimizer, loss=float(found.detach()))
        schedule.step()
        if epoch % EPOCHS_SAVED == EPOCHS_SAVED - 1:
            task.save(optimizer, schedule=schedule)
    model.eval()


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images to which the network gives the highest score for the digit shown."""
    with torch.no_grad():
        return float((model.eval()(images).argmax(1) == labels).float().mean())


def export(model: nn.Module, path: Path, sample: Tensor, given: str, delivered: Sequence[str]) -> None:
    """Write `model` to `path` as float ONNX with a free batch size, weights inside the file."""
    axes = {name: {0: "batch"} for name in (given, *delivered)}
    torch.onnx.export(
        model.eval(),
        (sample,),
        path,
        input_names=[given],
        output_names=list(delivered),
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    files.write_model(onnx.load(path), path)


def write_samples(folder: Path, name: str, calibration: Tensor, test: Tensor, **truth: Tensor) -> None:
    """Write calibration.npz (the first samples), vectors.npz and truth.npz; inputs are called `name`."""
    first = calibration[:CALIBRATION_SAMPLES]
    np.savez_compressed(folder / "calibration.npz", **{name: first.numpy().astype(np.float64)})
    np.savez_compressed(folder / "vectors.npz", **{name: test.numpy().astype(np.float64)})
    np.savez_compressed(folder / "truth.npz", **{key: value.numpy() for key, value in truth.items()})


def command_line(script: str, epochs: int) -> argparse.Namespace:
    """Options `epochs` and `output` of a training script, whose folder is there afterwards."""
    parser = argparse.ArgumentParser(description="Train the network of this folder and export it.")
    parser.add_argument("--epochs", type=int, default=epochs, help="passes over the training images [%(default)s]")
    parser.add_argument("--output", type=Path, default=Path(script).parent, help="folder for the files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    return arguments


def train_classifier(model: Callable[[], nn.Module], script: str, epochs: int, size: int) -> None:
    """All that the script of a classifier of digits does: train, export, train on with few bits, export, print.

    Args:
        model: makes the network, which takes images of shape (batch, 1, size, size).
        script: its file.
        epochs: unless the command line says otherwise.
        size: pixels in a row.
    """
    arguments = command_line(script, epochs)
    output: Path = arguments.output
    make_repeatable()
    data = digits(size)
    network = model()
    fit_classifier(network, data, arguments.epochs)
    export(network, output / "model.onnx", data.images[:1], "image", ["scores"])
    write_samples(output, "image", data.images, data.test_images, label=data.test_labels)
    print_accuracy("model.onnx", network, data)
    session = attach(network, CompressionPlan(quantize=FEW_BITS), data.images)
    fit_classifier(network, data, -(-arguments.epochs // 2), rate=RATE_OF_FEW_BITS)
    session.export(output / "quantized.onnx")
    files.name_output(output / "quantized.onnx", "scores")
    print_accuracy("quantized.onnx", network, data)


def print_accuracy(name: str, model: nn.Module, data: Digits) -> None:
    """Print how many images of both parts a network reads right."""
    for part, images, labels in (
        ("train", data.images, data.labels),
        ("test ", data.test_images, data.test_labels),
    ):
        print(f"{name}  {part}  accuracy {accuracy(model, images, labels):.4f}")
