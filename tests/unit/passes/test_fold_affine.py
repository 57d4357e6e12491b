# SPDX-License-Identifier: Apache-2.0
"""Folding keeps the function of a graph."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.ir import Constant, Encoding, Graph, GraphBuilder, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.fixed import FixedType
from fpgann.passes import FoldAffine
from fpgann.reference import run_values

ONE, ZERO = np.ones(()), np.zeros(())


def operator(kind: str, size: int, rng: np.random.Generator) -> tuple[object, int]:
    wide = int(rng.integers(1, 6))
    match kind:
        case "dense":
            bias = Constant(rng.normal(size=wide)) if rng.random() < 0.5 else None
            return Dense(Constant(rng.normal(size=(size, wide))), bias), wide
        case "norm":
            mean, gamma, beta = rng.normal(size=(3, size))
            return BatchNormalization(gamma, beta, mean, rng.random(size) + 0.1, 1e-5), size
        case "affine":
            shape = (size,) if rng.random() < 0.5 else ()
            return Affine(rng.normal(size=shape), rng.random(shape) + 0.5, rng.normal(size=shape)), size
        case _:
            return Activation(Function.RELU), size


def random_graph(seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("random")
    size = int(rng.integers(1, 6))
    value = builder.input("x", TensorType((1, size)))
    outputs = {}
    for index in range(int(rng.integers(1, 9))):
        kind = str(rng.choice(["dense", "norm", "affine", "relu"]))
        op, size = operator(kind, size, rng)
        value = builder.add(op, (value,), name=f"{kind}{index}")  # type: ignore[arg-type]
        if rng.random() < 0.2:
            outputs[f"tap{index}"] = value
    return builder.build({**outputs, "y": value})


@pytest.mark.parametrize("seed", range(60))
def test_folding_keeps_every_output(seed: int) -> None:
    graph = random_graph(seed)
    folded = FoldAffine().apply(graph)
    data = {"x": np.random.default_rng(seed).normal(size=(7, *graph.inputs[0].type.shape))}
    before, after = run_values(graph, data), run_values(folded, data)
    for name, value in graph.outputs.items():
        np.testing.assert_allclose(after[folded.outputs[name]], before[value], rtol=1e-9, atol=1e-9)


def test_a_chain_becomes_one_layer() -> None:
    builder = GraphBuilder("chain")
    x = builder.input("x", TensorType((1, 3)))
    x = builder.add(BatchNormalization(*np.ones((4, 3)), 1e-5), (x,), name="norm0")
    x = builder.add(Dense(Constant(np.ones((3, 2)))), (x,), name="fc")
    x = builder.add(Affine(ONE, ONE, np.array([1.0, 2.0])), (x,), name="bias")
    x = builder.add(BatchNormalization(*np.ones((4, 2)), 1e-5), (x,), name="norm1")
    folded = FoldAffine().apply(builder.build({"y": x}))
    assert [node.op.name for node in folded.nodes] == ["dense"]


def test_quantized_weights_absorb_only_a_bias() -> None:
    builder = GraphBuilder("coded")
    x = builder.input("x", TensorType((1, 2)))
    weight = Constant(np.array([[1], [-2]]), Encoding.of(FixedType(True, 3, 0)))
    x = builder.add(Dense(weight), (x,), name="fc")
    x = builder.add(Affine(ONE, ONE, np.array([0.5])), (x,), name="bias")
    x = builder.add(BatchNormalization(*np.ones((4, 1)), 1e-5), (x,), name="norm")
    folded = FoldAffine().apply(builder.build({"y": x}))
    assert [node.op.name for node in folded.nodes] == ["dense", "batch_normalization"]


def convolution(shift: float, fill: float = 0.0, pads: tuple[int, ...] = (1, 1), groups: int = 2) -> Graph:
    """Scaling in front of windows, a dense layer in groups, its results interleaved, normalized."""
    rng = np.random.default_rng(5)
    build = GraphBuilder("convolution")
    value = build.input("x", TensorType((1, 5, 4)))
    value = build.add(Affine(rng.normal(size=4), ONE, shift * rng.normal(size=4)), (value,), name="scaling")
    value = build.add(Windows((3,), (1,), (1,), pads, fill, groups), (value,), name="windows")
    value = build.add(Dense(Constant(rng.normal(size=(12 // groups, 4))), groups=groups), (value,), name="conv")
    positions = build.type(value).shape[1]
    index = np.arange(positions * 4).reshape(1, positions, 2, 2).transpose(0, 1, 3, 2).reshape(1, 2 * positions, 2)
    value = build.add(Arrange(index, np.zeros(0)), (value,), name="interleave")
    value = build.add(Reshape((1, 1, 2 * positions, 2)), (value,), name="shape")
    norm = BatchNormalization(*(rng.random((4, 2)) + 0.1), 1e-5, axis=3)
    return build.build({"y": build.add(norm, (value,), name="norm")})


@pytest.mark.parametrize(
    ("graph", "left"),
    [
        (convolution(0.0), []),
        (convolution(1.0), ["affine"]),  # what is padded would be shifted too
        (convolution(1.0, pads=(0, 0)), []),
        (convolution(1.0, pads=(0, 0), groups=1), []),
        (convolution(0.0, fill=1.0), ["affine"]),
    ],
)
def test_scaling_moves_through_windows_and_interleaved_results(graph: Graph, left: list[str]) -> None:
    folded = FoldAffine().apply(graph)
    data = {"x": np.random.default_rng(7).normal(size=(7, 1, 5, 4))}
    before, after = run_values(graph, data), run_values(folded, data)
    np.testing.assert_allclose(after[folded.outputs["y"]], before[graph.outputs["y"]], rtol=1e-9, atol=1e-9)
    assert [node.op.name for node in folded.nodes] == [*left, "windows", "dense", "arrange", "reshape"]


def test_a_twin_that_forgets_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Windows, "touches_padding", lambda self, sizes: False)
    with pytest.raises(AssertionError):
        test_scaling_moves_through_windows_and_interleaved_results(convolution(1.0), [])


def test_a_line_that_repeats_its_operand_stays() -> None:
    """One number times a row of numbers: more elements than the layer in front has."""
    builder = GraphBuilder("outer")
    x = builder.input("x", TensorType((1, 3)))
    y = builder.add(Dense(Constant(np.ones((3, 1)))), [x], name="y")
    row = Affine(np.arange(1.0, 5.0).reshape(1, 4), np.ones(()), np.zeros(()))
    z = builder.add(row, [y], name="z")
    graph = builder.build({"w": builder.add(Dense(Constant(np.ones((4, 2)))), [z], name="w")})
    folded = FoldAffine().apply(graph)
    values = {"x": np.array([[[1.0, 2.0, 3.0]]])}
    assert np.array_equal(run_values(folded, values)["w"], run_values(graph, values)["w"])
