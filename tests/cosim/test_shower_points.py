# SPDX-License-Identifier: Apache-2.0
"""The network on point clouds of the examples: its accuracy with 16 and with 8 bits, points one after another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from fpgann import api
from fpgann.config import CompileOptions
from fpgann.hardware.options import HardwareOptions, Rows
from tests.conftest import require_tool

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "shower_points"
BY_ROWS = CompileOptions(hardware=HardwareOptions(rows=Rows.FOLDED))


def right(scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """The share of clouds that scores tell right."""
    truth = np.load(EXAMPLE / "truth.npz")["label"]
    return float(np.mean(scores.argmax(axis=-1) == truth))


@pytest.mark.parametrize(("name", "loss"), [("model.onnx", 0.005), ("quantized.onnx", 0.01)])
def test_one_point_each_cycle(name: str, loss: float, tmp_path: Path) -> None:
    require_tool("ghdl")
    session = onnxruntime.InferenceSession(EXAMPLE / "model.onnx", providers=["CPUExecutionProvider"])
    hits = np.load(EXAMPLE / "vectors.npz")["hits"]
    wanted = right(np.concatenate([session.run(None, {"hits": cloud[None].astype(np.float32)})[0] for cloud in hits]))
    design = api.compile(EXAMPLE / name, tmp_path / "build", BY_ROWS, calibration=EXAMPLE / "vectors.npz")
    assert right(design.emulate({"hits": hits})["scores"]) >= wanted - loss
    found = design.simulate({"hits": hits[:4]})
    found.require_exact()
    assert found.verdict["ii"] == 16
