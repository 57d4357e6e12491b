# SPDX-License-Identifier: Apache-2.0
"""A small quantized model through the package and through the oracle: both as exact numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx

from fpgann import passes, reference
from fpgann.frontend import import_onnx, read_model
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir import Graph
from fpgann.ir.verify import verify
from tests.oracle import definition
from tests.oracle.compare import decode
from tests.oracle.exact import each


def lower(proto: onnx.ModelProto, folder: Path) -> Graph:
    """The graph of codes of a model that leaves nothing to a plan."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    imported = verify(import_onnx(read_model(path)), "the import")
    moved = passes.MoveTransposes().apply(passes.StripSoftmax().apply(imported))
    real = verify(passes.QuantizeEarly().apply(passes.FoldAffine().apply(moved)), "folding")
    assert passes.quantization_points(real) == []
    return verify(passes.QuantizeGraph(passes.Plan({}, 16)).apply(real), "quantization")


def delivered(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The exact numbers that the outputs' codes mean."""
    codes = reference.run_codes(
        graph, {v.name: reference.encode_input(v, inputs[v.name].astype(np.float64)) for v in graph.inputs}
    )
    return {name: decode(graph.types[value].codes, codes[value]) for name, value in graph.outputs.items()}


def defined(proto: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The exact numbers that the model's file means."""
    run = definition.run(proto, inputs)
    return {value.name: run.values[value.name].fractions() for value in proto.graph.output}


def agree(proto: onnx.ModelProto, inputs: dict[str, np.ndarray], folder: Path, *, runtime: bool = True) -> Graph:
    """Both sides are equal, and onnxruntime is near where it knows the operators."""
    graph = lower(proto, folder)
    ours, theirs = delivered(graph, inputs), defined(proto, inputs)
    for name, wanted in theirs.items():
        differing = np.argwhere(ours[name].reshape(wanted.shape) != wanted)
        assert len(differing) == 0, (name, differing[:3], ours[name].reshape(-1)[:3], wanted.reshape(-1)[:3])
    if runtime:
        results = Float32Runtime(read_model(folder / "model.onnx")).run(inputs)
        for name, wanted in theirs.items():
            reals = each(float, wanted).astype(np.float64)
            spread = float(np.abs(reals).max()) + 1e-9
            errors = np.abs(results[name].astype(np.float64).reshape(reals.shape) - reals)
            assert np.median(errors) <= 1e-4 * spread
    return graph


def thirds(array: np.ndarray) -> np.ndarray:
    """Fractions as float32, which are no round numbers in binary."""
    return (np.asarray(array) / np.float32(3)).astype(np.float32)


__all__ = ["Fraction", "agree", "defined", "delivered", "lower", "thirds"]
