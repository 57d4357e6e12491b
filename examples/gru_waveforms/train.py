# SPDX-License-Identifier: Apache-2.0
"""Train a GRU that tells sine, square and sawtooth waves apart, in float and with 8 bits, and export both as ONNX.

Writes into the output folder:

- ``model.onnx``: the network in float32, through torch's TorchScript exporter, a GRU node inside; input ``wave`` of
  shape ``(1, 16, 4)``: 16 steps of 4 samples each; output ``scores`` of shape ``(1, 3)``.
- ``quantized.onnx``: the same network trained on with 8-bit weights and activations (Brevitas), QONNX, its steps
  written out.
- ``vectors.npz``: the test waves, key ``wave``, float64 of shape ``(400, 16, 4)``.
- ``truth.npz``: what each of them is, key ``label``, int64 of shape ``(400,)``.

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
from brevitas.nn import QuantIdentity, QuantLinear, QuantSigmoid, QuantTanh
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SEED = 7
TRAIN_WAVES = 1500
TEST_WAVES = 400
STEPS = 16
SAMPLES = 4  # of a step
UNITS = 12
BITS = 8
BATCH_SIZE = 50
LEARNING_RATE = 0.01
NOISE = 0.35


@dataclass(frozen=True, slots=True)
class Waves:
    """Waves with noise.

    Attributes:
        waves: float32 of shape (wave, step, sample).
        labels: 0 sine, 1 square, 2 sawtooth; int64 of shape (wave,).
    """

    waves: NDArray[np.float32]
    labels: NDArray[np.int64]


class Gru(nn.Module):
    """One GRU layer and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(SAMPLES, UNITS, batch_first=True)
        self.output = nn.Linear(UNITS, 3)

    def forward(self, wave: Tensor) -> Tensor:
        """Return a score for each kind of wave, shape (batch, 3)."""
        _, state = self.gru(wave)
        return self.output(state[0])


def _rounded() -> QuantIdentity:
    return QuantIdentity(bit_width=BITS, return_quant_tensor=False)


class QuantizedGru(nn.Module):
    """The same network with every weight and every result of 8 bits."""

    def __init__(self, trained: Gru) -> None:
        super().__init__()
        self.wave = _rounded()
        self.state = _rounded()
        self.inputs = QuantLinear(SAMPLES, 3 * UNITS, bias=True, weight_bit_width=BITS)
        self.states = QuantLinear(UNITS, 3 * UNITS, bias=True, weight_bit_width=BITS)
        self.input_sums, self.state_sums, self.candidates = _rounded(), _rounded(), _rounded()
        self.reset, self.mix, self.products = _rounded(), _rounded(), _rounded()
        self.gate = QuantSigmoid(bit_width=BITS, return_quant_tensor=False)
        self.fresh = QuantTanh(bit_width=BITS, return_quant_tensor=False)
        self.output = QuantLinear(UNITS, 3, bias=True, weight_bit_width=BITS)
        layers = ((self.inputs, "ih_l0"), (self.states, "hh_l0"))
        with torch.no_grad():
            for layer, name in layers:
                layer.weight.copy_(getattr(trained.gru, f"weight_{name}"))
                layer.bias.copy_(getattr(trained.gru, f"bias_{name}"))
            self.output.weight.copy_(trained.output.weight)
            self.output.bias.copy_(trained.output.bias)

    def forward(self, wave: Tensor) -> Tensor:
        """Return a score for each kind of wave, shape (batch, 3)."""
        wave = self.wave(wave)
        state = self.state(wave[:, 0, :1] * torch.zeros(1, UNITS))
        for step in range(STEPS):
            x, h = self.input_sums(self.inputs(wave[:, step])), self.state_sums(self.states(state))
            reset = self.gate(self.reset(x[:, :UNITS] + h[:, :UNITS]))
            mix = self.gate(self.mix(x[:, UNITS : 2 * UNITS] + h[:, UNITS : 2 * UNITS]))
            kept = self.products(reset * h[:, 2 * UNITS :])
            fresh = self.fresh(self.candidates(x[:, 2 * UNITS :] + kept))
            state = self.state(fresh + mix * (state - fresh))
        return self.output(state)


def draw_waves(count: int, rng: np.random.Generator) -> Waves:
    """Draw `count` waves of random frequency, phase and height, with noise."""
    labels = rng.integers(0, 3, count)
    periods, phases, heights = (
        rng.uniform(low, high, (count, 1)) for low, high in ((12.0, 40.0), (0.0, 1.0), (0.6, 1.4))
    )
    turns = np.arange(STEPS * SAMPLES) / periods + phases
    shapes = np.stack([np.sin(2 * np.pi * turns), np.sign(np.sin(2 * np.pi * turns)), 2 * (turns % 1) - 1])
    waves = heights * shapes[labels, np.arange(count)] + rng.normal(0, NOISE, turns.shape)
    return Waves(waves.reshape(count, STEPS, SAMPLES).astype(np.float32), labels)


def train(model: nn.Module, data: Waves, epochs: int, learning_rate: float) -> None:
    """Fit `model` in place, with a learning rate that falls to zero."""
    waves, labels = torch.from_numpy(data.waves), torch.from_numpy(data.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(waves)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(waves[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()


def export_float(model: nn.Module, path: Path) -> None:
    """Export through torch's TorchScript exporter, which writes a GRU node."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecated calls
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, STEPS, SAMPLES),),
            buffer,
            input_names=["wave"],
            output_names=["scores"],
            dynamo=False,
        )
    _write(onnx.load_from_string(buffer.getvalue()), path)


def export_quantized(model: nn.Module, path: Path) -> None:
    """Export as QONNX."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto = export_qonnx(
            model.eval(),
            args=(torch.zeros(1, STEPS, SAMPLES),),
            input_names=["wave"],
            output_names=["scores"],
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


def accuracy(model: Callable[[Tensor], Tensor], data: Waves) -> float:
    """Return the share of waves that are told right."""
    with torch.no_grad():
        scores = model(torch.from_numpy(data.waves))
    return float(np.mean(scores.argmax(1).numpy() == data.labels))


def main() -> None:
    """Train both, export, and print their accuracy."""
    parser = argparse.ArgumentParser(description="Train and export a GRU on generated waves.")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training waves [%(default)s]")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the files")
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # more threads add in another order, which changes the weights
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    train_data, test_data = draw_waves(TRAIN_WAVES, rng), draw_waves(TEST_WAVES, rng)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)

    model = Gru()
    train(model, train_data, arguments.epochs, LEARNING_RATE)
    export_float(model, output / "model.onnx")
    quantized = QuantizedGru(model)
    train(quantized, train_data, max(1, arguments.epochs // 5), LEARNING_RATE / 4)
    export_quantized(quantized, output / "quantized.onnx")
    np.savez_compressed(output / "vectors.npz", wave=test_data.waves.astype(np.float64))
    np.savez_compressed(output / "truth.npz", label=test_data.labels)

    for name, network in (("model.onnx", model), ("quantized.onnx", quantized.eval())):
        figures = (
            f"{kind} {accuracy(network, data):.4f}" for kind, data in (("train", train_data), ("test", test_data))
        )
        print(f"{name:15} accuracy, {', '.join(figures)}")


if __name__ == "__main__":
    main()
