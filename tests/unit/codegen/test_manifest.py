# SPDX-License-Identifier: Apache-2.0
"""What manifest.json says of an input is what the reference does with it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions
from fpgann.numerics.fixed import parse_precision
from fpgann.numerics.rounding import Rounding, round_fraction
from tests.unit.frontend.models import QONNX, model, node, write

MATRIX = [[1.0, -2.0, 0.5], [3.0, 0.25, 1.0]]


def quantized(*first: onnx.NodeProto, source: str = "x", mode: str = "ROUND", **constants: object) -> onnx.ModelProto:
    """A quantizer at the input, behind other nodes, and a dense layer."""
    quantizer = node(
        "Quant", [source, "s", "z", "bits"], ["q"], domain=QONNX, signed=1, narrow=1, rounding_mode=mode, name="quant"
    )
    layers = [*first, quantizer, node("MatMul", ["q", "w"], name="fc")]
    return model(layers, constants={"w": MATRIX, "s": 0.3, "z": 0.0, "bits": 5.0, **constants}, shape=(1, 2))


def described(path: Path, proto: onnx.ModelProto, options: CompileOptions) -> tuple[dict[str, Any], Any]:
    design = api.compile(write(path, proto), path / "build", options)
    return design.manifest["inputs"][0]["entry"], design.graph.inputs[0]


def encode(entry: dict[str, Any], values: np.ndarray) -> list[list[int]]:
    """As the manifest says."""
    linear = entry["linear"]

    def code(value: float, channel: int) -> int:
        numbers = {key: column[channel % len(column)] for key, column in linear.items()}
        exact = (Fraction(value) * numbers["numerator"] + numbers["addend"]) / numbers["denominator"]
        return min(max(round_fraction(exact, Rounding(entry["rounding"])), numbers["low"]), numbers["high"])

    return [[code(float(value), channel) for channel, value in enumerate(row)] for row in values]


@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL", "DOWN", "HALF_UP"])
@pytest.mark.parametrize("scaled", [False, True])
def test_quantizers_at_the_input(tmp_path: Path, mode: str, scaled: bool) -> None:
    extra = {"factor": [2.0, -0.7], "shift": [0.1, 0.0]}
    nodes = [node("Mul", ["x", "factor"], ["a"]), node("Add", ["a", "shift"], ["b"]), node("Relu", ["b"], ["c"])]
    proto = quantized(*nodes, source="c", mode=mode, **extra) if scaled else quantized(mode=mode)
    entry, value = described(tmp_path, proto, CompileOptions())
    ties = 0.3 * (np.arange(-40, 40) / 2)
    values = np.stack([np.concatenate([ties, np.random.default_rng(0).normal(0, 3, 100)])] * 2, axis=-1)
    assert encode(entry, values) == reference.encode_input(value, values[:, None]).reshape(-1, 2).tolist()
    assert entry["code_range"] == [-15, 15]


@pytest.mark.parametrize("precision", ["fixed<8,3>", "ufixed<9,2,TRN>", "fixed<12,4,RND_CONV,SAT_SYM>"])
def test_inputs_that_the_user_gave_a_type(tmp_path: Path, precision: str) -> None:
    proto = model([node("MatMul", ["x", "w"], name="fc")], constants={"w": MATRIX}, shape=(1, 2))
    entry, value = described(tmp_path, proto, CompileOptions(input_precision=parse_precision(precision)))
    values = np.concatenate([np.arange(-600, 600) / 64, [1e9, -1e9]])[:, None].repeat(2, axis=1)
    assert encode(entry, values) == reference.encode_input(value, values[:, None]).reshape(-1, 2).tolist()
    assert entry["overflow"] == "SAT"


def test_a_root_in_front_of_the_quantizer_has_no_line(tmp_path: Path) -> None:
    statistics = {"g": [1.0, 2.0], "b": [0.0, 1.0], "m": [0.5, 0.0], "v": [2.0, 3.0]}
    proto = quantized(node("BatchNormalization", ["x", "g", "b", "m", "v"], ["n"]), source="n", **statistics)
    entry, _ = described(tmp_path, proto, CompileOptions())
    assert entry == {"rounding": "RND_CONV", "overflow": "SAT", "code_range": [-15, 15], "linear": None}
