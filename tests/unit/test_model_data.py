# SPDX-License-Identifier: Apache-2.0
"""What onnxruntime delivers is compared with the imported graph: flips of quantizers are no errors, all else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from fpgann import frontend
from fpgann.errors import VerificationError
from fpgann.ir import Graph
from fpgann.model_data import check_import, model_data
from tests.unit.frontend.models import QONNX, model, node, write

STEP = 0.1


def graph_of(folder: Path, *, quantized: bool) -> Graph:
    """A ReLU, with a quantizer behind it or not."""
    quantizer = node("Quant", ["h", "s", "z", "b"], domain=QONNX, signed=0, narrow=0, rounding_mode="ROUND")
    nodes: list[onnx.NodeProto] = [node("Relu", ["x"], ["h"]), quantizer if quantized else node("Identity", ["h"])]
    constants = {"s": np.float32(STEP), "z": np.float32(0), "b": np.float32(6)} if quantized else {}
    return frontend.import_onnx(frontend.read_model(write(folder, model(nodes, (1, 10), constants))))


def values(graph: Graph) -> tuple[str, np.ndarray]:
    codes = np.random.default_rng(0).integers(0, 60, (100, 1, 10))
    return graph.outputs["y"], codes * STEP


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_flips_are_no_errors(tmp_path: Path, share: float) -> None:
    graph = graph_of(tmp_path, quantized=True)
    name, exact = values(graph)
    flipped = exact + STEP * (np.random.default_rng(1).random(exact.shape) < share)
    check_import(graph, {name: exact}, {"y": flipped})


def test_a_wrong_channel_is_an_error(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, quantized=True)
    name, exact = values(graph)
    wrong = exact.copy()
    wrong[..., 3] = exact[..., 4]
    with pytest.raises(VerificationError, match="differs from onnxruntime"):
        check_import(graph, {name: exact}, {"y": wrong})


def test_wrong_rounding_is_an_error(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, quantized=True)
    name, exact = values(graph)
    with pytest.raises(VerificationError):
        check_import(graph, {name: exact}, {"y": exact + STEP * (np.random.default_rng(1).random(exact.shape) < 0.6)})


def test_a_float_model_has_no_flips(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, quantized=False)
    name, exact = values(graph)
    wrong = exact.copy()
    wrong[7, 0, 3] += STEP
    with pytest.raises(VerificationError):
        check_import(graph, {name: exact}, {"y": wrong})
    check_import(graph, {name: exact}, {"y": exact + 1e-6})


def test_inputs_that_are_integers_get_some(tmp_path: Path) -> None:
    """Synthetic samples of an input whose quantizer keeps integers: these, over all of their range."""
    quantizer = node("Quant", ["x", "s", "z", "b"], domain=QONNX, signed=0, narrow=0, rounding_mode="ROUND")
    constants = {"s": np.float32(1), "z": np.float32(0), "b": np.float32(4)}
    proto = model([quantizer, node("Identity", ["h"])], (1, 10), constants)
    proto.graph.node[0].output[0] = "h"
    graph = frontend.import_onnx(frontend.read_model(write(tmp_path, proto)))
    (data,) = model_data(graph, None).values()
    assert set(np.unique(data)) == set(range(16))
