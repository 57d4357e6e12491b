# SPDX-License-Identifier: Apache-2.0
"""Samples of a model's inputs, what onnxruntime makes of them, and what the user should know about both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fpgann import passes, samples
from fpgann.errors import VerificationError
from fpgann.frontend import OnnxModel
from fpgann.hardware.noise import whole_noise
from fpgann.ir import Graph
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.integers import FloatArray

SYNTHETIC_SAMPLES = 256
_MOST_NUMBERS = 1 << 26  # that all values of a graph hold on all samples that nobody asked for
_ENOUGH_SAMPLES = 16
_EQUAL = 1e-3  # of the greatest output: errors of float32
_FLIPS = 0.03  # of the greatest output: root of the mean square of what flipped quantizers leave behind
_MANY_INTEGERS = 1 << 16


def input_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Shape of every input by name, batch axis included."""
    return {value.name: value.type.shape for value in graph.inputs}


def model_data(graph: Graph, calibration: Path | None, drawn: Collection[str] = ()) -> dict[str, FloatArray]:
    """Calibration samples, or synthetic ones: standard normal, and evenly distributed integers of at most 16 bits.

    Inputs that are `drawn` on the chip have samples of its generator in either case.
    """
    if calibration is not None:
        shapes = {name: shape for name, shape in input_shapes(graph).items() if name not in drawn}
        data = samples.read_samples(calibration, shapes)
        return data | _drawn(graph, drawn, len(next(iter(data.values()))))
    rng = np.random.default_rng(0)
    count = affordable(graph, SYNTHETIC_SAMPLES)
    data = {}
    for name, shape in input_shapes(graph).items():
        reader = graph.only_reader(name)
        op = reader.op if reader is not None else None
        if isinstance(op, Quantize) and op.keeps_integers and op.high - op.low < _MANY_INTEGERS:
            data[name] = rng.integers(op.low, op.high, (count, *shape), endpoint=True).astype(np.float64)
        else:
            data[name] = rng.standard_normal((count, *shape))
    return data | _drawn(graph, drawn, count)


def _drawn(graph: Graph, names: Collection[str], count: int) -> dict[str, FloatArray]:
    """Random numbers as the hardware draws them."""
    shapes = input_shapes(graph)
    return {name: whole_noise(name, seed, shapes[name]).numbers(count) for seed, name in enumerate(names)}


def affordable(graph: Graph, samples_wanted: int) -> int:
    """Fewer samples of graphs so large that their values would fill the memory."""
    numbers = sum(type_.size for type_ in graph.types.values())
    return max(2, min(samples_wanted, _MOST_NUMBERS // max(1, numbers)))


def run_onnxruntime(
    model: OnnxModel, data: Mapping[str, FloatArray], logits: Mapping[str, str]
) -> dict[str, FloatArray]:
    """Outputs of onnxruntime, with logits where a softmax at the output is left out."""
    from fpgann.frontend.onnx.runtime import Float32Runtime

    results = Float32Runtime(model).run(dict(data), extra_outputs=tuple(logits.values()))
    return {name: np.asarray(results[logits.get(name, name)], np.float64) for name in model.outputs}


def check_import(graph: Graph, values: Mapping[str, FloatArray], runtime: Mapping[str, FloatArray]) -> None:
    """The imported graph must compute what onnxruntime computes, but for float32 rounding."""
    quantized = any(node.op.name == "quantize" for node in graph.nodes)
    for delivered, name in graph.outputs.items():
        wanted = runtime[delivered].reshape(values[name].shape)
        scale = max(1e-6, float(np.max(np.abs(wanted))))
        errors = np.abs(values[name] - wanted).reshape(len(wanted), -1)
        worst = float(np.max(errors))
        if quantized:
            # Float32 rounding may flip a quantizer now and then, in deep networks one in most samples, by one code;
            # the reference follows the exact definition.
            few = np.median(errors) <= _EQUAL * scale and np.sqrt(np.mean(errors**2)) <= _FLIPS * scale
            if few or len(errors) < _ENOUGH_SAMPLES:
                continue
            worst = float(np.median(errors.max(axis=1)))
        if worst > _EQUAL * scale:
            raise VerificationError(
                f"the imported graph differs from onnxruntime by {worst:.3g}",
                where=f"output '{delivered}'",
                hint="this is a bug of fpgann, please report it",
            )


def reading_warnings(model: OnnxModel) -> tuple[str, ...]:
    """What the model is not quite as the file has it."""
    found = [f"node '{name}' draws random numbers: their mean stands in their place" for name in model.noiseless]
    if model.rows != 1:
        found.append(f"the file fixes a batch of {model.rows} rows: each row is a sample of its own")
    return tuple(found)


def warnings_of(logits: Mapping[str, str], plan: passes.Plan, measured: Mapping[str, Any]) -> tuple[str, ...]:
    """What the user should know about accuracy.

    Args:
        logits: outputs whose softmax is left out.
        plan: types that were chosen.
        measured: `accuracy` of report.json.
    """
    found = [f"output '{name}' delivers logits: its softmax is left out (same ArgMax)" for name in logits]
    if plan.types and measured["data"] == "synthetic":
        found.append(
            "no calibration data: binary points and accuracy come from standard normal inputs; pass --calibration"
        )
    worst = max(plan.saturation.items(), key=lambda item: item[1].saturated / item[1].total, default=None)
    if worst is not None and worst[1].saturated:
        share = 100 * worst[1].saturated / worst[1].total
        found.append(f"value '{worst[0]}' saturates in {share:.3g} % of the samples")
    return tuple(found)
