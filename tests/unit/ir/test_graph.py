# SPDX-License-Identifier: Apache-2.0
"""Building graphs and asking about them."""

from __future__ import annotations

import pytest

from fpgann.errors import ModelError
from fpgann.ir import GraphBuilder, Node, TensorType, Value
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from tests.unit.ir import samples
from tests.unit.ir.samples import CODES, QUANTIZER, REALS

RELU, FLAT = Activation(Function.RELU), Reshape((3,))


def test_types_grow_with_the_graph() -> None:
    build = GraphBuilder("net")
    x = build.input("x", REALS)
    y = build.add(FLAT, [x], name="flat")
    assert (x, y, build.type(x), build.type(y)) == ("x", "flat", REALS, TensorType((3,)))
    graph = build.build({"out": y})
    assert (graph.name, graph.inputs, graph.outputs) == ("net", (Value("x", REALS),), {"out": "flat"})
    assert graph.types == {"x": REALS, "flat": TensorType((3,))}
    (node,) = graph.nodes
    assert (node.name, node.op, node.inputs, node.outputs, node.output) == ("flat", FLAT, ("x",), ("flat",), "flat")


def test_inputs_keep_their_entry() -> None:
    build = GraphBuilder("net")
    build.input("x", CODES, QUANTIZER)
    assert build.build({"x": "x"}).inputs == (Value("x", CODES, QUANTIZER),)


def test_names_are_made_unique() -> None:
    build = GraphBuilder("net")
    build.input("a", REALS)
    values = [build.add(RELU, ["a"], name="a") for _ in range(3)]
    nodes = build.build({str(i): value for i, value in enumerate(values)}).nodes
    assert values == ["a_2", "a_2_2", "a_3"]
    assert [node.name for node in nodes] == ["a", "a_2", "a_3"]
    assert len({*values, "a"}) == 4


def test_named_outputs() -> None:
    build = GraphBuilder("net")
    build.input("x", REALS)
    assert build.add(RELU, ["x"], name="node", outputs=["result"]) == "result"
    assert build.type("result") == REALS
    with pytest.raises(ValueError, match="value 'result' is defined twice"):
        build.add(RELU, ["x"], name="again", outputs=["result"])
    with pytest.raises(ValueError, match="value 'x' is defined twice"):
        build.input("x", REALS)


def test_refusals_name_the_node() -> None:
    build = GraphBuilder("net")
    build.input("x", REALS)
    with pytest.raises(ModelError, match=r"^node 'turn' \(transpose\): \(1,\) is no permutation of the axes"):
        build.add(Transpose((1,)), ["x"], name="turn")
    assert build.add(RELU, ["x"], name="turn") == "turn"  # the refused node left nothing behind


def test_only_what_outputs_need_is_kept() -> None:
    build = GraphBuilder("net")
    build.input("x", REALS)
    build.input("unused", REALS)
    a = build.add(RELU, ["x"], name="a")
    build.add(RELU, [a], name="dead")
    b = build.add(RELU, [a], name="b")
    graph = build.build({"out": b})
    assert [node.name for node in graph.nodes] == ["a", "b"]
    assert set(graph.types) == {"x", "unused", "a", "b"}
    assert [value.name for value in graph.inputs] == ["x", "unused"]  # the interface stays


def test_producers_and_consumers() -> None:
    graph = samples.small_network()
    by_name = {node.name: node for node in graph.nodes}
    dense, act, reshape = by_name["layers/0:dense"], by_name["act"], by_name["act_2"]
    assert graph.producers()["act"] is act
    assert "x" not in graph.producers()
    consumers = graph.consumers()
    assert (consumers["x"], consumers["act"], consumers["scaled"]) == ([dense], [reshape], [])
    assert graph.only_reader("x") is dense
    assert graph.only_reader("act") is None  # delivered as well
    assert graph.only_reader("scaled") is None
    assert list(consumers) == list(graph.types)


def test_a_value_read_twice_has_no_only_reader() -> None:
    build = GraphBuilder("net")
    build.input("x", REALS)
    a, b = (build.add(RELU, ["x"], name="a") for _ in range(2))
    graph = build.build({"a": a, "b": b})
    assert graph.only_reader("x") is None
    assert [node.name for node in graph.consumers()["x"]] == ["a", "a_2"]


def test_node_with_several_outputs_has_no_single_one() -> None:
    with pytest.raises(ValueError, match="too many values to unpack"):
        _ = Node("n", RELU, ("x",), ("a", "b")).output
