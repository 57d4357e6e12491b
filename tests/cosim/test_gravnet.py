# SPDX-License-Identifier: Apache-2.0
"""The GravNet of the examples: its accuracy with 16 and with 8 bits, and that the order of hits does not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from fpgann import api
from fpgann.config import CompileOptions, override, read_config
from tests.conftest import require_tool

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gravnet"
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
    design = api.compile(
        EXAMPLE / "model.onnx", tmp_path / "build", options("fixed<16,6>"), calibration=EXAMPLE / "calibration.npz"
    )
    hits = np.load(EXAMPLE / "vectors.npz")["hits"][:100]
    order = np.random.default_rng(5).permutation(hits.shape[1])
    plain, shuffled = (
        design.emulate({"hits": clouds})["fraction__raw"].reshape(100, -1) for clouds in (hits, hits[:, order])
    )
    # of equally near neighbours the first counts, and shuffling changes which that is
    same = np.all(plain[:, order] == shuffled, axis=1)
    assert np.mean(same) > 0.9
    assert not np.array_equal(plain, shuffled)
