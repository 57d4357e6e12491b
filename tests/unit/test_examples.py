# SPDX-License-Identifier: Apache-2.0
"""Convolutional examples: what their READMEs say of the builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fpgann import api
from fpgann.config import CompileOptions, override


def test_lenet(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "examples" / "lenet"
    options = override(CompileOptions(), io="stream", device="xc7a35t", fit=True, name="lenet")
    build = api.compile(folder / "model.onnx", tmp_path / "build", options)
    assert build.report["total"]["ii"] == 81
    assert build.report["device"]["fits"]
    scores = build.emulate(dict(np.load(folder / "vectors.npz")))["scores"]
    assert np.mean(scores.argmax(axis=-1) == np.load(folder / "truth.npz")["label"]) == 0.98
