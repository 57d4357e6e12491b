# SPDX-License-Identifier: Apache-2.0
"""The GravNet of the examples: its accuracy with 16 and with 8 bits, and that the order of hits does not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions, override, read_config
from fpgann.ir.ops.top_k import TopK
from tests.conftest import require_tool

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gravnet"
NEIGHBOURS = 6
Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def right(fraction: Values) -> float:
    """The share of hits whose larger part is put to the right shower."""
    truth = np.load(EXAMPLE / "truth.npz")["fraction"]
    return float(np.mean((fraction.reshape(truth.shape) > 0.5) == (truth > 0.5)))


def options(precision: str) -> CompileOptions:
    return override(read_config(EXAMPLE / "fpgann.toml"), precision=precision)


@pytest.mark.parametrize(
    ("name", "precision", "loss"), [("model.onnx", "fixed<16,6>", 0.005), ("quantized.onnx", "fixed<8,4>", 0.01)]
)
def test_one_hit_each_cycle(name: str, precision: str, loss: float, tmp_path: Path) -> None:
    require_tool("ghdl")
    session = onnxruntime.InferenceSession(EXAMPLE / "model.onnx", providers=["CPUExecutionProvider"])
    hits = np.load(EXAMPLE / "vectors.npz")["hits"]
    wanted = right(np.stack([session.run(None, {"hits": cloud[None].astype(np.float32)})[0] for cloud in hits]))
    design = api.compile(
        EXAMPLE / name, tmp_path / "build", options(precision), calibration=EXAMPLE / "calibration.npz"
    )
    assert right(design.emulate({"hits": hits})["fraction"]) >= wanted - loss
    found = design.simulate({"hits": hits[:4]})
    found.require_exact()
    assert found.verdict["ii"] == 16


def test_shuffled_hits_give_shuffled_fractions(tmp_path: Path) -> None:
    """Exactly, of every cloud in which it is decided who the nearest neighbours are: of equals the first one counts."""
    chosen = override(CompileOptions(), precision="fixed<16,6>")
    data = EXAMPLE / "calibration.npz"
    design = api.compile(EXAMPLE / "model.onnx", tmp_path / "build", options("fixed<16,6>"), calibration=data)
    hits = np.load(EXAMPLE / "vectors.npz")["hits"][:100]
    order = np.random.default_rng(5).permutation(hits.shape[1])
    plain, shuffled = (
        design.emulate({"hits": clouds})["fraction__raw"].reshape(100, -1) for clouds in (hits, hits[:, order])
    )
    graph = api.lower(EXAMPLE / "model.onnx", chosen, calibration=data).graph
    (value,) = graph.inputs
    codes = reference.run_codes(graph, {"hits": reference.encode_input(value, hits.reshape(100, *value.type.shape))})
    decided = np.ones(100, bool)
    searches = [node for node in graph.nodes if isinstance(node.op, TopK)]
    for node in searches:
        near = np.sort(codes[node.inputs[0]].reshape(100, 16, 16), axis=-1)
        decided &= np.all(near[..., NEIGHBOURS - 1] != near[..., NEIGHBOURS], axis=1)
    assert searches
    assert np.count_nonzero(decided) > 50
    assert np.array_equal(plain[decided][:, order], shuffled[decided])
    assert not np.array_equal(plain[decided], shuffled[decided])
