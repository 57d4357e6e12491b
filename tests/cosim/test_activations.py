# SPDX-License-Identifier: Apache-2.0
"""Every element-wise function from ONNX to simulated VHDL, in float and in quantized models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fpgann
from fpgann.config import CompileOptions
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.numerics.fixed import parse_precision
from tests.unit.frontend.models import QONNX, model, node, write

ATTRIBUTES: dict[str, dict[str, float]] = {
    "LeakyRelu": {"alpha": 0.1},
    "ThresholdedRelu": {"alpha": 0.5},
    "HardSigmoid": {},
    "HardSwish": {},
    "Elu": {"alpha": 1.5},
    "Selu": {},
    "Celu": {"alpha": 2.0},
    "Softplus": {},
    "Softsign": {},
    "Gelu": {},
    "Mish": {},
    "Erf": {},
    "Exp": {},
    "Abs": {},
    "Sign": {},
    "Floor": {},
    "Ceil": {},
    "Round": {},
    "Sigmoid": {},
    "Tanh": {},
    "Clip": {},
}
FEW = ["LeakyRelu", "Gelu", "Floor"]
WEIGHTS = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)


def simulated(folder: Path, nodes: list, constants: dict, strategy: Strategy, precision: str) -> None:
    path = write(folder, model(nodes, (1, 4), {"w": WEIGHTS} | constants, opset=20))
    options = CompileOptions(
        hardware=HardwareOptions(default=LayerOptions(strategy)), precision=parse_precision(precision)
    )
    design = fpgann.compile(path, folder / "BUILD", options)
    result = design.simulate()
    assert result.verdict["mismatches"] == 0
    assert result.verdict["vectors"] >= 64


def float_model(op_type: str) -> tuple[list, dict]:
    function = node(op_type, ["h"], **ATTRIBUTES[op_type])
    constants = {}
    if op_type == "Clip":
        function, constants = node("Clip", ["h", "l", "u"]), {"l": np.float32(-0.5), "u": np.float32(2)}
    return [node("MatMul", ["x", "w"], ["h"]), function], constants


def quantized_model(op_type: str) -> tuple[list, dict]:
    """All between two 6-bit quantizers is exact, whatever the function."""

    def quant(source: str, target: str, **more: int):
        return node("Quant", [source, "s", "z", "b"], [target], domain=QONNX, signed=1, **more)

    ((_, function), constants) = float_model(op_type)
    function.output[0] = "f"
    numbers = {"s": np.float32(0.11), "z": np.float32(0), "b": np.float32(6)}
    nodes = [quant("x", "q"), quant("w", "v", narrow=1), node("MatMul", ["q", "v"], ["h"]), function, quant("f", "y")]
    return nodes, constants | numbers


@pytest.mark.parametrize("op_type", FEW)
def test_float_models(tmp_path: Path, op_type: str) -> None:
    simulated(tmp_path, *float_model(op_type), Strategy.UNROLLED, "fixed<16,7>")


@pytest.mark.parametrize("op_type", ["Mish", "PRelu"])
def test_quantized_models(tmp_path: Path, op_type: str) -> None:
    if op_type == "PRelu":
        nodes, constants = quantized_model("LeakyRelu")
        nodes[3] = node("PRelu", ["h", "slopes"], ["f"])
        constants["slopes"] = np.array([0.25, -0.5, 1.5], np.float32)
    else:
        nodes, constants = quantized_model(op_type)
    simulated(tmp_path, nodes, constants, Strategy.FOLDED, "fixed<16,7>")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [Strategy.UNROLLED, Strategy.FOLDED])
@pytest.mark.parametrize("precision", ["fixed<8,4>", "fixed<16,7>"])
@pytest.mark.parametrize("op_type", ATTRIBUTES)
def test_all_float_models(tmp_path: Path, op_type: str, precision: str, strategy: Strategy) -> None:
    simulated(tmp_path, *float_model(op_type), strategy, precision)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [Strategy.UNROLLED, Strategy.FOLDED])
@pytest.mark.parametrize("op_type", ATTRIBUTES)
def test_all_quantized_models(tmp_path: Path, op_type: str, strategy: Strategy) -> None:
    simulated(tmp_path, *quantized_model(op_type), strategy, "fixed<16,7>")
