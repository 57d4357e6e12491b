# SPDX-License-Identifier: Apache-2.0
"""Operators with several operands, compiled: the bits of the definition, in the carrier that the ranges allow."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir import Encoding, Graph, GraphBuilder, Operator, TensorType
from fpgann.ir.alignment import align
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.select import Select
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange
from fpgann.reference.compiled import CompiledGraph, carrier
from fpgann.reference.compiled.kernel import FAST
from tests.unit.reference.graphs import codes, differing, ends_and_random

F = Fraction
SHAPE = (1, 4, 4)
Maker = Callable[[list[Encoding]], Operator]


def graph_of(make: Maker, encodings: list[Encoding]) -> Graph:
    """One operator on as many inputs as there are encodings."""
    build = GraphBuilder("one")
    names = [build.input(f"x{i}", TensorType(SHAPE, encoding)) for i, encoding in enumerate(encodings)]
    return build.build({"y": build.add(make(encodings), names, name="y")})


def kernel_of(graph: Graph) -> str:
    last = CompiledGraph(graph).plan.steps[-1]
    return f"{type(last.kernel).__name__} {last.output[1].value}"


def arrange(encodings: list[Encoding]) -> Arrange:
    index = np.arange(sum(16 for _ in encodings) + 2).reshape(1, -1)[:, ::-1]
    return Arrange(index, np.array([0, 1]), align(encodings).alignment)


ONE: dict[str, Maker] = {
    "argmax": lambda e: ArgExtreme(greatest=True, axis=-1),
    "last argmin": lambda e: ArgExtreme(greatest=False, axis=-2, last=True),
    "sum": lambda e: Reduce(Reduction.SUM, (-2, -1)),
    "max": lambda e: Reduce(Reduction.MAXIMUM, (-1,)),
    "arrange one": arrange,
}
TWO: dict[str, Maker] = {
    "add": lambda e: Add(align(e, sum_offsets=True).alignment),
    "greatest": lambda e: Extreme(greatest=True, alignment=align(e).alignment),
    "least": lambda e: Extreme(greatest=False, alignment=align(e).alignment),
    "greater": lambda e: Compare(Relation.GREATER, align(e).alignment),
    "equal": lambda e: Compare(Relation.EQUAL, align(e).alignment),
    "arrange": arrange,
    "multiply": lambda e: Multiply(),
    "matrix product": lambda e: MatrixProduct(),
    "keep winner": lambda e: KeepWinner(-1, e[0].range.low),
}
EVERY = {**dict.fromkeys(ONE, 1), **dict.fromkeys(TWO, 2)}
MAKERS = {**ONE, **TWO}


def test_every_operator_of_several_operands_is_here() -> None:
    made = {type(make([codes(0, 1), codes(0, 1)])) for make in MAKERS.values()} | {Select}
    folder = "fpgann.reference.compiled.ops."
    carried = {key for key in FAST if FAST[key].__module__.startswith(folder)}
    assert made <= carried


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 34), st.booleans(), st.integers(-2, 2)), min_size=2, max_size=2))
def test_operators_equal_their_definition(name: str, kinds: list[tuple[int, bool, int]]) -> None:
    encodings = []
    for width, signed, frac in kinds[: EVERY[name]]:
        fixed = FixedType(signed, width, frac)
        encodings.append(Encoding.of(fixed))
    graph = graph_of(MAKERS[name], encodings)
    assert differing(graph, ends_and_random(graph)) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(-3, 3), st.integers(0, 99))
def test_choices_equal_their_definition(width: int, frac: int, seed: int) -> None:
    def make(encodings: list[Encoding]) -> Select:
        return Select(align(encodings[1:]).alignment)

    encodings = [codes(0, 1), Encoding.of(FixedType(True, width, 0)), Encoding.of(FixedType(False, 8, frac))]
    graph = graph_of(make, encodings)
    assert differing(graph, ends_and_random(graph, seed)) == []


@pytest.mark.parametrize(("name", "zeros"), [("multiply", (3, -5)), ("matrix product", (-128, 7))])
def test_zero_points_are_taken_away(name: str, zeros: tuple[int, int]) -> None:
    encodings = [Encoding(FixedType(True, 8, 0), CodeRange(-128, 127), (F(1, 3),), (F(-zero, 3),)) for zero in zeros]
    kind = Multiply if name == "multiply" else MatrixProduct
    graph = graph_of(lambda e: kind(zeros), encodings)
    assert kernel_of(graph) == "Carried float32"
    assert differing(graph, ends_and_random(graph)) == []


# the greatest codes for which float32 holds everything: one more, and it does not
EDGES: dict[str, list[int]] = {
    "sum": [2**20],
    "add": [2**23, 2**23],
    "multiply": [2**12, 2**12],
    "matrix product": [2**11, 2**11],
    "keep winner": [2**24 - 1, 2**24],
}


@pytest.mark.parametrize("name", EDGES)
def test_the_edge_of_the_exact_integers(name: str) -> None:
    most = EDGES[name]
    for extra, wanted in ((0, "Carried float32"), (1, "Carried float64")):
        graph = graph_of(MAKERS[name], [codes(0, most[0] + extra), *(codes(0, top) for top in most[1:])])
        assert kernel_of(graph) == wanted
        assert differing(graph, ends_and_random(graph)) == []


@pytest.mark.parametrize("name", ["sum", "add", "multiply"])
def test_a_bound_that_is_too_wide_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(carrier._EXACT, carrier.Carrier.FLOAT32, 2**25)
    most = EDGES[name]
    graph = graph_of(MAKERS[name], [codes(0, most[0] + 1), *(codes(0, top + 1) for top in most[1:])])
    assert kernel_of(graph) == "Carried float32"
    inputs: dict[str, IntArray] = {}
    for value in graph.inputs:
        inputs[value.name] = np.full((1, *SHAPE), value.type.codes.range.high)
    inputs["x0"][0, 0, 0, 0] -= 1  # an odd sum
    assert differing(graph, inputs) == ["y"]


def test_what_no_float_holds_is_evaluated_plainly() -> None:
    graph = graph_of(TWO["multiply"], [codes(0, 2**40), codes(0, 2**40)])
    assert kernel_of(graph) == "Plain object"
    assert differing(graph, ends_and_random(graph)) == []


def test_a_value_may_be_read_twice() -> None:
    build = GraphBuilder("twice")
    x = build.input("x", TensorType((1, 3), codes(-9, 9)))
    alignment = align([codes(-9, 9)] * 2).alignment
    graph = build.build({"y": build.add(Add(alignment), [x, x], name="y")})
    assert differing(graph, ends_and_random(graph)) == []
