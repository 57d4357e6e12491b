# SPDX-License-Identifier: Apache-2.0
"""Products that are functions become functions; the others stay."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.ir import Graph
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.verify import verify
from fpgann.passes.fuse_gates import FuseGates
from fpgann.reference import run_values
from tests.unit.frontend.models import load, model, node, operators


def fused(graph: Graph) -> Graph:
    result = verify(FuseGates().apply(graph), "fusing")
    x = np.random.default_rng(0).normal(0, 2, (20, 1, 4))
    before, after = (run_values(g, {"x": x})[g.outputs["y"]] for g in (graph, result))
    assert np.max(np.abs(before - after)) < 1e-12
    return result


@pytest.mark.parametrize("operands", [["x", "s"], ["s", "x"]])
def test_swish(tmp_path, operands):
    graph = load(tmp_path, model([node("Sigmoid", ["x"], ["s"]), node("Mul", operands)]))
    (op,) = operators(fused(graph))
    assert isinstance(op, Activation)
    assert (op.function, float(op.parameters[0])) == (Function.SWISH, 1.0)


def test_swish_of_a_multiple(tmp_path):
    nodes = [node("Mul", ["x", "c"], ["m"]), node("Sigmoid", ["m"], ["s"]), node("Mul", ["x", "s"])]
    (op,) = operators(fused(load(tmp_path, model(nodes, constants={"c": np.float32(1.702)}))))
    assert isinstance(op, Activation)
    assert float(op.parameters[0]) == float(np.float32(1.702))


def test_mish(tmp_path):
    nodes = [node("Softplus", ["x"], ["p"]), node("Tanh", ["p"], ["t"]), node("Mul", ["x", "t"])]
    (op,) = operators(fused(load(tmp_path, model(nodes))))
    assert isinstance(op, Activation)
    assert op.function is Function.MISH


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Relu", ["x"], ["r"]), node("Sigmoid", ["r"], ["s"]), node("Mul", ["x", "s"])],
        [node("Tanh", ["x"], ["s"]), node("Mul", ["x", "s"])],
        [node("Add", ["x", "c"], ["a"]), node("Sigmoid", ["a"], ["s"]), node("Mul", ["x", "s"])],
        [node("Mul", ["x", "v"], ["a"]), node("Sigmoid", ["a"], ["s"]), node("Mul", ["x", "s"])],
    ],
)
def test_others_stay(tmp_path, nodes):
    constants = {"c": np.float32(1), "v": np.array([1, 2, 3, 4], np.float32)}
    used = {name: value for name, value in constants.items() if any(name in n.input for n in nodes)}
    graph = load(tmp_path, model(nodes, constants=used))
    assert [op.name for op in operators(fused(graph))] == [op.name for op in operators(graph)]


def test_a_gate_that_is_used_elsewhere_stays_too(tmp_path):
    nodes = [node("Sigmoid", ["x"], ["s"]), node("Mul", ["x", "s"], ["m"]), node("Add", ["m", "s"])]
    names = [op.function.value for op in operators(fused(load(tmp_path, model(nodes)))) if isinstance(op, Activation)]
    assert sorted(names) == ["sigmoid", "swish"]
