# SPDX-License-Identifier: Apache-2.0
"""Scan, Loop and If against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fpgann.errors import UnsupportedOperatorError
from fpgann.ir.ops.recurrence import Recurrence
from tests.unit.frontend.models import agree, load, model, names, node, operators, tensor, value


def body(nodes, inputs, outputs, constants=()) -> onnx.GraphProto:
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    for result in results:
        result.type.tensor_type.elem_type = TensorProto.BOOL if "cond" in result.name else TensorProto.FLOAT
    return helper.make_graph(nodes, "body", inputs, results, list(constants))


def leaky_sum(*, counted: bool = False) -> onnx.GraphProto:
    """s' = tanh(0.5 s + x), stacked as it is; with `counted` another state counts the steps and nobody asks."""
    nodes = [
        node("Mul", ["s", "half"], ["m"]),
        node("Add", ["m", "e"], ["a"]),
        node("Tanh", ["a"], ["t"]),
        node("Identity", ["t"], ["z"]),
    ]
    inputs, outputs = [value("s", (3,)), value("e", (3,))], ["t", "z"]
    if counted:
        nodes.append(node("Add", ["n", "one"], ["n1"]))
        inputs.insert(1, value("n", ()))
        outputs.insert(1, "n1")
    return body(nodes, inputs, outputs, [tensor("half", 0.5), tensor("one", 1.0)])


@pytest.mark.parametrize("attributes", [{}, {"scan_input_directions": [1]}, {"scan_output_directions": [1]}])
@pytest.mark.parametrize("axis", [0, 1])
def test_scan(tmp_path, attributes, axis):
    shape = (4, 3) if axis == 0 else (3, 4)
    axes = {"scan_input_axes": [axis], "scan_output_axes": [axis]}
    scan = node("Scan", ["i", "x"], ["l", "y"], body=leaky_sum(), num_scan_inputs=1, **attributes, **axes)
    agree(tmp_path, model([scan], shape, {"i": np.float32([0.1, 0.2, 0.3])}, outputs=("l", "y")))


def test_states_that_nobody_needs_are_left_out(tmp_path):
    scan = node("Scan", ["i", "zero", "x"], ["l", "n9", "y"], body=leaky_sum(counted=True), num_scan_inputs=1)
    constants = {"i": np.zeros(3, np.float32), "zero": np.float32(0)}
    (op,) = operators(agree(tmp_path, model([scan], (4, 3), constants, outputs=("l", "y"))))[-1:]
    assert isinstance(op, Recurrence)
    assert op.states == 1
    assert [inner.op.name for inner in op.body.nodes] == ["affine", "add", "activation"]


def test_values_from_around_a_body(tmp_path):
    nodes = [node("Add", ["s", "e"], ["a"]), node("Mul", ["a", "outer"], ["t"]), node("Identity", ["t"], ["z"])]
    inner = body(nodes, [value("s", (3,)), value("e", (3,))], ["t", "z"])
    outer = [
        node("ReduceMean", ["x"], ["outer"], axes=[0], keepdims=0),
        node("Scan", ["i", "x"], ["l", "y"], body=inner, num_scan_inputs=1),
    ]
    agree(tmp_path, model(outer, (4, 3), {"i": np.zeros(3, np.float32)}, outputs=("l", "y")))


def stepped(*, numbered: bool) -> onnx.GraphProto:
    """s' = sigmoid(s + x), or with the number of the step added."""
    nodes = [node("Add", ["s", "x"], ["a"])]
    if numbered:
        nodes += [node("Cast", ["n"], ["f"], to=TensorProto.FLOAT), node("Add", ["a", "f"], ["b"])]
    nodes += [node("Sigmoid", ["b" if numbered else "a"], ["t"]), node("Identity", ["t"], ["z"])]
    inputs = [value("n", (), TensorProto.INT64), value("cond", (), TensorProto.BOOL), value("s", (2, 3))]
    return body([*nodes, node("Identity", ["cond"], ["next_cond"])], inputs, ["next_cond", "t", "z"])


@pytest.mark.parametrize("numbered", [False, True])
def test_loop(tmp_path, numbered):
    nodes = [node("Loop", ["m", "", "i"], ["l", "y"], body=stepped(numbered=numbered))]
    constants = {"m": np.array(3, np.int64), "i": np.zeros((2, 3), np.float32)}
    graph = agree(tmp_path, model(nodes, (2, 3), constants, outputs=("l", "y")))
    assert names(graph).count("recurrence") == (0 if numbered else 1)
    assert names(graph).count("activation") == (3 if numbered else 0)


def test_loop_that_ends_by_its_condition(tmp_path):
    nodes = [
        node("Add", ["s", "x"], ["t"]),
        node("Add", ["k", "one"], ["k1"]),
        node("Less", ["k1", "three"], ["next_cond"]),
    ]
    inputs = [
        value("n", (), TensorProto.INT64),
        value("cond", (), TensorProto.BOOL),
        value("s", (2, 3)),
        value("k", ()),
    ]
    inner = body(nodes, inputs, ["next_cond", "t", "k1"])
    constants = {
        "i": np.zeros((2, 3), np.float32),
        "k0": np.float32(0),
        "one": np.float32(1),
        "three": np.float32(3),
        "true": np.array(True),
    }
    whole = model([node("Loop", ["", "true", "i", "k0"], ["y", "unused"], body=inner)], (2, 3), constants)
    graph = agree(tmp_path, whole)
    assert names(graph) == ["affine", "add", "add"]  # the first state is a constant


def test_loop_whose_end_depends_on_data(tmp_path):
    nodes = [node("Add", ["s", "x"], ["t"]), node("ReduceSum", ["t"], ["r"], keepdims=0)]
    nodes.append(node("Less", ["r", "three"], ["next_cond"]))
    inputs = [value("n", (), TensorProto.INT64), value("cond", (), TensorProto.BOOL), value("s", (2, 3))]
    inner = body(nodes, inputs, ["next_cond", "t"])
    constants = {"m": np.array(5, np.int64), "i": np.zeros((2, 3), np.float32), "three": np.float32(3)}
    with pytest.raises(UnsupportedOperatorError, match="how often it runs depends on the data"):
        load(tmp_path, model([node("Loop", ["m", "", "i"], ["y"], body=inner)], (2, 3), constants))


def test_nodes_inside_are_refused_by_name(tmp_path):
    inner = body([node("Det", ["s"], ["t"], name="odd")], [value("s", (3,)), value("e", (3,))], ["t"])
    scan = node("Scan", ["i", "x"], ["y"], body=inner, num_scan_inputs=1)
    with pytest.raises(UnsupportedOperatorError, match=r"its node 'odd' \(Det\)"):
        load(tmp_path, model([scan], (4, 3), {"i": np.zeros(3, np.float32)}))


def branches(*, same_shape: bool = True) -> dict[str, onnx.GraphProto]:
    then = body([node("Relu", ["x"], ["t"])], [], ["t"])
    other = node("Neg", ["x"], ["e"]) if same_shape else node("ReduceSum", ["x"], ["e"])
    return {"then_branch": then, "else_branch": body([other], [], ["e"])}


def test_both_branches_of_a_condition(tmp_path):
    nodes = [
        node("ReduceSum", ["x"], ["r"], keepdims=0),
        node("Greater", ["r", "zero"], ["c"]),
        node("If", ["c"], ["y"], **branches()),
    ]
    graph = agree(tmp_path, model(nodes, (2, 3), {"zero": np.float32(0)}))
    assert names(graph)[-1] == "select"


def test_a_constant_condition(tmp_path):
    nodes = [node("If", ["c"], ["y"], **branches(same_shape=False))]
    assert names(agree(tmp_path, model(nodes, (2, 3), {"c": np.array(True)}))) == ["activation"]


def test_branches_of_different_shapes(tmp_path):
    nodes = [
        node("ReduceSum", ["x"], ["r"], keepdims=0),
        node("Greater", ["r", "zero"], ["c"]),
        node("If", ["c"], ["y"], **branches(same_shape=False)),
    ]
    with pytest.raises(UnsupportedOperatorError, match="its condition depends on the data"):
        load(tmp_path, model(nodes, (2, 3), {"zero": np.float32(0)}))
