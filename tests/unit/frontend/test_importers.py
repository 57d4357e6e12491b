# SPDX-License-Identifier: Apache-2.0
"""Every importer and attribute: what is built, that it computes what onnxruntime does, what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from tests.unit.frontend.models import agree, load, model, names, node, operators, tensor

W = np.arange(12, dtype=np.float32).reshape(4, 3) / 8 - 0.6
B = np.array([0.5, -1.25, 3.0], np.float32)


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


class TestDense:
    @pytest.mark.parametrize(
        "bias",
        [
            None,
            B,
            B.reshape(1, 3),
            np.float32(2.5),
            np.array([2.5], np.float32),
            np.array([[2.5]], np.float32),
            0 * B,
        ],
    )
    def test_gemm_bias(self, tmp_path, bias):
        constants = {"w": W} if bias is None else {"w": W, "b": np.asarray(bias)}
        graph = agree(tmp_path, model([node("Gemm", ["x", *constants])], constants=constants))
        (op,) = operators(graph)
        assert op.weight.data.dtype == np.float64
        assert (op.bias is None) == (bias is None or not np.any(bias))
        assert op.bias is None or op.bias.data.shape == (3,)

    @pytest.mark.parametrize("transposed", [0, 1])
    def test_gemm_attributes(self, tmp_path, transposed):
        gemm = node("Gemm", ["x", "w", "b"], alpha=0.75, beta=-2.0, transB=transposed)
        graph = agree(tmp_path, model([gemm], constants={"w": W.T.copy() if transposed else W, "b": B}))
        (op,) = operators(graph)
        assert np.array_equal(op.weight.data, W.astype(np.float64) * 0.75)
        assert np.array_equal(op.bias.data, B * -2.0)

    def test_gemm_with_one_bias_per_row(self, tmp_path):
        bias = np.array([[1.0], [2.0], [3.0]], np.float32)
        graph = agree(tmp_path, model([node("Gemm", ["x", "w", "b"])], (3, 4), {"w": W, "b": bias}))
        assert names(graph) == ["dense", "affine"]

    def test_gemm_without_bias_operand_name(self, tmp_path):
        agree(tmp_path, model([node("Gemm", ["x", "w", ""])], constants={"w": W}))

    def test_alpha_of_zero(self, tmp_path):
        agree(tmp_path, model([node("Gemm", ["x", "w", "b"], alpha=0.0)], constants={"w": W, "b": B}))

    @pytest.mark.parametrize(
        ("shape", "weight", "built"),
        [
            ((1, 4), (4, 3), ["dense"]),
            ((1, 2, 4), (4, 3), ["dense"]),
            ((4,), (4, 3), ["dense"]),
            ((1, 4), (4,), ["dense", "reshape"]),
            ((1, 4), (1, 4, 3), ["reshape", "dense"]),
            ((1, 1, 4), (1, 4, 3), ["dense"]),
            ((1, 5, 2, 4), (1, 4, 3), ["dense"]),
        ],
    )
    def test_matmul_shapes(self, tmp_path, shape, weight, built):
        w = np.random.default_rng(1).normal(size=weight).astype(np.float32)
        graph = agree(tmp_path, model([node("MatMul", ["x", "w"])], shape, {"w": w}))
        assert names(graph) == built

    @pytest.mark.parametrize(
        ("weight", "shape"),
        [
            ((3, 4), (4, 2)),
            ((3, 4), (1, 4, 2)),
            ((3, 4), (2, 1, 4, 5)),
            ((1, 3, 4), (4, 2)),
            ((1, 1, 3, 4), (2, 4, 2)),
            ((1, 3, 4), (2, 4, 2)),
            ((4,), (1, 4, 2)),
            ((4,), (4,)),
            ((3, 4), (4,)),
            ((1, 4), (4, 1)),
        ],
    )
    def test_constant_on_the_left(self, tmp_path, weight, shape):
        w = np.random.default_rng(1).normal(size=weight).astype(np.float32)
        graph = agree(tmp_path, model([node("MatMul", ["w", "x"])], shape, {"w": w}))
        assert names(graph).count("dense") == 1

    @pytest.mark.parametrize("bias", [(3,), (1, 3), (4, 1), ()])
    def test_gemm_that_transposes_its_input(self, tmp_path, bias):
        constants = {"w": W, "b": np.linspace(-1, 1, int(np.prod(bias))).reshape(bias).astype(np.float32)}
        graph = agree(tmp_path, model([node("Gemm", ["x", "w", "b"], transA=1)], (4, 4), constants))
        assert names(graph)[:2] == ["transpose", "dense"]

    def test_weight_through_constant_nodes(self, tmp_path):
        nodes = [
            node("Constant", [], ["c"], value=tensor("", W.T)),
            node("Transpose", ["c"], ["w"], perm=[1, 0]),
            node("MatMul", ["x", "w"]),
        ]
        assert names(agree(tmp_path, model(nodes))) == ["dense"]

    def test_node_without_a_name_takes_its_outputs(self, tmp_path):
        graph = load(tmp_path, model([node("MatMul", ["x", "w"])], constants={"w": W}))
        assert [n.name for n in graph.nodes] == ["y"]
        graph = load(tmp_path, model([node("MatMul", ["x", "w"], name="a/b:0")], constants={"w": W}))
        assert [n.name for n in graph.nodes] == ["a/b:0"]

    @pytest.mark.parametrize(
        ("nodes", "shape"),
        [
            ([node("MatMul", ["w3", "x"])], (3, 2)),
            ([node("MatMul", ["x", "w3"])], (2, 4)),
            ([node("MatMul", ["x", "w3"])], (4,)),
            ([node("MatMul", ["x", "x"])], (4, 4)),
            ([node("MatMul", ["x", "x"])], (4,)),
            ([node("Relu", ["x"], ["c"]), node("MatMul", ["x", "c"])], (2, 3, 3)),
            ([node("Gemm", ["w", "x"], alpha=0.5)], (4, 3)),
            ([node("Gemm", ["w", "x"], transA=1, transB=1)], (3, 4)),
            ([node("Gemm", ["x", "x", "b"], transB=1, beta=2.0)], (3, 4)),
            ([node("Relu", ["x"], ["c"]), node("Gemm", ["x", "w", "c"], beta=2.0)], (4, 4)),
            ([node("ReduceSum", ["x"], ["c"]), node("Gemm", ["x", "x", "c"], alpha=2.0)], (4, 4)),
        ],
    )
    def test_products_of_computed_tensors_and_stacks(self, tmp_path, nodes, shape):
        constants = {"w": np.eye(4, dtype=np.float32) + 0.5, "b": B, "w3": np.arange(24.0).reshape(2, 4, 3) / 8}
        constants = {name: c.astype(np.float32) for name, c in constants.items()}
        agree(tmp_path, model(nodes, shape, constants))

    @pytest.mark.parametrize(
        ("nodes", "shape", "message"),
        [
            ([node("MatMul", ["x", "w"])], (1, 5), "weights of 4 rows do not fit an input of shape"),
            ([node("MatMul", ["w", "x"])], (1, 5), "weights of 3 columns do not fit an input of shape"),
            ([node("MatMul", ["w", "x"])], (5,), "weights of 3 columns do not fit an input of shape"),
            ([node("MatMul", ["w", "x"])], (), "matrix with a number"),
            ([node("Gemm", ["x", "w", "b"])], (1, 4), "bias of shape.*does not fit"),
            ([node("Gemm", ["x", "w"])], (1, 1, 4), "two axes"),
            ([node("Gemm", ["x", "b"])], (1, 4), "no matrix"),
            ([node("MatMul", ["x", "s"])], (1, 4), "no matrix"),
        ],
    )
    def test_malformed(self, tmp_path, nodes, shape, message):
        constants = {"w": W, "b": np.ones(2, np.float32), "s": np.float32(1).reshape(())}
        with pytest.raises(MalformedModelError, match=message):
            load(tmp_path, model(nodes, shape, constants))


class TestAffine:
    @pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul"])
    @pytest.mark.parametrize("first", [False, True])
    @pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (3, 1), (2, 1, 4), (1, 1, 1, 1)])
    def test_both_orders_and_broadcasting(self, tmp_path, op_type, first, shape):
        c = np.random.default_rng(2).normal(size=shape).astype(np.float32)
        graph = agree(tmp_path, model([node(op_type, ["c", "x"] if first else ["x", "c"])], constants={"c": c}))
        assert names(graph) == (["reshape"] if len(shape) > 2 else []) + ["affine"]

    def test_division_stays_a_division(self, tmp_path):
        graph = agree(tmp_path, model([node("Div", ["x", "c"])], constants={"c": np.float32(3)}))
        (op,) = operators(graph)
        assert op.divisor == 3.0
        assert op.multiplier == 1.0

    def test_negation(self, tmp_path):
        agree(tmp_path, model([node("Neg", ["x"])]))

    @pytest.mark.parametrize("axis", [0, 1, -2, None])
    def test_broadcasting_before_opset_7(self, tmp_path, axis):
        c = np.arange(2 if axis in (0, None) else 3, dtype=np.float32)
        axis_given = {} if axis is None else {"axis": axis}
        shape = (2, 3, 2)
        graph = load(tmp_path, model([node("Add", ["x", "c"], broadcast=1, **axis_given)], shape, {"c": c}, opset=6))
        (op,) = operators(graph)
        assert op.addend.shape == {0: (2, 1, 1), 1: (3, 1), -2: (3, 1), None: (2,)}[axis]

    def test_constant_expressions_are_folded_in_float64(self, tmp_path):
        nodes = [node("Pow", ["v", "half"], ["d"]), node("Div", ["x", "d"])]
        constants = {"v": np.array([336.3018], np.float32), "half": np.float32(0.5)}
        (op,) = operators(load(tmp_path, model(nodes, constants=constants)))
        assert op.divisor[0] == np.float64(np.float32(336.3018)) ** 0.5

    @pytest.mark.parametrize(
        ("inputs", "op_type", "message"),
        [
            (["x", "z"], "Div", "divides by zero"),
            (["x", "z"], "Mod", "divides by zero"),
        ],
    )
    def test_refused(self, tmp_path, inputs, op_type, message):
        constants = {"c": np.float32(1), "z": np.zeros(4, np.float32)}
        with pytest.raises(UnsupportedOperatorError, match=message):
            load(tmp_path, model([node(op_type, inputs)], constants=constants))

    def test_infinite_constant_expression(self, tmp_path):
        nodes = [node("Div", ["c", "z"], ["i"]), node("Add", ["x", "i"])]
        with pytest.raises(UnsupportedOperatorError, match="infinite or undefined"):
            load(tmp_path, model(nodes, constants={"c": np.float32(1), "z": np.float32(0)}))

    def test_shapes_that_do_not_fit(self, tmp_path):
        with pytest.raises(MalformedModelError, match=r"\[3\] and \[1, 4\].*do not broadcast.*contradicts itself"):
            load(tmp_path, model([node("Add", ["x", "c"])], constants={"c": np.ones(3, np.float32)}))


FpgannErrors = (MalformedModelError, UnsupportedOperatorError)


class TestActivation:
    @pytest.mark.parametrize("op_type", ["Relu", "Sigmoid", "Tanh"])
    def test_functions(self, tmp_path, op_type):
        graph = agree(tmp_path, model([node(op_type, ["x"])], (1, 2, 3)))
        assert operators(graph)[0].function.value == op_type.lower()


class TestBatchNormalization:
    def parameters(self, channels):
        generator = np.random.default_rng(3)
        arrays = {name: generator.normal(size=channels).astype(np.float32) for name in ("g", "b", "m")}
        return arrays | {"v": generator.uniform(0.5, 2, channels).astype(np.float32)}

    @pytest.mark.parametrize("shape", [(1, 4), (1, 3, 5), (1, 2, 3, 3)])
    @pytest.mark.parametrize("opset", [7, 9, 13, 15, 17])
    def test_channels_lie_along_axis_1(self, tmp_path, shape, opset):
        bn = node("BatchNormalization", ["x", "g", "b", "m", "v"], epsilon=0.25)
        graph = agree(tmp_path, model([bn], shape, self.parameters(shape[1]), opset=opset))
        assert operators(graph)[0].epsilon == 0.25

    def test_default_epsilon_is_a_float32(self, tmp_path):
        bn = node("BatchNormalization", ["x", "g", "b", "m", "v"])
        (op,) = operators(load(tmp_path, model([bn], constants=self.parameters(4))))
        assert op.epsilon == float(np.float32(1e-5))

    @pytest.mark.parametrize(
        ("opset", "attributes", "message"),
        [
            (17, {"training_mode": 1}, "training mode.*eval"),
            (6, {}, "is_test = 0"),
            (7, {"spatial": 0}, "statistics per activation"),
        ],
    )
    def test_refused(self, tmp_path, opset, attributes, message):
        outputs = ["y", "m2", "v2"] if attributes.get("training_mode") else ["y"]
        bn = node("BatchNormalization", ["x", "g", "b", "m", "v"], outputs, **attributes)
        with pytest.raises(UnsupportedOperatorError, match=message):
            load(tmp_path, model([bn], constants=self.parameters(4), opset=opset))

    def test_used_statistics(self, tmp_path):
        nodes = [
            node("BatchNormalization", ["x", "g", "b", "m", "v"], ["y", "mean", "", "", ""]),
            node("Relu", ["mean"], ["z"]),
        ]
        with pytest.raises(UnsupportedOperatorError, match="output 'mean' is not supported"):
            load(tmp_path, model(nodes, constants=self.parameters(4), opset=9, outputs=("y", "z")))

    def test_inference_before_opset_7(self, tmp_path):
        bn = node("BatchNormalization", ["x", "g", "b", "m", "v"], is_test=1)
        assert names(load(tmp_path, model([bn], constants=self.parameters(4), opset=6))) == ["batch_normalization"]

    def test_computed_statistics(self, tmp_path):
        nodes = [node("Relu", ["x"], ["g"]), node("BatchNormalization", ["x", "g", "b", "m", "v"])]
        constants = self.parameters(4)
        del constants["g"]
        with pytest.raises(UnsupportedOperatorError, match=r"scale \('g'\) is computed.*constant scale"):
            load(tmp_path, model(nodes, constants=constants))

    def test_wrong_number_of_channels(self, tmp_path):
        bn = node("BatchNormalization", ["x", "g", "b", "m", "v"])
        with pytest.raises(FpgannErrors, match="4 entries"):
            load(tmp_path, model([bn], constants=self.parameters(5)))


class TestReshape:
    @pytest.mark.parametrize(
        ("wanted", "result"),
        [((1, 24), (1, 24)), ((-1, 6), (4, 6)), ((0, -1), (1, 24)), ((0, 0, 12), (1, 2, 12)), ((24,), (24,))],
    )
    def test_reshape(self, tmp_path, wanted, result):
        graph = agree(tmp_path, model([node("Reshape", ["x", "s"])], (1, 2, 3, 4), {"s": ints(*wanted)}))
        assert operators(graph)[0].shape == result

    def test_open_batch_size(self, tmp_path):
        agree(tmp_path, model([node("Reshape", ["x", "s"])], ("n", 6), {"s": ints(-1, 2, 3)}))

    def test_shape_chain_of_legacy_exporters(self, tmp_path):
        nodes = [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "zero"], ["n"]),
            node("Unsqueeze", ["n"], ["u"], axes=[0]),
            node("Concat", ["u", "rest"], ["t"], axis=0),
            node("Reshape", ["x", "t"]),
        ]
        constants = {"zero": np.array(0, np.int64), "rest": ints(-1)}
        assert names(agree(tmp_path, model(nodes, ("n", 2, 3), constants, opset=9))) == ["reshape"]

    def test_fixed_batch_inside(self, tmp_path):
        with pytest.raises(UnsupportedOperatorError, match="batch size of 1"):
            load(tmp_path, model([node("Reshape", ["x", "s"])], ("n", 6), {"s": ints(32, 6)}))

    def test_allowzero(self, tmp_path):
        with pytest.raises(UnsupportedOperatorError, match="do not fit"):
            load(tmp_path, model([node("Reshape", ["x", "s"], allowzero=1)], (1, 6), {"s": ints(0, 6)}))

    def test_computed_shape(self, tmp_path):
        nodes = [node("Relu", ["x"], ["r"]), node("Cast", ["r"], ["s"], to=7), node("Reshape", ["x", "s"])]
        with pytest.raises(UnsupportedOperatorError, match=r"new shape.*computed from the model's inputs"):
            load(tmp_path, model(nodes, (2,)))

    @pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
    def test_flatten(self, tmp_path, axis):
        agree(tmp_path, model([node("Flatten", ["x"], axis=axis)], (1, 2, 3)))

    @pytest.mark.parametrize("opset", [11, 13])
    def test_squeeze_and_unsqueeze(self, tmp_path, opset):
        def with_axes(op_type, inputs, outputs, axes):
            if opset < 13:
                return node(op_type, inputs, outputs, axes=list(axes))
            return node(op_type, [*inputs, f"{op_type}_axes"], outputs)

        nodes = [with_axes("Unsqueeze", ["x"], ["u"], (1, -1)), with_axes("Squeeze", ["u"], ["y"], (1,))]
        constants = {} if opset < 13 else {"Unsqueeze_axes": ints(1, -1), "Squeeze_axes": ints(1)}
        graph = agree(tmp_path, model(nodes, (1, 3), constants, opset=opset))
        assert graph.types["u"].shape == (1, 1, 3, 1)

    def test_squeeze_everything(self, tmp_path):
        agree(tmp_path, model([node("Squeeze", ["x"])], (1, 3, 1)))

    @pytest.mark.parametrize(
        ("nodes", "message"),
        [
            ([node("Squeeze", ["x", "one"])], "not all of size 1"),
            ([node("Squeeze", ["x", "nine"])], "do not exist"),
            ([node("Flatten", ["x"], axis=5)], "axis 5 does not exist"),
            ([node("Unsqueeze", ["x", "twice"])], "named twice"),
        ],
    )
    def test_malformed(self, tmp_path, nodes, message):
        constants = {"one": ints(1), "nine": ints(9), "twice": ints(0, 0)}
        with pytest.raises(MalformedModelError, match=message):
            load(tmp_path, model(nodes, (1, 3), constants))

    @pytest.mark.parametrize(
        "nodes",
        [
            [node("Identity", ["x"], ["i"]), node("Relu", ["i"])],
            [node("Dropout", ["x"], ["i"]), node("Relu", ["i"])],
            [node("Dropout", ["x"], ["i", "mask"]), node("Relu", ["i"])],
            [node("Dropout", ["x", "ratio", "training"], ["i"]), node("Relu", ["i"])],
            [node("Cast", ["x"], ["i"], to=1), node("Relu", ["i"])],
            [node("Transpose", ["x"], ["i"], perm=[0, 1]), node("Relu", ["i"])],
            [node("Flatten", ["x"], ["i"]), node("Relu", ["i"])],
        ],
    )
    def test_nodes_that_do_nothing(self, tmp_path, nodes):
        constants = {"ratio": np.float32(0.5), "training": np.array(False)}
        assert names(agree(tmp_path, model(nodes, constants=constants))) == ["activation"]

    def test_aliases_at_the_outputs(self, tmp_path):
        nodes = [node("Relu", ["x"], ["r"]), node("Identity", ["r"], ["y"]), node("Identity", ["x"], ["z"])]
        graph = agree(tmp_path, model(nodes, outputs=("y", "r", "z")))
        assert graph.outputs == {"y": "r", "r": "r", "z": "x"}

    @pytest.mark.parametrize(
        ("nodes", "opset", "message"),
        [
            ([node("Dropout", ["x", "ratio", "training"])], 17, "training mode"),
            ([node("Dropout", ["x"])], 6, "training mode"),
            ([node("Cast", ["x"], to=10)], 17, "cast to FLOAT16"),
        ],
    )
    def test_refused(self, tmp_path, nodes, opset, message):
        constants = {"ratio": np.float32(0.5), "training": np.array(True)}
        with pytest.raises(UnsupportedOperatorError, match=message):
            load(tmp_path, model(nodes, constants=constants, opset=opset))

    def test_used_dropout_mask(self, tmp_path):
        nodes = [node("Dropout", ["x"], ["y", "mask"]), node("Cast", ["mask"], ["z"], to=1)]
        with pytest.raises(UnsupportedOperatorError, match="'mask' is not supported"):
            load(tmp_path, model(nodes, outputs=("y", "z")))

    def test_constant_folding_of_shape_operators(self, tmp_path):
        nodes = [
            node("Size", ["x"], ["n"]),
            node("Cast", ["n"], ["f"], to=1),
            node("Mul", ["x", "f"]),
        ]
        (op,) = operators(agree(tmp_path, model(nodes, (1, 5))))
        assert op.multiplier == 5.0


class TestTranspose:
    @pytest.mark.parametrize("permutation", [(0, 2, 1), (2, 1, 0), None])
    def test_permutations(self, tmp_path, permutation):
        attributes = {} if permutation is None else {"perm": list(permutation)}
        graph = agree(tmp_path, model([node("Transpose", ["x"], **attributes)], (1, 2, 3)))
        assert operators(graph)[0].permutation == (permutation or (2, 1, 0))

    def test_malformed(self, tmp_path):
        with pytest.raises(MalformedModelError, match="no permutation of 2 axes"):
            load(tmp_path, model([node("Transpose", ["x"], perm=[0, 0])]))


class TestSoftmax:
    @pytest.mark.parametrize(
        ("opset", "shape", "axis", "expected"),
        [
            (13, (1, 2, 3), None, -1),
            (13, (1, 2, 3), 1, -2),
            (13, (1, 2, 3), -2, -2),
            (11, (1, 5), None, -1),
            (11, (1, 5), 1, -1),
            (9, (1, 1, 5), 1, -1),
            (9, (1, 5, 1), 1, -2),
            (9, (1, 2, 3), 2, -1),
            (11, (1, 1, 1), 1, -2),
        ],
    )
    def test_axis_counts_from_the_end(self, tmp_path, opset, shape, axis, expected):
        attributes = {} if axis is None else {"axis": axis}
        graph = agree(tmp_path, model([node("Softmax", ["x"], **attributes)], shape, opset=opset))
        assert operators(graph)[0].axis == expected

    def test_old_softmax_over_several_axes(self, tmp_path):
        graph = agree(tmp_path, model([node("Softmax", ["x"], axis=1)], (1, 2, 3), opset=11))
        assert names(graph) == ["reshape", "softmax", "reshape"]

    def test_malformed(self, tmp_path):
        with pytest.raises(MalformedModelError, match="axis 7 does not exist"):
            load(tmp_path, model([node("Softmax", ["x"], axis=7)]))


class TestWholeModels:
    def test_all_refusals_are_listed_at_once(self, tmp_path):
        nodes = [
            node("LRN", ["x"], ["a"], name="lrn1", size=3),
            node("Det", ["a"], ["b"], name="det"),
            node("Add", ["b", "b"], ["c"], name="skip"),
            node("Foo", ["c"], name="foo", domain="com.example"),
        ]
        proto = model(nodes, (1, 1, 4, 4))
        with pytest.raises(UnsupportedOperatorError) as caught:
            load(tmp_path, proto)
        text = str(caught.value)
        assert "\n" not in text
        assert text.startswith("model.onnx: 3 nodes cannot be built")
        for part in (
            "'lrn1' (LRN)",
            "'det' (Det)",
            "'com.example'",
        ):
            assert part in text

    def test_one_refusal(self, tmp_path):
        with pytest.raises(UnsupportedOperatorError) as caught:
            load(tmp_path, model([node("Det", ["x"], name="det")], (4, 4)))
        assert caught.value.where == "model.onnx, node 'det' (Det)"

    def test_constant_output(self, tmp_path):
        nodes = [node("Relu", ["x"]), node("Neg", ["c"], ["z"])]
        with pytest.raises(UnsupportedOperatorError, match="output 'z': it does not depend on any input"):
            load(tmp_path, model(nodes, constants={"c": np.float32(1)}, outputs=("y", "z")))

    def test_integer_input(self, tmp_path):
        inputs = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.INT8, [1, 4])]
        (op,) = operators(load(tmp_path, model([node("Cast", ["x"], to=1)], inputs=inputs)))
        assert (op.name, op.low, op.high, float(op.scale)) == ("quantize", -128, 127, 1.0)

    def test_intermediate_names_do_not_collide(self, tmp_path):
        nodes = [
            node("Add", ["x", "c"], ["a"], name="n"),
            node("Relu", ["a"], ["n_reshape"], name="r"),
            node("Add", ["n_reshape", "c"], name="n"),
        ]
        graph = agree(tmp_path, model(nodes, constants={"c": np.ones((1, 1, 4), np.float32)}))
        assert len({n.name for n in graph.nodes}) == len(graph.nodes)
        assert names(graph) == ["reshape", "affine", "activation", "affine"]

    def test_initializers_that_are_inputs_too(self, tmp_path):
        inputs = [onnx.helper.make_tensor_value_info(n, 1, s) for n, s in (("x", [1, 4]), ("w", [4, 3]))]
        graph = agree(tmp_path, model([node("MatMul", ["x", "w"])], constants={"w": W}, inputs=inputs))
        assert [v.name for v in graph.inputs] == ["x"]

    @pytest.mark.parametrize("opset", range(6, onnx.defs.onnx_opset_version() + 1))
    def test_every_opset(self, tmp_path, opset):
        nodes = [
            node("Gemm", ["x", "w", "b"], ["g"], **({"broadcast": 1} if opset == 6 else {})),
            node("Relu", ["g"], ["r"]),
            node("Softmax", ["r"]),
        ]
        proto = model(nodes, constants={"w": W, "b": B}, opset=opset)
        proto.ir_version = 3 if opset < 9 else 10
        if opset < 9:  # initialisers had to be inputs
            for name, shape in (("w", [4, 3]), ("b", [3])):
                proto.graph.input.append(onnx.helper.make_tensor_value_info(name, 1, shape))
        newest_of_onnxruntime = 25
        graph = (load if opset > newest_of_onnxruntime else agree)(tmp_path, proto)
        assert names(graph) == ["dense", "activation", "softmax"]

    @pytest.mark.parametrize("kind", [np.float16, np.float64])
    def test_other_floats(self, tmp_path, kind):
        proto = model([node("MatMul", ["x", "w"])], constants={"w": W.astype(kind)})
        proto.graph.input[0].type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        proto.graph.output[0].type.tensor_type.elem_type = proto.graph.input[0].type.tensor_type.elem_type
        (op,) = operators(agree(tmp_path, proto, tolerance=1e-2))
        assert np.array_equal(op.weight.data, W.astype(kind).astype(np.float64))

    def test_name_is_the_files_stem(self, tmp_path):
        assert load(tmp_path, model([node("Relu", ["x"])])).name == "model"
