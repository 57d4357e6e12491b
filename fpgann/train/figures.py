# SPDX-License-Identifier: Apache-2.0
"""What a model is worth and what it costs, before a compression and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fpgann.api import Compiled
from fpgann.design import decode_outputs
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir.ops.dense import Dense
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.passes.prune import signed_digits
from fpgann.reference.compiled import CompiledGraph


@dataclass(frozen=True, slots=True)
class Figures:
    """A row of the table.

    Args:
        name: what is measured.
        accuracy: share of the labelled samples that the output's greatest element gets right; None without labels.
        agreement: share of the samples with the greatest element where the float model has it; None for one output.
        error: RMSE of the outputs against the float model, relative to their RMS.
        weights: how many there are.
        nonzero: how many of them are not 0.
        neurons: of all layers.
        weight_bits: mean width of a weight in two's complement.
        digits: signed digits of all weights, the adders of an unrolled design without sharing.
        lut: estimated.
        ff: estimated.
        dsp: estimated.
        bram36: estimated.
        latency_cycles: of the design.
    """

    name: str
    accuracy: float | None
    agreement: float | None
    error: float
    weights: int
    nonzero: int
    neurons: int
    weight_bits: float
    digits: int = 0
    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: float = 0.0
    latency_cycles: int = 0

    @property
    def sparsity(self) -> float:
        """Share of the weights that are 0."""
        return 1 - self.nonzero / self.weights if self.weights else 0.0


Outputs = Mapping[str, FloatArray]


def float_outputs(model: OnnxModel, samples: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """What onnxruntime computes, shape (samples, elements)."""
    found = Float32Runtime(model).run(dict(samples))
    return {name: np.asarray(found[name], np.float64).reshape(len(found[name]), -1) for name in model.outputs}


def measure_float(model: OnnxModel, wanted: Outputs, labels: IntArray | None, layers: list[FloatArray]) -> Figures:
    """The row of the float model itself.

    Args:
        model: the model.
        wanted: its outputs on the test samples.
        labels: what the samples are, or None.
        layers: weights of its layers, shape (outputs, inputs, ...).
    """
    sizes, nonzero = sum(w.size for w in layers), sum(int(np.count_nonzero(w)) for w in layers)
    accuracy = _accuracy(wanted, labels)
    agreement = None if _first(wanted).shape[1] < 2 else 1.0
    return Figures(f"{model.name}, float32", accuracy, agreement, 0.0, sizes, nonzero, sum(map(len, layers)), 32.0)


def measure(
    name: str, compiled: Compiled, samples: Mapping[str, FloatArray], wanted: Outputs, labels: IntArray | None
) -> Figures:
    """The row of a design.

    Args:
        name: of the row.
        compiled: the design, lowered.
        samples: test samples by input.
        wanted: outputs of the float model on them.
        labels: what the samples are, or None.
    """
    graph = compiled.graph
    decoded = decode_outputs(graph, CompiledGraph(graph).run_floats(samples))
    got = {name: values.reshape(len(values), -1) for name, values in decoded.items()}
    square = sum(float(np.sum((got[name] - wanted[name]) ** 2)) for name in wanted)
    size = sum(float(np.sum(values**2)) for values in wanted.values())
    real, found = _first(wanted), _first(got)
    agreement = float(np.mean(real.argmax(axis=1) == found.argmax(axis=1))) if real.shape[1] > 1 else None
    codes = [node.op.weight.data for node in graph.nodes if isinstance(node.op, Dense)]
    total = compiled.report["total"]
    layers = compiled.report["layers"]
    bits = sum(layer["weights"] * layer["weight_bits"] for layer in layers)
    return Figures(
        name,
        _accuracy(got, labels),
        agreement,
        float(np.sqrt(square / size)) if size else 0.0,
        sum(matrix.size for matrix in codes),
        sum(int(np.count_nonzero(matrix)) for matrix in codes),
        sum(matrix.shape[1] for matrix in codes),
        bits / total["weights"] if total["weights"] else 0.0,
        sum(int(np.count_nonzero(signed_digits(np.asarray(matrix, np.int64)))) for matrix in codes),
        total["lut"],
        total["ff"],
        total["dsp"],
        total["bram36"],
        total["latency_cycles"],
    )


def _accuracy(outputs: Outputs, labels: IntArray | None) -> float | None:
    if labels is None:
        return None
    scores = _first(outputs)
    classes = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] >= 0.5).astype(np.int64)
    return float(np.mean(classes == labels))


def _first(outputs: Outputs) -> FloatArray:
    """The first output: the one with the scores."""
    return next(iter(outputs.values()))
