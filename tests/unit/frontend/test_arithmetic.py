# SPDX-License-Identifier: Apache-2.0
"""Operators of several computed tensors: sums, products, extremes, comparisons, logic, choices, integers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from tests.unit.frontend.models import agree, load, model, names, node, operators, value

SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 1, 4), (3, 1)), ((1,), (2, 2))]
OPSETS = [7, 13, 14, 17]


def two(nodes, left=(2, 3), right=(2, 3), constants=(), **options):
    """A model of inputs x and z."""
    return model(nodes, constants=constants, inputs=[value("x", left), value("z", right)], **options)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul"])
def test_pairs(tmp_path, op_type, left, right, opset):
    agree(tmp_path, two([node(op_type, ["x", "z"])], left, right, opset=opset))


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_quotients(tmp_path, left, right):
    nodes = [node("Abs", ["z"], ["a"]), node("Add", ["a", "half"], ["b"]), node("Div", ["x", "b"])]
    agree(tmp_path, two(nodes, left, right, {"half": np.float32(0.5)}))


def test_a_constant_over_a_tensor(tmp_path):
    nodes = [node("Exp", ["x"], ["e"]), node("Div", ["c", "e"])]
    graph = agree(tmp_path, model(nodes, (2, 3), {"c": np.float32([1, -2, 3])}))
    assert names(graph) == ["activation", "activation", "affine"]


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_axis_before_opset_7(tmp_path, axis):
    attributes = {"broadcast": 1} | ({} if axis is None else {"axis": axis})
    shape = (4,) if axis is None else (3, 4)[axis : axis + 1]
    proto = two([node("Add", ["x", "z"], **attributes)], (3, 4), shape, opset=6)
    agree(tmp_path, proto)


def test_an_axis_that_does_not_fit(tmp_path):
    proto = two([node("Add", ["x", "z"], broadcast=1, axis=3)], (3, 4), (4,), opset=6)
    with pytest.raises(MalformedModelError, match="axis 3 does not fit"):
        load(tmp_path, proto)


@pytest.mark.parametrize("op_type", ["Sum", "Mean", "Max", "Min"])
@pytest.mark.parametrize(
    "operands", [["x"], ["x", "z"], ["x", "c", "z", "c"], ["c", "x"], ["s", "x", "z", "s"], ["s", "x"]]
)
@pytest.mark.parametrize("opset", [8, 13, 17])
def test_any_number_of_operands(tmp_path, op_type, operands, opset):
    constants = {"c": np.linspace(-2, 2, 6).reshape(1, 2, 3).astype(np.float32), "s": np.float32(0.25)}
    used = {name: c for name, c in constants.items() if name in operands}
    agree(
        tmp_path,
        two([node(op_type, operands, ["w"]), node("Add", ["w", "z"])], right=(2, 3), constants=used, opset=opset),
    )


@pytest.mark.parametrize(
    ("op_type", "opset"),
    [("Greater", 9), ("Less", 9), ("Equal", 11), ("GreaterOrEqual", 12), ("LessOrEqual", 16)],
)
@pytest.mark.parametrize("operands", [["x", "z"], ["x", "c"], ["c", "x"], ["x", "x"]])
def test_comparisons(tmp_path, op_type, operands, opset):
    nodes = [node(op_type, operands, ["b"]), node("Cast", ["b"], ["f"], to=1), node("Mul", ["f", "z"])]
    constants = {"c": np.float32([[0.5], [-1]])} if "c" in operands else {}
    agree(tmp_path, two(nodes, constants=constants, opset=opset))


@pytest.mark.parametrize("op_type", ["And", "Or", "Xor"])
def test_logic(tmp_path, op_type):
    nodes = [
        node("Greater", ["x", "zero"], ["a"]),
        node("Less", ["z", "zero"], ["b"]),
        node(op_type, ["a", "b"], ["c"]),
        node("Not", ["c"], ["d"]),
        node("Where", ["d", "x", "z"]),
    ]
    agree(tmp_path, two(nodes, (3, 4), (3, 1), {"zero": np.float32(0)}))


@pytest.mark.parametrize("operands", [["m", "x", "z"], ["m", "x", "c"], ["m", "c", "x"]])
def test_choices_by_a_constant_are_wires(tmp_path, operands):
    constants = {"m": np.array([[True, False, True]]), "c": np.float32([[1], [2]])}
    used = {name: c for name, c in constants.items() if name in operands}
    proto = two([node("Where", operands, ["w"]), node("Add", ["w", "z"])], constants=used)
    assert "select" not in names(agree(tmp_path, proto))


class TestIntegers:
    """onnxruntime computes few operators on narrow integers; tests/unit/test_onnx_backend.py has the results."""

    def load(self, tmp_path, op_type, kind, constants=(), operands=("x", "z")):
        inputs = [value(name, [2, 3], kind) for name in operands if name in "xz"]
        return load(tmp_path, model([node(op_type, list(operands))], constants=constants, inputs=inputs))

    def test_narrow_sums_wrap_around(self, tmp_path):
        graph = self.load(tmp_path, "Add", TensorProto.UINT8)
        last = operators(graph)[-1]
        assert (last.name, last.low, last.high) == ("quantize", 0, 255)

    def test_wide_sums_do_not(self, tmp_path):
        assert names(self.load(tmp_path, "Add", TensorProto.INT32)) == ["quantize", "quantize", "add"]

    def test_quotients_by_constants_are_truncated(self, tmp_path):
        graph = self.load(tmp_path, "Div", TensorProto.INT32, {"c": np.array(3, np.int32)}, ("x", "c"))
        assert names(graph) == ["quantize", "affine", "quantize"]
        assert operators(graph)[-1].rounding.value == "TRN_ZERO"

    def test_real_quotients_are_not(self, tmp_path):
        nodes = [node("Cast", ["x"], ["f"], to=1), node("Div", ["f", "c"])]
        proto = model(nodes, constants={"c": np.float32(3)}, inputs=[value("x", [2], TensorProto.INT32)])
        assert names(load(tmp_path, proto)) == ["quantize", "affine"]

    def test_the_type_is_found_through_operators(self, tmp_path):
        nodes = [
            node("ArgMax", ["x"], ["a"], keepdims=0),
            node("Transpose", ["a"], ["t"]),
            node("Div", ["t", "two"], ["d"]),
            node("Cast", ["d"], to=1),
        ]
        graph = agree(tmp_path, model(nodes, (5, 2, 3), {"two": np.array(2, np.int64)}))
        assert names(graph)[-1] == "quantize"


@pytest.mark.parametrize(
    ("target", "expected"),
    [(TensorProto.INT8, ["quantize"]), (TensorProto.BOOL, ["arrange", "compare"]), (TensorProto.DOUBLE, [])],
)
def test_casts(tmp_path, target, expected):
    nodes = [node("Cast", ["x"], ["i"], to=target), node("Cast", ["i"], ["f"], to=1), node("Neg", ["f"])]
    assert names(agree(tmp_path, model(nodes, (2, 3)))) == [*expected, "affine"]


def test_cast_like(tmp_path):
    nodes = [node("CastLike", ["x", "k"], ["i"]), node("Cast", ["i"], to=1)]
    graph = agree(tmp_path, model(nodes, (2, 3), {"k": np.zeros(1, np.int32)}, opset=19))
    assert names(graph) == ["quantize"]


@pytest.mark.parametrize("target", [TensorProto.FLOAT16, TensorProto.STRING, 99])
def test_casts_to_other_types(tmp_path, target):
    with pytest.raises((UnsupportedOperatorError, MalformedModelError), match="cast to"):
        load(tmp_path, model([node("Cast", ["x"], to=target)]))


@pytest.mark.parametrize("fmod", [0, 1])
def test_remainders(tmp_path, fmod):
    nodes = [node("Cast", ["x"], ["i"], to=6), node("Mod", ["i", "m"], ["r"], fmod=fmod), node("Cast", ["r"], to=1)]
    agree(tmp_path, model(nodes, (4, 2), {"m": np.array([3, -2], np.int32)}))


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_one_hot(tmp_path, axis):
    nodes = [node("Cast", ["x"], ["i"], to=7), node("OneHot", ["i", "depth", "values"], axis=axis)]
    constants = {"depth": np.array(4, np.int64), "values": np.float32([-0.5, 2])}
    agree(tmp_path, model(nodes, (3, 2), constants))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("flags", [{}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}])
def test_cumulative_sums(tmp_path, axis, flags):
    agree(tmp_path, model([node("CumSum", ["x", "a"], **flags)], (3, 4), {"a": np.array(axis, np.int64)}))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("OneHot", ["x", "c", "two"])], "depth must be one positive number"),
        ([node("OneHot", ["x", "one", "two"], axis=4)], "axis 4 does not exist"),
        ([node("CumSum", ["x", "five"])], r"axis \[5\] does not exist"),
    ],
)
def test_malformed(tmp_path, nodes, message):
    constants = {name: np.array(c) for name, c in (("c", [0, 1]), ("one", 1), ("two", [0.0, 1.0]), ("five", 5))}
    with pytest.raises(MalformedModelError, match=message):
        load(tmp_path, model(nodes, (3, 4), constants))
