# SPDX-License-Identifier: Apache-2.0
"""What the training scripts of the graph and sequence examples share: from a float module to the files of a folder.

The scripts put this folder on their path, so that they run from anywhere: ``python examples/gravnet/train.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import files
import numpy as np
import onnx
import torch
import vision
from torch import Tensor, nn

from fpgann.train import attach
from fpgann.train.plan import CompressionPlan, Quantize

TEST_SAMPLES = 400
EIGHT_BITS = Quantize(weight_bits=8, activation_bits=8)
RATE_OF_EIGHT_BITS = 0.002

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Data:
    """Samples to train with and held out.

    Args:
        inputs: those of the network to train with, sample first.
        truth: what it should say of them.
        test_inputs: inputs that are held out.
        test_truth: what it should say of those.
    """

    inputs: Tensor
    truth: Tensor
    test_inputs: Tensor
    test_truth: Tensor

    @staticmethod
    def of(inputs: np.ndarray, truth: np.ndarray) -> Data:
        """Hold the last samples out; real numbers become float32."""
        given, wanted = (
            torch.from_numpy(array if array.dtype.kind == "i" else array.astype(np.float32))
            for array in (inputs, truth)
        )
        return Data(given[:-TEST_SAMPLES], wanted[:-TEST_SAMPLES], given[-TEST_SAMPLES:], wanted[-TEST_SAMPLES:])


@dataclass(frozen=True)
class Task:
    """What a network of a folder learns.

    Args:
        given: name of its input.
        delivered: name of its output.
        truth: name of what it should say, in truth.npz.
        loss: from inputs, outputs and truth.
        right: the share that is right, likewise.
    """

    given: str
    delivered: str
    truth: str
    loss: Loss
    right: Loss


def labelled(given: str) -> Task:
    """Scores of classes in the last axis, and labels."""

    def loss(inputs: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(scores.flatten(0, -2), labels.flatten())

    def right(inputs: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        return (scores.argmax(-1) == labels).float().mean()

    return Task(given, "scores", "label", loss, right)


def train_and_export(
    make: Callable[[], nn.Module],
    draw: Callable[[np.random.Generator], Data],
    task: Task,
    script: str,
    epochs: int,
    written_out: Callable[[nn.Module], nn.Module] | None = None,
) -> None:
    """All that a script does: train, export, train on with 8 bits, export, print.

    Args:
        make: makes the network.
        draw: draws its samples.
        task: what it learns.
        script: the file of the script, in whose folder the results go.
        epochs: unless the command line says otherwise.
        written_out: the trained network with layers in the place of recurrences, which then get 8 bits.
    """
    arguments = vision.command_line(script, epochs)
    vision.make_repeatable()
    data, network = draw(np.random.default_rng(vision.SEED)), make()

    def loss(inputs: Tensor, truth: Tensor) -> Tensor:
        return task.loss(inputs, network(inputs), truth)

    vision.fit(network, (data.inputs, data.truth), loss, arguments.epochs)
    output: Path = arguments.output
    export(network, output / "model.onnx", data.inputs[:1], task)
    vision.write_samples(output, task.given, data.inputs, data.test_inputs, **{task.truth: data.test_truth})
    print_right("model.onnx", network, data, task)
    network = network if written_out is None else written_out(network)
    session = attach(network, CompressionPlan(quantize=EIGHT_BITS), data.inputs[: vision.CALIBRATION_SAMPLES])
    vision.fit(network, (data.inputs, data.truth), loss, -(-arguments.epochs // 4), rate=RATE_OF_EIGHT_BITS)
    session.export(output / "quantized.onnx")
    files.name_output(output / "quantized.onnx", task.delivered)
    print_right("quantized.onnx", network, data, task)


def export(model: nn.Module, path: Path, sample: Tensor, task: Task) -> None:
    """Write `model` for one sample at a time to `path` as float ONNX, weights inside the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecated calls
        torch.onnx.export(
            model.eval(),
            (sample,),
            path,
            input_names=[task.given],
            output_names=[task.delivered],
            opset_version=17,
            dynamo=False,
        )
    proto = onnx.load(path)
    files.write_model(proto, path)


def print_right(name: str, model: nn.Module, data: Data, task: Task) -> None:
    """Print which share of both parts a network gets right."""
    parts: Mapping[str, tuple[Tensor, Tensor]] = {
        "train": (data.inputs, data.truth),
        "test ": (data.test_inputs, data.test_truth),
    }
    for part, (inputs, truth) in parts.items():
        with torch.no_grad():
            share = float(task.right(inputs, model.eval()(inputs), truth))
        print(f"{name:14}  {part}  right {share:.4f}")
