# SPDX-License-Identifier: Apache-2.0
"""Rows one after another: which operators join a body, and that no code changes."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import VerificationError
from fpgann.ir import Encoding, Graph, GraphBuilder
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.top_k import TopK
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.types import Constant, TensorType
from fpgann.numerics.fixed import FixedType
from fpgann.passes.fold_rows import FoldRows
from fpgann.reference.equivalence import check_same_codes

CODES = Encoding.of(FixedType(True, 6, 3))
WEIGHTS = Encoding.of(FixedType(True, 4, 1))


def aligned(operands: int) -> Alignment:
    return Alignment((np.ones((), np.int64),) * operands, (np.zeros((), np.int64),) * operands)


def weights(inputs: int, outputs: int) -> Constant:
    return Constant(np.random.default_rng(inputs).integers(-8, 8, (inputs, outputs)), WEIGHTS)


def clouds(graph: Graph) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    generator = np.random.default_rng(1)
    return {value.name: generator.integers(-32, 32, (20, *value.type.shape)) for value in graph.inputs}


def bodies(graph: Graph) -> list[Repeat]:
    return [node.op for node in graph.nodes if isinstance(node.op, Repeat)]


def test_layers_of_every_token_become_one_body() -> None:
    builder = GraphBuilder("tokens")
    x = builder.input("x", TensorType((1, 5, 3), CODES))
    y = builder.add(Dense(weights(3, 4)), [x], name="first")
    z = builder.add(Dense(weights(4, 2)), [y], name="second")
    graph = builder.build({"z": z})
    folded = FoldRows().apply(graph)
    (body,) = bodies(folded)
    assert (body.steps, body.states, body.scanned, body.names) == (5, 0, 1, ("first", "second"))
    check_same_codes(graph, folded, clouds(graph), "folding")


@pytest.mark.parametrize(("shape", "count"), [((1, 6, 1), 1), ((1, 6), 0)])
def test_rows_of_one_number_are_rows_and_features_are_none(shape: tuple[int, ...], count: int) -> None:
    builder = GraphBuilder("sensors")
    x = builder.input("x", TensorType(shape, CODES))
    graph = builder.build({"y": builder.add(Dense(weights(shape[-1], 4)), [x], name="layer")})
    folded = FoldRows().apply(graph)
    assert [body.steps for body in bodies(folded)] == [6] * count
    check_same_codes(graph, folded, clouds(graph), "folding")


def test_results_of_all_rows_begin_another_body() -> None:
    """Every row multiplied with every row, twice: the second time needs the first of all rows."""
    builder = GraphBuilder("attention")
    x = builder.input("x", TensorType((1, 4, 3), CODES))
    t = builder.add(Transpose((0, 2, 1)), [x], name="t")
    scores = builder.add(MatrixProduct(), [x, t], name="scores")
    mixed = builder.add(MatrixProduct(), [scores, x], name="mixed")
    back = builder.add(Transpose((0, 2, 1)), [mixed], name="back")
    y = builder.add(MatrixProduct(), [x, back], name="y")
    graph = builder.build({"y": y})
    folded = FoldRows().apply(graph)
    assert [body.names for body in bodies(folded)] == [("scores", "mixed"), ("y",)]
    assert all(body.scanned == 1 and body.steps == 4 for body in bodies(folded))
    check_same_codes(graph, folded, clouds(graph), "folding")


def test_what_two_bodies_need_is_computed_once() -> None:
    builder = GraphBuilder("shared")
    x = builder.input("x", TensorType((1, 4, 3), CODES))
    y = builder.add(Dense(weights(3, 3)), [x], name="shared")
    nearest = builder.add(TopK(2, -1, True, True), [y], name="nearest")
    total = builder.add(Reduce(Reduction.SUM, (-1,)), [y], name="total")
    graph = builder.build({"nearest": nearest, "total": total})
    folded = FoldRows().apply(graph)
    assert sorted(name for body in bodies(folded) for name in body.names) == ["nearest", "shared", "total"]
    check_same_codes(graph, folded, clouds(graph), "folding")


def test_rows_pass_through_reshapes_and_wires() -> None:
    builder = GraphBuilder("edges")
    x = builder.input("x", TensorType((1, 4, 2), CODES))
    here = builder.add(Reshape((1, 4, 1, 2)), [x], name="here")
    twice = np.arange(8).reshape(1, 4, 1, 2).repeat(3, axis=2)
    edges = builder.add(Arrange(twice, np.zeros(0, np.int64), aligned(1), "expand"), [here], name="edges")
    flat = builder.add(Reshape((12, 2)), [edges], name="flat")
    y = builder.add(Dense(weights(2, 2)), [flat], name="y")
    graph = builder.build({"y": y})
    folded = FoldRows().apply(graph)
    (body,) = bodies(folded)
    assert body.names == ("here", "edges", "flat", "y")
    check_same_codes(graph, folded, clouds(graph), "folding")


@pytest.mark.parametrize("axis", [-2, -1])
def test_a_reduction_of_rows_stays(axis: int) -> None:
    builder = GraphBuilder("pool")
    x = builder.input("x", TensorType((1, 4, 3), CODES))
    y = builder.add(Dense(weights(3, 3)), [x], name="layer")
    pooled = builder.add(Reduce(Reduction.MAXIMUM, (axis,)), [y], name="pooled")
    graph = builder.build({"pooled": pooled})
    folded = FoldRows().apply(graph)
    assert [body.names for body in bodies(folded)] == [("layer",) if axis == -2 else ("layer", "pooled")]
    check_same_codes(graph, folded, clouds(graph), "folding")


def test_rows_that_differ_stay() -> None:
    """Each element has a shift of its own."""
    builder = GraphBuilder("shifts")
    x = builder.input("x", TensorType((1, 3, 2), CODES))
    y = builder.input("y", TensorType((1, 3, 2), CODES))
    shifts = Alignment(
        (np.ones((), np.int64), np.ones((), np.int64)), (np.arange(6).reshape(1, 3, 2), np.zeros((), np.int64))
    )
    graph = builder.build({"z": builder.add(Add(shifts), [x, y], name="z")})
    assert bodies(FoldRows().apply(graph)) == []


def test_names_that_are_taken_stay() -> None:
    builder = GraphBuilder("names")
    x = builder.input("x", TensorType((1, 4, 3), CODES))
    y = builder.add(Dense(weights(3, 3)), [x], name="y")
    pooled = builder.add(Reduce(Reduction.SUM, (-2,)), [y], name="x_rows")
    graph = builder.build({"y": y, "pooled": builder.add(Dense(weights(3, 2)), [pooled], name="y_by_row")})
    folded = FoldRows().apply(graph)
    assert len(bodies(folded)) == 1
    check_same_codes(graph, folded, clouds(graph), "folding")


def test_channels_may_come_first() -> None:
    """The axis counts with which most is folded."""
    builder = GraphBuilder("first")
    x = builder.input("x", TensorType((1, 3, 8), CODES))
    t = builder.add(Transpose((0, 2, 1)), [x], name="t")
    y = builder.add(Dense(weights(3, 6)), [t], name="y")
    graph = builder.build({"y": builder.add(Transpose((0, 2, 1)), [y], name="back")})
    folded = FoldRows().apply(graph)
    assert [(body.steps, body.names) for body in bodies(folded)] == [(8, ("t", "y"))]
    check_same_codes(graph, folded, clouds(graph), "folding")


def test_a_vector_has_no_rows() -> None:
    builder = GraphBuilder("vector")
    x = builder.input("x", TensorType((1, 3), CODES))
    graph = builder.build({"y": builder.add(Dense(weights(3, 3)), [x], name="y")})
    assert bodies(FoldRows().apply(graph)) == []


def test_another_function_is_noticed() -> None:
    def graph(count: int) -> Graph:
        builder = GraphBuilder("net")
        x = builder.input("x", TensorType((1, 3), CODES))
        op = Dense(Constant(np.full((3, 3), count), WEIGHTS))
        return builder.build({"y": builder.add(op, [x], name="y")})

    with pytest.raises(VerificationError, match="value 'y' changes its codes"):
        check_same_codes(graph(1), graph(2), clouds(graph(1)), "folding")
