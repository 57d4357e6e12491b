# SPDX-License-Identifier: Apache-2.0
"""Small builds for the tests of reports and of the files for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from fpgann import api
from fpgann.config import CompileOptions, override
from tests.unit.frontend.models import model, node, value, write

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}\u202e\x07[exec rm]$x`y`;/*"


def branching(layer: str = "skip") -> onnx.ModelProto:
    """Two inputs, a skip connection, a softmax, two outputs; `layer` names a node in the middle."""
    rng = np.random.default_rng(7)
    constants = {
        "w": rng.normal(0, 0.5, (4, 6)),
        "b": rng.normal(0, 0.5, 6),
        "v": rng.normal(0, 0.5, (3, 6)),
        "u": rng.normal(0, 0.5, (6, 3)),
    }
    constants = {name: array.astype(np.float32) for name, array in constants.items()}
    nodes = [
        node("Gemm", ["x", "w", "b"], ["h"], name="first"),
        node("Relu", ["h"], ["r"], name="rectify"),
        node("MatMul", ["z", "v"], ["k"], name="second"),
        node("Add", ["r", "k"], ["s"], name=layer),
        node("Relu", ["s"], ["t"], name="again"),
        node("MatMul", ["t", "u"], ["y"], name="scores"),
        node("Softmax", ["y"], ["p"], name="shares", axis=-1),
    ]
    inputs = [value("x", (1, 4)), value("z", (1, 3))]
    return model(nodes, constants=constants, inputs=inputs, outputs=("p", "t"))


def build(folder: Path, proto: onnx.ModelProto | None = None, **options: object) -> api.Design:
    """A build of it below a folder."""
    source = write(folder, branching() if proto is None else proto)
    chosen = override(CompileOptions(), **{"precision": "fixed<8,3>", **options})
    return api.compile(source, folder / "build", chosen, force=True)
