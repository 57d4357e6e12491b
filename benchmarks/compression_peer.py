#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HGQ2 on the digits MLP 64-32-16-10: one training with a rising price of bits, its Pareto front as Verilog of da4ml.

    python benchmarks/compression.py --data DATA.npz --seeds 0
    KERAS_BACKEND=torch PEERS_PYTHON benchmarks/compression_peer.py DATA.npz FOLDER [--epochs 400]

Runs in the environment of the peers (hgq2, keras, da4ml, and torch as the backend) and imports nothing of fpgann.
`DATA.npz` holds train_x, train_y, test_x, test_y, and the float network of the seed as kernel0, bias0 and so on. HGQ2
begins with its weights and learns its answers as `examples/digits_mlp/retrain.py` does: on mixtures of two images, with
the same weight of the labels. Networks are chosen by their accuracy on test images, which favours the peer. Prints
JSON: accuracy of the integers that da4ml computes, its own estimate, and the folder with the Verilog;
`compression.py --peer` counts LUT sites of that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from da4ml.codegen import RTLModel
from da4ml.converter import trace_model
from da4ml.trace import comb_trace
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDense
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs, ParetoFront, PieceWiseSchedule


def network() -> keras.Model:
    """The network with HGQ2's usual quantizers, a width for every weight and every activation."""
    weights = QuantizerConfigScope(q_type="kbi", place="weight", overflow_mode="SAT_SYM", round_mode="RND")
    values = QuantizerConfigScope(q_type="kif", place="datalane", overflow_mode="WRAP", round_mode="RND")
    with weights, values, LayerConfigScope(enable_ebops=True, beta0=1e-7):
        layers = [QDense(32, activation="relu"), QDense(16, activation="relu"), QDense(10)]
        return keras.Sequential([keras.layers.Input((64,)), *layers])


TEMPERATURE, LABELS_WEIGHT, MIXED, GRAY_STEPS, BATCH_SIZE = 3.0, 0.1, 0.5, 16, 128  # as in retrain.py


class Lessons(keras.utils.PyDataset):
    """Batches of mixtures and images; targets are the float network's scores, then the label where there is one."""

    def __init__(self, data: dict[str, np.ndarray], seed: int) -> None:
        super().__init__()
        self.data = data
        self.random = np.random.default_rng(seed)
        self.order = self.random.permutation(len(data["train_x"]))

    def __len__(self) -> int:
        return (len(self.order) + BATCH_SIZE - 1) // BATCH_SIZE

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        images, labels = self.data["train_x"][batch], np.eye(10, dtype=np.float32)[self.data["train_y"][batch]]
        share = MIXED * self.random.random((len(batch), 1))
        mixtures = (1 - share) * images + share * images[self.random.permutation(len(batch))]
        both = np.concatenate([np.rint(mixtures * GRAY_STEPS) / GRAY_STEPS, images]).astype(np.float32)
        known = np.concatenate([np.zeros_like(labels), labels])
        return both, np.concatenate([teacher_scores(self.data, both), known], axis=1)

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(self.order)


def teacher_scores(data: dict[str, np.ndarray], values: np.ndarray) -> np.ndarray:
    """What the float network answers."""
    for number in range(3):
        values = values @ data[f"kernel{number}"] + data[f"bias{number}"]
        values = np.maximum(values, 0) if number < 2 else values
    return values.astype(np.float32)


def lesson_loss(wanted: keras.KerasTensor, scores: keras.KerasTensor) -> keras.KerasTensor:
    """Distance from the float network's answers, and errors on the images: half of the rows of a batch have labels."""
    log_wanted = keras.ops.log_softmax(wanted[:, :10] / TEMPERATURE)
    distance = keras.ops.exp(log_wanted) * (log_wanted - keras.ops.log_softmax(scores / TEMPERATURE))
    wrong = -wanted[:, 10:] * keras.ops.log_softmax(scores)
    return keras.ops.sum(TEMPERATURE**2 * distance + 2 * LABELS_WEIGHT * wrong, axis=1)


def right(wanted: keras.KerasTensor, scores: keras.KerasTensor) -> keras.KerasTensor:
    """Share of the rows with a label whose class has the highest score."""
    labelled = keras.ops.sum(wanted[:, 10:], axis=1)
    same = keras.ops.argmax(wanted[:, 10:], axis=1) == keras.ops.argmax(scores, axis=1)
    return labelled * keras.ops.cast(same, "float32")


def measure(path: Path, number: int, data: dict[str, np.ndarray], folder: Path) -> dict[str, object]:
    """One network of the front."""
    model = keras.models.load_model(path, compile=False)
    trace_minmax(model, data["train_x"], batch_size=4096, verbose=False)
    inputs, outputs = trace_model(model, solver_options={"hard_dc": 2})
    logic = comb_trace(inputs, outputs)
    scores = logic.predict(data["test_x"].astype(np.float64))
    target = folder / f"rtl{number}"
    RTLModel(logic, "digits", target, flavor="verilog", latency_cutoff=4).write()
    return {
        "accuracy": 100 * float(np.mean(scores.argmax(axis=1) == data["test_y"])),
        "cost": float(logic.cost),
        "rtl": str(target.resolve()),
    }


def main() -> None:
    """Train and measure."""
    parser = argparse.ArgumentParser(description="HGQ2 on the digits MLP.")
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--rate", type=float, default=5e-3, help="of learning, at the start")
    parser.add_argument("--price", type=float, default=2e-3, help="of a bit operation, at the end")
    parser.add_argument("--count", type=int, default=12, help="networks of the front to measure")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    with np.load(arguments.data) as file:
        data = dict(file)
    model, epochs = network(), arguments.epochs
    for number, layer in enumerate(model.layers):
        layer.kernel.assign(data[f"kernel{number}"])
        layer.bias.assign(data[f"bias{number}"])
    rate = keras.optimizers.schedules.CosineDecay(arguments.rate, epochs * len(Lessons(data, 0)), alpha=0.05)
    model.compile(keras.optimizers.Adam(rate), lesson_loss, metrics=[right])
    prices = [(0, 1e-7, "constant"), (epochs // 8, 1e-6, "log"), (epochs, arguments.price, "constant")]
    front = ParetoFront(
        arguments.folder / "front",
        ["val_right", "ebops"],
        [1, -1],  # accuracy up, bits down
        enable_if=lambda logs: logs["val_right"] > 0.94,
    )
    labels = np.eye(10, dtype=np.float32)[data["test_y"]]
    model.fit(
        Lessons(data, arguments.seed),
        epochs=epochs,
        validation_data=(data["test_x"], np.concatenate([teacher_scores(data, data["test_x"]), labels], axis=1)),
        validation_freq=1,
        callbacks=[FreeEBOPs(), BetaScheduler(PieceWiseSchedule(prices)), front],
        verbose=0,
    )
    order = sorted(range(len(front.paths)), key=lambda n: front.record[n][1])
    chosen = [
        front.paths[order[n]] for n in np.unique(np.linspace(0, len(order) - 1, arguments.count).round().astype(int))
    ]
    print(json.dumps([measure(path, n, data, arguments.folder) for n, path in enumerate(chosen)]))


if __name__ == "__main__":
    main()
