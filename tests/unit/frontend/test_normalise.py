# SPDX-License-Identifier: Apache-2.0
"""The optimizer as a second try, and shapes behind nodes that cannot be built."""

from __future__ import annotations

import logging
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend import explain, import_onnx
from fpgann.frontend.onnx import normalise
from fpgann.frontend.onnx.schemas import quantizer_schemas
from fpgann.frontend.onnx.tables import QONNX
from tests.unit.frontend.models import agree, load, model, names, node, read, tensor, value

QUANT = {"s": np.float32(0.5), "z": np.float32(0), "b": np.float32(4)}


def quant(source, result):
    return node("Quant", [source, "s", "z", "b"], [result], domain=QONNX)


def conditional(then_op="Relu"):
    """An If whose condition is computed from the shape behind a quantizer."""

    def branch(op_type):
        return helper.make_graph([node(op_type, ["q"], ["r"])], op_type, [], [value("r", None)])

    return [
        quant("x", "q"),
        node("Shape", ["q"], ["shape"]),
        node("Gather", ["shape", "one"], ["width"]),
        node("Equal", ["width", "four"], ["flag"]),
        node("If", ["flag"], then_branch=branch(then_op), else_branch=branch("Tanh")),
    ]


CONSTANTS = QUANT | {"one": np.array(1, np.int64), "four": np.array(4, np.int64)}


def test_conditions_are_decided(tmp_path):
    assert names(load(tmp_path, model(conditional(), constants=CONSTANTS))) == ["quantize", "activation"]
    graph = load(tmp_path, model(conditional(), (1, 5), constants=CONSTANTS))
    assert graph.nodes[-1].op.function.value == "tanh"


def test_sequences_are_resolved(tmp_path):
    nodes = [
        node("SequenceConstruct", ["x", "c"], ["s"]),
        node("SequenceAt", ["s", "zero"], ["e"]),
        node("Relu", ["e"]),
    ]
    constants = {"c": np.ones((1, 4), np.float32), "zero": np.array(0, np.int64)}
    assert names(agree(tmp_path, model(nodes, constants=constants))) == ["activation"]


def test_the_better_of_both_tries_is_reported(tmp_path):
    proto = model(
        [*conditional(), node("Det", ["y"], ["e"], name="odd")],
        constants=CONSTANTS,
        outputs=("e",),
    )
    failures = [entry for entry in explain(read(tmp_path, proto)) if not entry.supported]
    assert [entry.name for entry in failures] == ["odd"]


@pytest.mark.parametrize("failure", [RuntimeError("no way\nat all"), ValueError("odd"), KeyError("domain")])
def test_failing_optimizer(tmp_path, monkeypatch, caplog, failure):
    def fail(*_args, **_options):
        raise failure

    import onnxscript.optimizer

    monkeypatch.setattr(onnxscript.optimizer, "fold_constants_ir", fail)
    with caplog.at_level(logging.WARNING), pytest.raises(UnsupportedOperatorError, match=r"\(Det\)"):
        load(tmp_path, model([*conditional(), node("Det", ["y"], ["d"])], constants=CONSTANTS, outputs=("d",)))
    assert "the onnxscript optimizer fails, going on without it" in caplog.text
    assert "at all" not in caplog.text


def test_models_that_need_no_optimizer_do_not_load_it(tmp_path, monkeypatch):
    monkeypatch.setattr(normalise, "optimise", None)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Concat", ["s", "one"], ["t"], axis=0),
        node("Reshape", ["x", "t"]),
    ]
    proto = model(nodes, ("n", 4), {"one": np.array([1], np.int64)})
    assert import_onnx(read(tmp_path, proto)).types["y"].shape == (1, 4, 1)


def test_large_integers_are_not_folded_by_the_optimizer(tmp_path):
    """It would evaluate them before it looks at their size."""
    nodes = [
        node("Expand", ["zero", "huge"], ["i"]),
        node("Cast", ["i"], ["f"], to=1),
        node("Shrink", ["x"], ["e"]),
        node("Add", ["e", "f"]),
    ]
    constants = {"zero": np.array(0, np.int64), "huge": np.array([2**17, 2**17], np.int64)}
    with pytest.raises(UnsupportedOperatorError, match="too large"):
        load(tmp_path, model(nodes, constants=constants))


def test_nodes_behind_a_refused_one_are_checked(tmp_path):
    nodes = [
        node("LRN", ["x"], ["c"], name="lrn", size=3),
        quant("c", "q"),
        node("Flatten", ["q"], ["f"], name="flatten"),
        node("Gemm", ["f", "g"], ["h"], name="gemm", transA=1),
        node("MatMul", ["f", "m"], name="matmul"),
    ]
    constants = QUANT | {
        "g": np.ones((1, 3), np.float32),
        "m": np.ones((32, 3), np.float32),
    }
    proto = model(nodes, ("n", 2, 4, 4), constants, outputs=("y", "h"))
    report = {entry.name: entry for entry in explain(read(tmp_path, proto))}
    assert not report["lrn"].supported
    assert report["gemm"].built_as == "transpose (1 0), dense (weight: real[1x3])"
    assert report["flatten"].built_as == "reshape (1x32)"
    assert report["matmul"].built_as == "dense (weight: real[32x3])"


def test_nodes_of_unknown_shape_are_not_checked(tmp_path):
    nodes = [
        node("Odd", ["x"], ["o"], domain="com.example"),
        node("Relu", ["o"], ["r"], name="relu"),
        node("Shrink", ["r"], name="odd"),
    ]
    report = {entry.name: entry for entry in explain(read(tmp_path, model(nodes)))}
    assert report["relu"].supported
    assert "not checked" in report["relu"].built_as
    assert not report["odd"].supported


def test_one_broken_constant_is_one_failure(tmp_path):
    nodes = [
        node("Div", ["c", "zero"], ["i"], name="broken"),
        node("Concat", ["i", "i"], ["j"], axis=0),
        node("Add", ["x", "j"], name="add"),
    ]
    constants = {"c": np.ones(2, np.float32), "zero": np.float32(0)}
    report = explain(read(tmp_path, model(nodes, constants=constants)))
    assert [entry.name for entry in report if not entry.supported] == ["broken"]


def test_stale_shapes_are_forgotten(tmp_path):
    proto = model([node("Relu", ["x"], ["r"]), node("Tanh", ["r"])], ("n", 4))
    proto.graph.value_info.append(value("r", [32, 4]))
    proto.graph.output[0].CopyFrom(value("y", [32, 4]))
    assert agree(tmp_path, proto).types["y"].shape == (1, 4)


def test_schemas_are_only_lent():
    assert not onnx.defs.has("Quant", QONNX)
    with quantizer_schemas(), quantizer_schemas():
        assert onnx.defs.has("Quant", QONNX)
        nodes = [quant("x", "q"), node("Relu", ["q"])]
        inferred = onnx.shape_inference.infer_shapes(model(nodes, (1, 7), QUANT), strict_mode=True)
        assert [dim.dim_value for dim in inferred.graph.output[0].type.tensor_type.shape.dim] == [1, 7]
    assert not onnx.defs.has("Quant", QONNX)


def test_constants_keep_their_names(tmp_path):
    nodes = [node("Constant", [], ["c"], value=tensor("inner", [2.0])), node("Mul", ["x", "c"])]
    assert load(tmp_path, model(nodes)).nodes[0].op.multiplier == 2.0


def test_attributes_of_constants(tmp_path):
    nodes = [
        node("Constant", [], ["f"], value_float=1.5),
        node("Constant", [], ["fs"], value_floats=[1.0, 2.0, 3.0, 4.0]),
        node("Constant", [], ["i"], value_ints=[1, 2, 2]),
        node("Add", ["x", "f"], ["a"]),
        node("Mul", ["a", "fs"], ["m"]),
        node("Reshape", ["m", "i"]),
    ]
    assert names(agree(tmp_path, model(nodes))) == ["affine", "affine", "reshape"]


def test_wrong_type_of_elements(tmp_path):
    inputs = [helper.make_tensor_value_info("x", TensorProto.COMPLEX64, [1, 4])]
    (entry, *_) = explain(read(tmp_path, model([node("Relu", ["x"])], inputs=inputs, opset=14)))
    assert (entry.name, entry.op, entry.supported) == ("x", "input", False)


def test_libraries_keep_quiet(tmp_path, capfd):
    """An error is one line on stderr, and nothing else is."""
    nodes = [
        node("Cast", ["c"], ["i"], to=TensorProto.INT8),
        node("Div", ["c", "zero"], ["d"]),
        node("Cast", ["d"], ["j"], to=TensorProto.INT64),
        node("Shrink", ["x"], ["e"]),
        node("Reshape", ["e", "j"]),
    ]
    constants = {"c": np.full(2, 1e30, np.float32), "zero": np.float32(0)}
    with pytest.raises(UnsupportedOperatorError):
        load(tmp_path, model(nodes, constants=constants))
    assert capfd.readouterr() == ("", "")
