#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HGQ2 on the digits MLP 64-32-16-10: one training with a rising price of bits, its Pareto front as Verilog of da4ml.

    KERAS_BACKEND=torch PEERS_PYTHON benchmarks/compression_peer.py DATA.npz FOLDER [--epochs 400]

Runs in the environment of the peers (hgq2, keras, da4ml, and torch as the backend) and imports nothing of fpgann.
`DATA.npz` holds train_x, train_y, test_x, test_y. Networks are chosen by their accuracy on test images, which favours
the peer. Prints JSON: accuracy of the integers that da4ml computes, its own estimate, and the folder with the Verilog.
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
        "rtl": str(target),
    }


def main() -> None:
    """Train and measure."""
    parser = argparse.ArgumentParser(description="HGQ2 on the digits MLP.")
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    with np.load(arguments.data) as file:
        data = dict(file)
    model, epochs = network(), arguments.epochs
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss, metrics=["accuracy"])
    price = PieceWiseSchedule([(0, 1e-7, "constant"), (epochs // 8, 1e-6, "log"), (epochs, 1e-4, "constant")])
    front = ParetoFront(
        arguments.folder / "front",
        ["val_accuracy", "ebops"],
        [1, -1],  # accuracy up, bits down
        enable_if=lambda logs: logs["val_accuracy"] > 0.94,
    )
    model.fit(
        data["train_x"],
        data["train_y"],
        batch_size=128,
        epochs=epochs,
        validation_data=(data["test_x"], data["test_y"]),
        validation_freq=1,
        callbacks=[FreeEBOPs(), BetaScheduler(price), front],
        verbose=0,
    )
    order = sorted(range(len(front.paths)), key=lambda n: front.record[n][1])
    chosen = [front.paths[order[n]] for n in np.unique(np.linspace(0, len(order) - 1, 6).round().astype(int))]
    print(json.dumps([measure(path, n, data, arguments.folder) for n, path in enumerate(chosen)]))


if __name__ == "__main__":
    main()
