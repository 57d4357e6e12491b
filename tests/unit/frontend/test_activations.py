# SPDX-License-Identifier: Apache-2.0
"""Element-wise functions: what is imported computes what onnxruntime computes, in every version of an operator."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend import import_onnx
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir import Graph
from fpgann.ir.ops.activation import Function
from fpgann.ir.verify import verify
from fpgann.reference import run_values
from tests.unit.frontend.models import load, model, node, operators, read

CORNERS = np.array([-30.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5, 3.0, 30.0])


def same(folder, proto: onnx.ModelProto, *, positive: bool = False, tolerance: float = 1e-5) -> Graph:
    """Compare the float reference with onnxruntime on random numbers and corners."""
    source = read(folder, proto)
    graph = verify(import_onnx(source), "the import")
    (value,) = graph.inputs
    x = np.random.default_rng(0).normal(0, 3, (30, *value.type.shape))
    x.reshape(-1)[: len(CORNERS)] = CORNERS
    x = np.abs(x) + 0.1 if positive else x
    x = x.astype(np.float32).astype(np.float64)
    wanted = np.asarray(Float32Runtime(source).run({"x": x})["y"], np.float64)
    got = run_values(graph, {value.name: x})[graph.outputs["y"]]
    assert got.shape == wanted.shape
    assert np.all(np.abs(got - wanted) <= tolerance * np.maximum(1.0, np.abs(wanted)))
    return graph


def only(graph: Graph):
    (op,) = operators(graph)
    return op


PLAIN = ["Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Softsign", "Erf", "Exp", "Abs", "Sign", "Floor", "Ceil"]
PLAIN += ["Round", "Selu", "Elu", "Celu", "LeakyRelu", "ThresholdedRelu", "HardSigmoid"]


@pytest.mark.parametrize("op_type", PLAIN)
def test_functions_of_all_numbers(tmp_path, op_type):
    same(tmp_path, model([node(op_type, ["x"])], (1, 2, 5)))


def test_mish(tmp_path):
    same(tmp_path, model([node("Mish", ["x"])], (1, 10), opset=18))


@pytest.mark.parametrize("op_type", ["Log", "Sqrt", "Reciprocal"])
def test_functions_of_positive_numbers(tmp_path, op_type):
    same(tmp_path, model([node(op_type, ["x"])], (1, 10)), positive=True)


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("LeakyRelu", {"alpha": 0.3}),
        ("LeakyRelu", {"alpha": -0.3}),
        ("ThresholdedRelu", {"alpha": 0.5}),
        ("ThresholdedRelu", {"alpha": -0.7}),
        ("HardSigmoid", {"alpha": 0.25, "beta": 0.4}),
        ("HardSigmoid", {"alpha": 0.0, "beta": 0.4}),
        ("HardSigmoid", {"alpha": -0.5, "beta": 0.1}),
        ("Elu", {"alpha": 1.5}),
        ("Celu", {"alpha": 2.5}),
        ("Selu", {"alpha": 1.25, "gamma": 1.5}),
    ],
)
def test_attributes(tmp_path, op_type, attributes):
    graph = same(tmp_path, model([node(op_type, ["x"], **attributes)], (1, 10)))
    assert [float(p) for p in only(graph).parameters] == [float(np.float32(v)) for v in attributes.values()]


def test_defaults_are_float32_numbers(tmp_path):
    op = only(load(tmp_path, model([node("LeakyRelu", ["x"])])))
    assert float(op.parameters[0]) == float(np.float32(0.01))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(tmp_path, approximate):
    graph = same(tmp_path, model([node("Gelu", ["x"], approximate=approximate)], (1, 10), opset=20))
    assert only(graph).function is (Function.GELU if approximate == "none" else Function.GELU_TANH)


@pytest.mark.parametrize("op_type", ["Gelu", "FastGelu", "QuickGelu"])
def test_contributed_gelus(tmp_path, op_type):
    same(tmp_path, model([node(op_type, ["x"], domain="com.microsoft")], (1, 10)))


@pytest.mark.parametrize("op_type", ["BiasGelu", "FastGelu"])
def test_bias_of_contributed_gelus(tmp_path, op_type):
    gelu = node(op_type, ["x", "b"], domain="com.microsoft")
    same(tmp_path, model([gelu], (1, 10), {"b": np.linspace(-1, 1, 10, dtype=np.float32)}))


class TestPRelu:
    @pytest.mark.parametrize("slope", [(), (1,), (3, 1), (1, 3, 1), (1, 3, 4)])
    @pytest.mark.parametrize("opset", [7, 9, 16])
    def test_slopes(self, tmp_path, slope, opset):
        numbers = np.random.default_rng(1).normal(size=slope).astype(np.float32)
        same(tmp_path, model([node("PRelu", ["x", "s"])], (1, 3, 4), {"s": numbers}, opset=opset))

    def test_one_slope_per_channel_before_opset_7(self, tmp_path):
        slope = np.array([0.5, -0.25, 2.0], np.float32)
        op = only(load(tmp_path, model([node("PRelu", ["x", "s"])], (1, 3, 4), {"s": slope}, opset=6)))
        assert op.parameters[0].shape == (3, 1)


class TestClip:
    def test_attributes(self, tmp_path):
        same(tmp_path, model([node("Clip", ["x"], min=-1.5, max=2.25)], (1, 10), opset=6))
        same(tmp_path, model([node("Clip", ["x"], max=2.25)], (1, 10), opset=6))

    @pytest.mark.parametrize("operands", [["x"], ["x", "l"], ["x", "", "h"], ["x", "l", "h"], ["x", "h", "l"]])
    @pytest.mark.parametrize("opset", [11, 12, 13])
    def test_operands(self, tmp_path, operands, opset):
        limits = {"l": np.float32(-1.5), "h": np.float32(0.75)}
        proto = model(
            [node("Clip", operands)], (1, 10), {k: v for k, v in limits.items() if k in operands}, opset=opset
        )
        same(tmp_path, proto)

    def test_limit_that_is_no_scalar(self, tmp_path):
        proto = model([node("Clip", ["x", "l"])], constants={"l": np.zeros(4, np.float32)})
        with pytest.raises((MalformedModelError, UnsupportedOperatorError)):
            load(tmp_path, proto)


class TestPow:
    @pytest.mark.parametrize("exponent", [2.0, 3.0, 4.0, 0.0, 1.0])
    def test_whole_exponents(self, tmp_path, exponent):
        same(tmp_path, model([node("Pow", ["x", "e"])], (1, 10), {"e": np.float32(exponent)}))

    @pytest.mark.parametrize("exponent", [0.5, -0.5, -1.0, -2.0, 1.5, 0.3, -3.7])
    def test_other_exponents_of_positive_numbers(self, tmp_path, exponent):
        proto = model([node("Pow", ["x", "e"])], (1, 10), {"e": np.float32(exponent)})
        same(tmp_path, proto, positive=True, tolerance=1e-4)

    @pytest.mark.parametrize(
        ("exponent", "function"),
        [(2, Function.SQUARE), (0.5, Function.SQRT), (-1, Function.RECIPROCAL), (-0.5, Function.RSQRT)],
    )
    def test_names(self, tmp_path, exponent, function):
        graph = load(tmp_path, model([node("Pow", ["x", "e"])], constants={"e": np.float32(exponent)}))
        assert only(graph).function is function

    def test_exponents_that_differ(self, tmp_path):
        proto = model([node("Pow", ["x", "e"])], constants={"e": np.array([1, 2, 3, 0.5], np.float32)})
        same(tmp_path, proto, positive=True)


def test_celu_with_a_negative_alpha(tmp_path):
    with pytest.raises(UnsupportedOperatorError, match="its alpha is -1"):
        load(tmp_path, model([node("Celu", ["x"], alpha=-1.0)]))
