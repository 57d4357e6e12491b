# SPDX-License-Identifier: Apache-2.0
"""The backend adapter: ONNX's interface, what becomes a constant, exact integers, official tests."""

from __future__ import annotations

import unittest
import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fpgann import onnx_backend
from fpgann.errors import FormatError, ModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.feeds import CONSTANT_OPERANDS, bound_inputs, import_fed


def model(nodes, inputs, outputs, constants=(), opset=17) -> onnx.ModelProto:
    """A model from `name: (element type, shape)`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *port) for name, port in inputs.items()],
        [helper.make_tensor_value_info(name, *port) for name, port in outputs.items()],
        list(constants),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run(op_type, *inputs, kind=np.float32, opset=17, **attributes):
    """One node on its inputs."""
    names = [f"x{i}" for i in range(len(inputs))]
    node = helper.make_node(op_type, names, ["y"], **attributes)
    (y,) = onnx_backend.run_node(node, list(inputs), outputs_info=[(np.dtype(kind), ())], opset_version=opset)
    return y


class TestInterface:
    def test_official_runner(self):
        """The tests that ONNX itself keeps for backends, of a few operators."""
        from onnx.backend.test import BackendTest

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of onnx making its test cases
            official = BackendTest(onnx_backend, __name__)
        official.include(
            r"^test_(relu|add|matmul_2d|transpose_all_permutations_0|greater|reduce_sum_keepdims_example)_cpu$"
        )
        official.include(r"^test_(argmax_default_axis_example|clip|gather_0|where_example|softmax_example)_cpu$")
        suite = unittest.TestSuite(
            case(name) for case in official.test_cases.values() for name in dir(case) if name.startswith("test")
        )
        outcome = unittest.TestResult()
        suite.run(outcome)
        assert not outcome.failures + outcome.errors, (outcome.failures + outcome.errors)[0][1]
        assert outcome.testsRun - len(outcome.skipped) >= 10

    def test_devices(self):
        assert onnx_backend.supports_device("CPU")
        assert onnx_backend.supports_device("CPU:0")
        assert not onnx_backend.supports_device("CUDA")
        proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, [2])}, {"y": (1, [2])})
        with pytest.raises(ValueError, match="no device 'CUDA'"):
            onnx_backend.prepare(proto, "CUDA")

    def test_compatible_models(self):
        port = (TensorProto.FLOAT, [1, 1, 4, 4])
        ports = {"x": port}, {"y": port}
        assert onnx_backend.is_compatible(model([helper.make_node("Relu", ["x"], ["y"])], *ports))
        assert not onnx_backend.is_compatible(model([helper.make_node("Det", ["x"], ["y"])], *ports))
        with pytest.raises(UnsupportedOperatorError, match="not supported yet"):
            onnx_backend.run_model(model([helper.make_node("Det", ["x"], ["y"])], *ports), [np.ones((1, 1, 4, 4))])

    def test_inputs_by_order_and_by_name(self):
        port = (TensorProto.FLOAT, [2])
        proto = model([helper.make_node("Sub", ["a", "b"], ["y"])], {"a": port, "b": port}, {"y": port})
        a, b = np.float32([3, 1]), np.float32([1, 0.5])
        prepared = onnx_backend.prepare(proto)
        assert prepared.run([a, b])[0].tolist() == [2.0, 0.5]
        assert prepared.run({"b": b, "a": a})[0].tolist() == [2.0, 0.5]
        with pytest.raises(FormatError, match="no input 'b'"):
            prepared.run([a])
        with pytest.raises(FormatError, match="no tensor"):
            prepared.run([a, [b, b]])

    def test_the_shape_of_what_is_fed_counts(self):
        proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, ["batch", "n"])}, {"y": (1, ["batch", "n"])})
        assert onnx_backend.run_model(proto, [np.ones((3, 5), np.float32)])[0].shape == (3, 5)

    def test_outputs_without_inputs(self):
        constant = helper.make_node("Constant", [], ["y"], value=onnx.numpy_helper.from_array(np.arange(3)))
        (y,) = onnx_backend.run_model(model([constant], {}, {"y": (TensorProto.INT64, [3])}), [])
        assert (y.dtype, y.tolist()) == (np.int64, [0, 1, 2])


class TestConstantOperands:
    def test_operands_that_exist(self):
        """Every operator of the table exists, and has the operands that the table names."""
        for op_type, indices in CONSTANT_OPERANDS.items():
            schema = onnx.defs.get_schema(op_type)
            assert max(indices) < schema.max_input, op_type

    def test_through_other_nodes(self):
        nodes = [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Add", ["offset", "step"], ["sum"]),
            helper.make_node("Concat", ["shape", "sum"], ["sizes"], axis=0),
            helper.make_node("Reshape", ["x", "sizes"], ["y"]),
        ]
        one = (TensorProto.INT64, [1])
        proto = model(nodes, {"x": (1, [4]), "offset": one, "step": one}, {"y": (1, [4, 1])})
        assert bound_inputs(proto.graph) == {"offset", "step"}
        fed = import_fed(proto, {"x": np.ones(4), "offset": np.array([0]), "step": np.array([1])}, "model")
        assert [value.name for value in fed.graph.inputs] == ["x"]

    def test_activations_stay_inputs(self):
        proto = model(
            [helper.make_node("Gemm", ["a", "b", "c"], ["y"])],
            {name: (1, [2, 2]) for name in "abc"},
            {"y": (1, [2, 2])},
        )
        assert bound_inputs(proto.graph) == set()

    def test_empty_tensors(self):
        x = np.ones((2, 3), np.float32)
        assert run("Concat", x, np.ones((0, 3), np.float32), axis=0).shape == (2, 3)
        assert run("ReduceSum", np.ones((2, 0), np.float32), np.array([1])).tolist() == [[0.0], [0.0]]


class TestNumbers:
    @pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16])
    @pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div"])
    def test_narrow_integers_are_those_of_numpy(self, op_type, kind):
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        corners = np.array([low, low + 1, -1, 0, 1, 2, 7, high - 1, high]).clip(low, high)
        x, y = (a.reshape(-1).astype(kind) for a in np.meshgrid(corners, corners))
        if op_type == "Div":
            keep = (y != 0) & ~((x == low) & (y == -1 if low else False))  # what overflows is undefined
            x, y = x[keep], y[keep]
            wanted = np.fix(x.astype(np.float64) / y).astype(kind)
        else:
            with np.errstate(over="ignore"):
                wanted = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[op_type](x, y)
        result = run(op_type, x, y, kind=kind)
        assert result.dtype == kind
        assert np.array_equal(result, wanted)

    def test_wide_integers_stay_exact(self):
        x, y = np.array([2**40 + 1, -(2**52) + 3]), np.array([2**20 - 1, 5])
        assert np.array_equal(run("Mul", x, y, kind=np.int64)[:1], (x * y)[:1])
        assert np.array_equal(run("Add", x, y, kind=np.int64), x + y)

    @pytest.mark.parametrize("kind", [np.int32, np.uint32, np.int64])
    def test_wide_quotients_are_exact(self, kind):
        low, high = max(np.iinfo(kind).min, -(2**52)), min(np.iinfo(kind).max, 2**52)  # inputs travel as float64
        corners = np.array([low, low + 1, -7, -3, -1, 1, 2, 3, 7, 10**5, high // 2, high - 1, high]).clip(
            low or 1, high
        )
        x, y = (a.reshape(-1).astype(kind) for a in np.meshgrid(corners, corners))
        wanted = [abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1) for a, b in zip(x, y, strict=True)]
        keep = np.array([low <= w <= high for w in wanted])
        assert np.array_equal(run("Div", x, y, kind=kind)[keep], np.array(wanted)[keep])

    @pytest.mark.parametrize(
        ("kind", "fmod"), [(k, f) for k in (np.int8, np.uint8, np.int32) for f in (0, 1)] + [(np.float32, 1)]
    )
    def test_remainders(self, kind, fmod):
        x = np.array([7, 8, 100, 0, 5, 6] if kind is np.uint8 else [-7, 7, -8, 0, 5, -6]).astype(kind)
        y = np.array([3, 3, 7, 2, 5, 4] if kind is np.uint8 else [3, -3, 3, 2, -5, 4]).astype(kind)
        assert np.array_equal(run("Mod", x, y, kind=kind, fmod=fmod), (np.fmod if fmod else np.mod)(x, y))

    @pytest.mark.parametrize(
        ("target", "wanted"),
        [
            (TensorProto.INT32, [-2, -1, 0, 0, 1, 3]),
            (TensorProto.BOOL, [True, True, True, False, True, True]),
            (TensorProto.DOUBLE, [-2.75, -1.0, -0.5, 0.0, 1.5, 3.25]),
        ],
    )
    def test_casts_of_reals(self, target, wanted):
        x = np.array([-2.75, -1.0, -0.5, 0.0, 1.5, 3.25], np.float32)
        result = run("Cast", x, kind=helper.tensor_dtype_to_np_dtype(target), to=target)
        assert result.tolist() == wanted

    def test_casts_of_integers_wrap(self):
        x = np.array([-129, -128, -1, 0, 127, 128, 300], np.int32)
        assert np.array_equal(run("Cast", x, kind=np.int8, to=TensorProto.INT8), x.astype(np.int8))
        assert np.array_equal(run("Cast", x, kind=np.uint8, to=TensorProto.UINT8), x.astype(np.uint8))

    def test_inputs_of_similar_size_are_exact(self):
        x = np.random.default_rng(0).uniform(-100, 100, (64,)).astype(np.float32)
        x = x[np.abs(x) > 1]
        assert np.array_equal(run("Identity", x), x)

    def test_infinite_results_are_refused(self):
        with pytest.raises(ModelError, match="infinite or undefined"):
            run("Log", np.float32([1.0, 0.0]))

    def test_precision(self):
        """Chains of functions over six decades meet the official tolerances."""
        x = np.logspace(-3, 3, 64).astype(np.float32)
        np.testing.assert_allclose(run("Reciprocal", x), 1 / x, rtol=1e-3, atol=1e-7)
        np.testing.assert_allclose(run("Sqrt", x), np.sqrt(x), rtol=1e-3, atol=1e-7)
        np.testing.assert_allclose(run("Log", x), np.log(x), rtol=1e-3, atol=1e-7)
        rows = np.stack([x / 100, -x / 100])
        shares = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(run("Softmax", rows, axis=1), shares, rtol=1e-3, atol=1e-7)
