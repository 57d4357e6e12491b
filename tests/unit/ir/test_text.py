# SPDX-License-Identifier: Apache-2.0
"""The text of a graph; tests/golden/ holds whole examples."""

from __future__ import annotations

from fpgann.ir import GraphBuilder
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.text import to_text
from tests.unit.ir import samples
from tests.unit.ir.samples import REALS


def test_one_line_each() -> None:
    build = GraphBuilder("net")
    x = build.input("x", REALS)
    y = build.add(Activation(Function.RELU), [x], name="relu", outputs=["y"])
    assert to_text(build.build({"out": y})).splitlines() == [
        "graph net {",
        "  input  x : real[1x3]",
        "  y : real[1x3] = activation(x) {relu}",
        "  output out = y",
        "}",
    ]


def test_no_braces_without_attributes() -> None:
    build = GraphBuilder("net")
    one = samples.np.array(1.0)
    y = build.add(Affine(one, one, one - 1), [build.input("x", REALS)], name="nothing")
    assert "  nothing : real[1x3] = affine(x)\n" in to_text(build.build({"y": y}))


def test_every_node_and_value_is_shown() -> None:
    for graph in (samples.small_network(), samples.real_network()):
        text = to_text(graph)
        assert text.endswith("}\n")
        assert len(text.splitlines()) == 2 + len(graph.inputs) + len(graph.nodes) + len(graph.outputs)
        for node in graph.nodes:
            assert f"  {node.output} : {graph.types[node.output]} = {node.op.name}({node.inputs[0]})" in text
