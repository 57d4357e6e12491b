# SPDX-License-Identifier: Apache-2.0
"""Masks before a softmax leave the bits of its types to the numbers that count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from fpgann import frontend, passes, reference
from fpgann.ir import Graph
from fpgann.numerics.fixed import parse_precision
from fpgann.passes.softmax_reach import REACH, within_reach
from tests.unit.frontend.models import model, node, write

MASK = np.triu(np.ones((4, 4), bool), 1)


def real_graph(folder: Path, proto: onnx.ModelProto) -> Graph:
    """The graph of real numbers with its softmax expanded."""
    imported = frontend.import_onnx(frontend.read_model(write(folder, proto)))
    return passes.FoldAffine().apply(passes.ExpandSoftmax().apply(imported))


def attention(masking: list[onnx.NodeProto], constants: dict[str, object], outputs=("y",)) -> onnx.ModelProto:
    nodes = [node("Mul", ["x", "two"], ["scores"]), *masking, node("Softmax", ["masked"], axis=-1)]
    return model(nodes, (1, 4, 4), {"two": np.float32(2), **constants}, outputs=outputs)


CHOSEN = attention([node("Where", ["mask", "low", "scores"], ["masked"])], {"mask": MASK, "low": np.float32(-np.inf)})
ADDED = attention([node("Add", ["scores", "mask"], ["masked"])], {"mask": np.where(MASK, -1e9, 0).astype(np.float32)})


@pytest.mark.parametrize("proto", [CHOSEN, ADDED], ids=["chosen", "added"])
def test_masks_do_not_count(tmp_path: Path, proto: onnx.ModelProto) -> None:
    graph = real_graph(tmp_path, proto)
    x = np.random.default_rng(0).normal(size=(50, 1, 4, 4))
    samples = reference.run_values(graph, {"x": x})
    reached = within_reach(graph, samples)
    kept = np.abs(2 * x).max()
    assert max(np.abs(data).max() for data in samples.values()) > 1e4
    assert all(np.abs(data).max() <= REACH + 2 * kept for data in reached.values())
    plan = passes.choose_plan(
        passes.quantization_points(graph), reached, parse_precision("fixed<16,6>"), fit_binary_point=True, guard_bits=0
    )
    coded = passes.QuantizeGraph(plan).apply(graph)
    codes = reference.run_codes(coded, {"x": reference.encode_input(coded.inputs[0], x)})
    got = coded.types[coded.outputs["y"]].codes.decode(codes[coded.outputs["y"]])
    scores = np.where(MASK, -np.inf, 2 * x)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    assert np.abs(got - powers / powers.sum(-1, keepdims=True)).max() < 1e-3


def test_what_others_read_is_not_cut(tmp_path: Path) -> None:
    nodes = [node("Where", ["mask", "low", "x"], ["masked"]), node("Softmax", ["masked"], axis=-1)]
    constants = {"mask": MASK, "low": np.float32(-1e9)}
    graph = real_graph(tmp_path, model(nodes, (1, 4, 4), constants, outputs=("y", "masked")))
    samples = reference.run_values(graph, {"x": np.random.default_rng(0).normal(size=(5, 1, 4, 4))})
    reached = within_reach(graph, samples)
    name = graph.outputs["masked"]
    assert np.array_equal(reached[name], samples[name])
