# SPDX-License-Identifier: Apache-2.0
"""Quantizers move up through arrangements, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.ir import Graph, GraphBuilder, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.verify import verify
from fpgann.numerics.rounding import Rounding
from fpgann.passes.hoist_quantize import HoistQuantize
from fpgann.reference import run_values

STEP = Quantize(np.array(0.3), np.array(1.0), -4, 3, Rounding.RND_CONV)


def joined(op: Quantize = STEP, *, constants: tuple[float, ...] = (), relu: bool = True, spy: bool = False) -> Graph:
    builder = GraphBuilder("g")
    for name, size in (("x", 3), ("y", 2)):
        builder.input(name, TensorType((1, size)))
    index = np.array([[4, 0, 3, 1, *range(5, 5 + len(constants))]])
    value = builder.add(Arrange(index, np.array(constants)), ("x", "y"), name="concat")
    outputs = {"seen": value} if spy else {}
    value = builder.add(Activation(Function.RELU), (value,), name="relu") if relu else value
    return builder.build({"out": builder.add(op, (value,), name="quantize")} | outputs)


def operators(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


@pytest.mark.parametrize("constants", [(), (0.44, -7.0, 0.0)])
def test_quantizes_before_it_joins(constants: tuple[float, ...]) -> None:
    graph = joined(constants=constants, relu=not constants)
    hoisted = verify(HoistQuantize().apply(graph), "hoisting")
    assert operators(hoisted)[-1] == "arrange"
    assert operators(hoisted).count("quantize") == 2
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(50, 1, 3)), "y": rng.normal(size=(50, 1, 2))}
    wanted, got = (run_values(g, data)[g.outputs["out"]] for g in (graph, hoisted))
    assert np.array_equal(wanted, got)


@pytest.mark.parametrize(
    "graph",
    [
        joined(spy=True),
        joined(constants=(1.0,)),
        joined(Quantize(np.linspace(0.1, 0.4, 4), np.array(0.0), -4, 3, Rounding.RND_CONV)),
    ],
    ids=["something else reads it", "a constant before an activation", "scales per channel"],
)
def test_leaves_the_rest_alone(graph: Graph) -> None:
    assert operators(HoistQuantize().apply(graph)) == operators(graph)
