# SPDX-License-Identifier: Apache-2.0
"""Transposes cancel without changing what a graph computes."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.ir import Constant, Graph, GraphBuilder, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.softmax import Softmax
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.ir.verify import verify
from fpgann.numerics.rounding import Rounding
from fpgann.passes import MoveTransposes
from fpgann.passes import move_transposes as module
from fpgann.reference import run_values

RNG = np.random.default_rng(0)
LAST, FIRST = Transpose((0, 2, 3, 1)), Transpose((0, 3, 1, 2))
ONE = np.ones(())


class Network:
    """A graph that grows: every convolution stands between transposes, as the import makes them."""

    def __init__(self, shape: tuple[int, ...] = (1, 3, 4, 5)) -> None:
        self.build = GraphBuilder("network")
        self.x = self.build.input("x", TensorType(shape))

    def add(self, op: object, *operands: str, name: str = "node") -> str:
        return self.build.add(op, operands, name=name)

    def conv(self, value: str, outputs: int = 3) -> str:
        ones = (1, 1)
        seen = self.add(Windows((3, 3), ones, ones, (1, 1, 1, 1)), self.add(LAST, value), name="windows")
        weight = Constant(RNG.normal(size=(9 * self.build.type(value).shape[1], outputs)))
        return self.add(FIRST, self.add(Dense(weight, Constant(RNG.normal(size=outputs))), seen, name="conv"))

    def check(self, *outputs: str, transposes: int) -> Graph:
        """The same values from fewer transposes."""
        graph = verify(self.build.build({f"y{i}": value for i, value in enumerate(outputs)}), "building")
        moved = verify(MoveTransposes().apply(graph), "moving")
        x = RNG.normal(size=(3, *graph.inputs[0].type.shape))
        before, after = run_values(graph, {"x": x}), run_values(moved, {"x": x})
        for delivered, name in graph.outputs.items():
            got = after[moved.outputs[delivered]]
            assert got.shape == before[name].shape
            assert np.allclose(got, before[name], rtol=1e-12, atol=1e-12)
        assert sum(isinstance(node.op, Transpose) for node in moved.nodes) == transposes
        return moved


def test_element_wise_operators_between_convolutions():
    net = Network()
    column = RNG.uniform(1, 2, (3, 1, 1))
    value = net.conv(net.x)
    value = net.add(BatchNormalization(*RNG.uniform(1, 2, (4, 3)), 1e-5), value)
    value = net.add(Activation(Function.LEAKY_RELU, (column,)), value)
    value = net.add(Affine(column, ONE, RNG.normal(size=(1, 1, 4, 1))), value)
    value = net.add(Quantize(column[None] / 8, np.zeros(()), -99, 99, Rounding.RND), value)
    net.check(net.conv(value), transposes=2)


def test_a_flattened_map_is_taken_by_the_weights():
    net = Network()
    value = net.add(Activation(Function.RELU), net.add(Reshape((1, 60)), net.conv(net.x)))
    dense = Dense(Constant(RNG.normal(size=(60, 2))))
    net.check(net.add(dense, value, name="dense"), transposes=1)


def test_skips_joins_and_scales():
    net = Network()
    value = net.conv(net.x)
    other = net.add(Activation(Function.RELU), net.conv(value))
    total = net.add(Add(), other, value)
    mean = net.add(Reduce(Reduction.SUM, (-2, -1)), total)
    scaled = net.add(Multiply(), total, net.add(Activation(Function.SIGMOID), mean))
    index = np.concatenate([np.arange(60).reshape(1, 3, 4, 5), 60 + np.arange(60).reshape(1, 3, 4, 5)], 1)
    joined = net.add(Arrange(index, np.zeros(0)), scaled, value)
    net.check(net.conv(joined, 2), transposes=2)


def test_axes_of_size_one_come_and_go():
    net = Network((1, 7, 3))
    value = net.add(Reshape((1, 3, 1, 7)), net.add(Transpose((0, 2, 1)), net.x))
    value = net.conv(value)
    value = net.add(Transpose((0, 2, 1)), net.add(Reshape((1, 3, 7)), value))
    net.check(value, transposes=0)


def test_a_map_of_one_position_needs_no_transpose():
    net = Network()
    value = net.add(Reduce(Reduction.SUM, (-2, -1)), net.conv(net.x))
    value = net.add(Dense(Constant(RNG.normal(size=(3, 2)))), net.add(Reshape((1, 3)), value), name="dense")
    net.check(value, transposes=1)


def test_softmax_over_channels_and_several_readers():
    net = Network()
    value = net.conv(net.x)
    net.check(net.add(Softmax(-3), value), value, transposes=3)


def test_operands_in_another_order_stay_right():
    net = Network()
    turned = net.add(Transpose((0, 1, 3, 2)), net.conv(net.x))
    net.check(net.add(Add(), turned, net.add(Reshape((1, 3, 5, 4)), net.x)), transposes=3)


def test_graphs_without_windows_stay_as_they_are():
    net = Network()
    graph = net.build.build({"y": net.add(LAST, net.x)})
    assert MoveTransposes().apply(graph) is graph


def test_twin_that_permutes_rows_the_wrong_way(monkeypatch):
    positions = module.Moved.positions
    monkeypatch.setattr(module.Moved, "positions", lambda self, shape: np.argsort(positions(self, shape)))
    with pytest.raises(AssertionError):
        test_a_flattened_map_is_taken_by_the_weights()


def test_twin_that_forgets_constants(monkeypatch):
    monkeypatch.setattr(module, "_permuted", lambda constant, inverse: constant)
    with pytest.raises(Exception, match=r".*"):
        test_element_wise_operators_between_convolutions()
