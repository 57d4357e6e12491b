# SPDX-License-Identifier: Apache-2.0
"""What exporters of any age write around a few layers: computed sizes, conditions, functions, odd inputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fpgann.errors import UnsupportedOperatorError
from tests.unit.frontend.models import agree, load, model, names, node, read, tensor, value

NEWEST = onnx.defs.onnx_opset_version()
OPSETS = range(6, NEWEST + 1)
W = np.linspace(-1, 1, 24).reshape(12, 2).astype(np.float32)
DENSE = node("MatMul", ["f", "w"], name="fc")


def ints(*numbers):
    return np.array(numbers, np.int64)


def unsqueeze(opset, source, target, axes=(0,)):
    if opset < 13:
        return [node("Unsqueeze", [source], [target], axes=list(axes))]
    return [
        node("Constant", [], [f"{target}_axes"], value=tensor("", axes, np.int64)),
        node("Unsqueeze", [source, f"{target}_axes"], [target]),
    ]


def slice_(opset, source, target, start, end):
    if opset < 10:
        return [node("Slice", [source], [target], starts=[start], ends=[end], axes=[0])]
    parts = {"starts": start, "ends": end, "axes": 0, "steps": 1}
    constants = [
        node("Constant", [], [f"{target}_{name}"], value=tensor("", [number], np.int64))
        for name, number in parts.items()
    ]
    return [*constants, node("Slice", [source, *(f"{target}_{name}" for name in parts)], [target])]


def reduce_prod(opset, source, target):
    return [node("ReduceProd", [source], [target], keepdims=0, **({"axes": [0]} if opset < 18 else {}))]


def flattened(tmp_path, nodes, constants=(), **options):
    """A model that ends in a reshape to `shape` and a dense layer; all before is gone after the import."""
    proto = model(
        [*nodes, node("Reshape", ["x", "shape"], ["f"]), DENSE],
        ("n", 3, 4),
        {"w": W, **dict(constants)},
        **options,
    )
    graph = agree(tmp_path, proto)
    assert names(graph) == ["reshape", "dense"]
    return graph


@pytest.mark.parametrize("opset", OPSETS)
class TestSizes:
    def test_flatten_of_torch(self, tmp_path, opset):
        """x.view(x.size(0), -1)"""
        nodes = [
            node("Shape", ["x"], ["s"]),
            node("Constant", [], ["zero"], value=tensor("", 0, np.int64)),
            node("Gather", ["s", "zero"], ["batch"], axis=0),
            *unsqueeze(opset, "batch", "first"),
            node("Concat", ["first", "rest"], ["shape"], axis=0),
        ]
        flattened(tmp_path, nodes, {"rest": ints(-1)}, opset=opset)

    def test_products_of_sizes(self, tmp_path, opset):
        """tf.reshape(x, [tf.shape(x)[0], tf.reduce_prod(tf.shape(x)[1:])])"""
        nodes = [
            node("Shape", ["x"], ["s"]),
            *slice_(opset, "s", "batch", 0, 1),
            *slice_(opset, "s", "others", 1, 2**31 - 1),
            *reduce_prod(opset, "others", "product"),
            *unsqueeze(opset, "product", "last"),
            node("Concat", ["batch", "last"], ["shape"], axis=0),
        ]
        flattened(tmp_path, nodes, opset=opset)

    def test_sizes_through_real_numbers(self, tmp_path, opset):
        """int(x.size(1) * 4.0) as older exporters write it."""
        nodes = [
            node("Shape", ["x"], ["s"]),
            *slice_(opset, "s", "three", 1, 2),
            node("Cast", ["three"], ["real"], to=TensorProto.FLOAT),
            node("Mul", ["real", "four"], ["twelve"]),
            node("Floor", ["twelve"], ["floor"]),
            node("Cast", ["floor"], ["last"], to=TensorProto.INT64),
            node("Concat", ["first", "last"], ["shape"], axis=0),
        ]
        flattened(tmp_path, nodes, {"four": np.float32([4.0]), "first": ints(-1)}, opset=opset)

    def test_arithmetic_of_sizes(self, tmp_path, opset):
        nodes = [
            node("Size", ["x"], ["size"]),
            *unsqueeze(opset, "size", "all"),
            node("Shape", ["x"], ["s"]),
            *slice_(opset, "s", "batch", 0, 1),
            node("Div", ["all", "batch"], ["last"]),
            node("Sub", ["last", "one"], ["less"]),
            node("Add", ["less", "one"], ["again"]),
            node("Concat", ["batch", "again"], ["shape"], axis=0),
        ]
        flattened(tmp_path, nodes, {"one": ints(1)}, opset=opset)


@pytest.mark.parametrize("opset", [opset for opset in OPSETS if opset >= 9])
class TestExpand:
    def test_expand_of_torch(self, tmp_path, opset):
        """c.expand(x.size(0), 3, 4): sizes of -1 are replaced through ConstantOfShape, Equal and Where."""
        nodes = [
            node("Shape", ["wanted"], ["rank"]),
            node("ConstantOfShape", ["rank"], ["ones"], value=tensor("", [1], np.int64)),
            node("Mul", ["ones", "minus"], ["marks"]),
            node("Equal", ["wanted", "marks"], ["keep"]),
            node("Where", ["keep", "ones", "wanted"], ["sizes"]),
            node("Expand", ["c", "sizes"], ["expanded"]),
            node("Mul", ["x", "expanded"]),
        ]
        constants = {"wanted": ints(-1, 3, 4), "minus": ints(-1), "c": np.float32([[[1], [2], [3]]])}
        assert names(agree(tmp_path, model(nodes, ("n", 3, 4), constants, opset=opset))) == ["affine"]

    def test_state_of_zeros(self, tmp_path, opset):
        """torch.zeros(x.size(0), 4) + x"""
        nodes = [
            node("Shape", ["x"], ["s"]),
            node("ConstantOfShape", ["s"], ["zeros"]),
            node("Add", ["x", "zeros"], ["z"]),
            node("Relu", ["z"]),
        ]
        graph = load(tmp_path, model(nodes, ("n", 4), opset=opset))
        assert names(graph)[-1] == "activation"

    def test_positions(self, tmp_path, opset):
        """torch.arange(x.size(1)) as a float, added to every row"""
        if opset < 11:
            pytest.skip("Range came with opset 11")
        nodes = [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "one"], ["width"]),
            node("Range", ["zero", "width", "one"], ["positions"]),
            node("Cast", ["positions"], ["real"], to=TensorProto.FLOAT),
            node("Add", ["x", "real"]),
        ]
        constants = {"zero": np.array(0, np.int64), "one": np.array(1, np.int64)}
        graph = agree(tmp_path, model(nodes, ("n", 4), constants, opset=opset))
        assert graph.nodes[0].op.addend.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("ir_version", [3, 4, 8, 10])
@pytest.mark.parametrize("opset", [6, 8, 13, 20])
def test_initializers_listed_as_inputs(tmp_path, ir_version, opset):
    """Before IR version 4 all of them had to be, those of shapes and axes too."""
    constants = {"w": W, "shape": ints(-1, 12)}
    inputs = [value("x", ["n", 3, 4]), value("w", W.shape), value("shape", [2], TensorProto.INT64)]
    proto = model([node("Reshape", ["x", "shape"], ["f"]), DENSE], constants=constants, inputs=inputs, opset=opset)
    proto.ir_version = ir_version
    found = read(tmp_path, proto)
    assert [port.name for port in found.inputs] == ["x"]
    assert names(agree(tmp_path, proto)) == ["reshape", "dense"]


def branch(name, *nodes, output="r"):
    return helper.make_graph(list(nodes), name, [], [value(output, None)])


@pytest.mark.parametrize("opset", [opset for opset in OPSETS if opset >= 7])
@pytest.mark.parametrize("taken", [True, False])
class TestConditions:
    def branches(self):
        """Both read a value from outside; one is nothing but that."""
        return {
            "then_branch": branch("then", node("Add", ["x", "c"], ["t"]), node("Relu", ["t"], ["r"])),
            "else_branch": branch("else", node("Identity", ["x"], ["r"])),
        }

    def test_constant(self, tmp_path, opset, taken):
        nodes = [node("If", ["flag"], ["i"], **self.branches()), node("Tanh", ["i"])]
        constants = {"flag": np.array(taken), "c": np.float32(1)}
        graph = agree(tmp_path, model(nodes, ("n", 4), constants, opset=opset))
        assert names(graph) == ["affine", "activation", "activation"][0 if taken else 2 :]

    def test_computed_from_a_shape(self, tmp_path, opset, taken):
        """if x.size(1) == 4, inside another condition"""
        nodes = [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "one"], ["width"]),
            node("Equal", ["width", "wanted"], ["flag"]),
            node("Not", ["flag"], ["other"]),
            node("If", ["flag"], ["i"], **self.branches()),
            node(
                "If",
                ["other"],
                ["y"],
                then_branch=branch("a", node("Tanh", ["i"], ["r"])),
                else_branch=branch("b", node("Neg", ["i"], ["r"])),
            ),
        ]
        constants = {"one": np.array(1, np.int64), "wanted": np.array(4 if taken else 5, np.int64), "c": np.float32(1)}
        graph = agree(tmp_path, model(nodes, ("n", 4), constants, opset=opset))
        assert names(graph) == (["affine", "activation", "affine"] if taken else ["activation"])


def test_conditions_on_data_choose_between_both_branches(tmp_path):
    nodes = [
        node("ReduceMax", ["x"], ["m"], keepdims=0),
        node("Cast", ["m"], ["flag"], to=TensorProto.BOOL),
        node(
            "If",
            ["flag"],
            ["y"],
            then_branch=branch("a", node("Tanh", ["x"], ["r"])),
            else_branch=branch("b", node("Neg", ["x"], ["r"])),
        ),
    ]
    assert names(agree(tmp_path, model(nodes, (1, 4))))[-1] == "select"


def loop(trips):
    body = helper.make_graph(
        [node("Relu", ["v"], ["w"]), node("Identity", ["go"], ["again"])],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("v", [1, 4])],
        [value("again", [], TensorProto.BOOL), value("w", [1, 4])],
    )
    constants = {"trips": np.array(trips, np.int64), "yes": np.array(True)}
    return model([node("Loop", ["trips", "yes", "x"], ["y"], name="loop", body=body)], (1, 4), constants)


def test_loops_are_read(tmp_path):
    assert names(agree(tmp_path, loop(3))) == ["recurrence"]


def test_long_loops_are_refused_with_a_way_out(tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=r"node 'loop' \(Loop\).*constant number of iterations"):
        load(tmp_path, loop(10**6))


@pytest.mark.parametrize("op_type", ["RandomNormalLike", "RandomUniformLike", "Bernoulli"])
def test_random_numbers_are_refused_with_a_way_out(tmp_path, op_type):
    """A variational autoencoder that samples."""
    nodes = [node(op_type, ["x"], ["noise"], name="sampling"), node("Add", ["x", "noise"])]
    with pytest.raises(UnsupportedOperatorError, match=rf"node 'sampling' \({op_type}\).*random.*their mean"):
        load(tmp_path, model(nodes, (1, 4)))


class TestFunctions:
    def function(self, opset, *, inner=False):
        """leaky(x) = max(x, slope * x) as Relu and scaling; `inner` calls it once more."""
        body = [
            node("Constant", [], ["a"], value=tensor("", 0.5)),
            node("Mul", ["v", "a"], ["scaled"]),
            node("Tanh", ["scaled"], ["r"]),
        ]
        functions = [helper.make_function("local", "Squash", ["v"], ["r"], body, [helper.make_opsetid("", opset)])]
        if inner:
            calls = [node("Squash", ["v"], ["t"], domain="local"), node("Squash", ["t"], ["r"], domain="local")]
            imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
            functions.append(helper.make_function("local", "Twice", ["v"], ["r"], calls, imports))
        return functions

    @pytest.mark.parametrize("opset", [8, 13, 15, 18, NEWEST])
    def test_nested(self, tmp_path, opset):
        nodes = [node("Twice", ["x"], ["h"], domain="local"), node("Relu", ["h"])]
        proto = model(nodes, ("n", 4), opset=opset, functions=self.function(opset, inner=True))
        assert names(agree(tmp_path, proto)) == ["affine", "activation"] * 2 + ["activation"]

    def test_inside_a_branch(self, tmp_path):
        nodes = [
            node(
                "If",
                ["flag"],
                then_branch=branch("a", node("Squash", ["x"], ["r"], domain="local")),
                else_branch=branch("b", node("Relu", ["x"], ["r"])),
            )
        ]
        proto = model(nodes, ("n", 4), {"flag": np.array(True)}, functions=self.function(17))
        proto.opset_import.append(helper.make_opsetid("local", 1))
        assert names(agree(tmp_path, proto)) == ["affine", "activation"]


@pytest.mark.parametrize("opset", OPSETS)
def test_layers_of_every_opset(tmp_path, opset):
    """Gemm with a broadcast bias, batch normalization, dropout and activations, as each opset writes them."""
    statistics = {name: np.linspace(0.5, 1.5, 2).astype(np.float32) for name in ("g", "b", "m", "v")}
    attributes = {"is_test": 1} if opset == 6 else {}
    legacy = {"broadcast": 1} if opset < 7 else {}
    nodes = [
        node("Flatten", ["x"], ["f"]),
        node("Gemm", ["f", "w", "c"], ["h"], **legacy),
        node("BatchNormalization", ["h", "g", "b", "m", "v"], ["n"], **attributes),
        node("Dropout", ["n"], ["d"], **attributes),
        node("Relu", ["d"], ["r"]),
        node("Add", ["r", "c"], **legacy),
    ]
    graph = agree(tmp_path, model(nodes, ("n", 3, 4), {"w": W, "c": np.float32([0.5, -1]), **statistics}, opset=opset))
    assert names(graph) == ["reshape", "dense", "batch_normalization", "activation", "affine"]
