# SPDX-License-Identifier: Apache-2.0
"""The float32 runtime: shapes, batches, intermediate values, quantizers step by step as in qonnx."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import ConfigError, FormatError, ModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.runtime import Float32Runtime
from tests.unit.frontend.models import QONNX, model, node, read

W = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def runtime(folder, proto) -> Float32Runtime:
    return Float32Runtime(read(folder, proto))


def qonnx_quant(x, scale, zero, low, high, mode):
    """`int_quant` of qonnx, in float32."""
    scale, zero = np.float32(scale), np.float32(zero)
    y = np.clip(x / scale + zero, np.float32(low), np.float32(high))
    rounders = {
        "ROUND": np.round,
        "CEIL": np.ceil,
        "FLOOR": np.floor,
        "UP": lambda v: np.sign(v) * np.ceil(np.abs(v)),
        "DOWN": np.fix,
        "HALF_UP": lambda v: np.sign(v) * np.floor(np.abs(v) + np.float32(0.5)),
        "HALF_DOWN": lambda v: np.sign(v) * np.ceil(np.abs(v) - np.float32(0.5)),
    }
    return (rounders[mode](y) - zero) * scale


@pytest.mark.parametrize("batch", [1, "n"])
@pytest.mark.parametrize("given", [(7, 4), (7, 1, 4)])
def test_shapes(tmp_path, batch, given):
    x = np.random.default_rng(1).normal(size=given).astype(np.float32)
    result = runtime(tmp_path, model([node("MatMul", ["x", "w"])], (batch, 4), {"w": W})).run({"x": x})
    assert result["y"].shape == (7, 1, 3)
    assert result["y"].dtype == np.float32
    np.testing.assert_allclose(result["y"], x.reshape(7, 1, 4) @ W, rtol=1e-5, atol=1e-6)


def test_float64_samples(tmp_path):
    result = runtime(tmp_path, model([node("Relu", ["x"])])).run({"x": np.ones((2, 4))})
    assert result["y"].dtype == np.float32


def test_many_samples_in_chunks(tmp_path):
    x = np.random.default_rng(1).normal(size=(1000, 4)).astype(np.float32)
    result = runtime(tmp_path, model([node("Relu", ["x"])], ("n", 4))).run({"x": x})
    assert np.array_equal(result["y"][:, 0], np.maximum(x, 0))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Reshape", ["x", "one_row"])],  # fails on a batch
        [node("Softmax", ["x"], axis=0)],  # mixes samples
        [node("Transpose", ["x"], perm=[1, 0])],  # moves the batch axis
        [node("ReduceSum", ["x", "axis0"], keepdims=1)],  # drops it
    ],
)
def test_models_that_mix_samples_run_one_by_one(tmp_path, nodes):
    x = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    constants = {"one_row": np.array([1, 2, 2], np.int64), "axis0": np.array([0], np.int64)}
    used = {name: c for name, c in constants.items() if name in nodes[0].input}
    subject = runtime(tmp_path, model(nodes, ("n", 4), used))
    together = subject.run({"x": x})["y"]
    alone = [subject.run({"x": x[i : i + 1]})["y"][0] for i in range(6)]
    assert np.array_equal(together, np.stack(alone))


def test_fixed_batch_is_part_of_a_sample(tmp_path):
    result = runtime(tmp_path, model([node("Relu", ["x"])], (3, 2))).run({"x": np.ones((5, 3, 2))})
    assert result["y"].shape == (5, 3, 2)


def test_intermediate_values(tmp_path):
    nodes = [node("MatMul", ["x", "w"], ["logits"]), node("Softmax", ["logits"])]
    subject = runtime(tmp_path, model(nodes, ("n", 4), {"w": W}))
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    result = subject.run({"x": x}, extra_outputs=["logits", "x", "y"])
    assert set(result) == {"y", "logits", "x"}
    np.testing.assert_allclose(result["logits"][:, 0], x @ W, rtol=1e-5, atol=1e-6)
    assert np.array_equal(result["x"][:, 0], x)


def test_outputs_that_are_inputs(tmp_path):
    proto = model([node("Relu", ["x"])], outputs=("y", "x"))
    x = np.ones((2, 1, 4), np.float32)
    assert np.array_equal(runtime(tmp_path, proto).run({"x": x})["x"], x)


def test_unknown_value(tmp_path):
    with pytest.raises(ConfigError, match="no value 'ghost'"):
        runtime(tmp_path, model([node("Relu", ["x"])])).run({"x": np.ones((1, 4))}, ["ghost"])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "'x' is missing"),
        ({"x": np.ones((2, 4)), "z": np.ones(2)}, "no input 'z'"),
        ({"x": np.ones((2, 5))}, r"shape \[2, 5\].*\(samples, 4\)"),
        ({"x": np.ones(4)}, "shape"),
        ({"x": np.float32(1)}, "shape"),
        ({"x": np.ones((0, 4))}, "at least one"),
    ],
)
def test_wrong_inputs(tmp_path, inputs, message):
    with pytest.raises(FormatError, match=message) as caught:
        runtime(tmp_path, model([node("Relu", ["x"])])).run(inputs)
    assert "model.onnx" in str(caught.value)


@pytest.mark.parametrize("opset", [9, 10, 11, 17])
@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
@pytest.mark.parametrize(("scale", "zero", "bits", "signed"), [(0.1, 0, 4, 1), (0.25, 3, 8, 0), (0.003, -1, 12, 1)])
def test_quantizers_as_qonnx_executes_them(tmp_path, opset, mode, scale, zero, bits, signed):
    quant = node("Quant", ["x", "s", "z", "b"], domain=QONNX, rounding_mode=mode, signed=signed, narrow=0)
    constants = {"s": np.float32(scale), "z": np.array(zero, np.int64), "b": np.float32(bits)}
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    ties = (np.arange(-40, 40) / 2 * np.float32(scale)).astype(np.float32)
    x = np.stack([ties, np.nextafter(ties, np.float32(9)), np.linspace(-3, 3, 80, dtype=np.float32)])
    result = runtime(tmp_path, model([quant], (1, 80), constants, opset=opset)).run({"x": x})
    assert np.array_equal(result["y"][:, 0], qonnx_quant(x, scale, zero, low, high, mode))


@pytest.mark.parametrize("op_type", ["Quant", "BipolarQuant"])
def test_bipolar(tmp_path, op_type):
    operands = ["x", "s"] if op_type == "BipolarQuant" else ["x", "s", "z", "b"]
    constants = {"s": np.float32(0.3), "z": np.float32(0), "b": np.float32(1)}
    subject = runtime(tmp_path, model([node(op_type, operands, domain=QONNX)], (1, 4), constants))
    x = np.array([[-0.0, 0.0, 1e-3, -1e-3]], np.float32)
    assert subject.run({"x": x})["y"][0, 0].tolist() == [np.float32(s) for s in (0.3, 0.3, 0.3, -0.3)]


def test_quantizers_in_an_old_opset(tmp_path):
    quant = node("BipolarQuant", ["x", "s"], domain=QONNX)
    with pytest.raises(UnsupportedOperatorError, match=r"its opset is 8.*newer opset_version"):
        runtime(tmp_path, model([quant], constants={"s": np.float32(1)}, opset=8))


def test_operator_that_onnxruntime_does_not_know(tmp_path):
    with pytest.raises(UnsupportedOperatorError, match="onnxruntime cannot run it"):
        runtime(tmp_path, model([node("Odd", ["x"], domain="com.example")]))


def test_failure_while_running(tmp_path):
    proto = model([node("Reshape", ["x", "s"])], constants={"s": np.array([3, 3], np.int64)})
    with pytest.raises(ModelError, match="onnxruntime"):
        runtime(tmp_path, proto).run({"x": np.ones((1, 4))})
