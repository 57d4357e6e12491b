# SPDX-License-Identifier: Apache-2.0
"""The compiled reference gives the bits of the plain one: random graphs, ends of ranges, every form."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir import Graph
from fpgann.numerics.integers import IntArray
from fpgann.reference import run_codes
from fpgann.reference.compiled import CompiledGraph, carrier
from fpgann.reference.compiled.carrier import Carrier
from fpgann.reference.compiled.product import bind_product
from tests.unit.ir.samples import small_network
from tests.unit.reference.graphs import (
    differing,
    ends_and_random,
    graphs,
    jet,
    kernels,
    layer,
)

F = Fraction
EDGE32, EDGE64 = 2**24, 2**53


# whole graphs


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 100))
def test_equals_the_definition_on_random_graphs(graph: Graph, seed: int) -> None:
    inputs = ends_and_random(graph, seed)
    assert differing(graph, inputs) == []
    assert differing(graph, inputs, tuple(graph.types)) == []


def test_delivers_int64_where_the_range_fits() -> None:
    graph = jet()
    (result,) = CompiledGraph(graph).run(ends_and_random(graph)).values()
    assert result.dtype == np.int64


@pytest.mark.parametrize("samples", [0, 1, 2, 511, 512, 513, 1100])
def test_any_number_of_samples(samples: int) -> None:
    graph = jet()
    assert CompiledGraph(graph).rows == 512
    inputs = {name: array[:samples] for name, array in ends_and_random(graph, samples=1100).items()}
    assert differing(graph, inputs) == []


def test_a_network_of_lines_is_one_product_a_layer() -> None:
    assert kernels(jet()) == ["Product float32"] * 4


def test_a_wanted_value_inside_is_delivered() -> None:
    graph = jet()
    assert differing(graph, ends_and_random(graph), ("dense0", "relu1", "x")) == []


def test_leaves_out_what_nobody_wants() -> None:
    assert [s.node for s in CompiledGraph(jet(), ("relu0",)).plan.steps] == ["relu0"]


def test_operators_without_a_fast_form_are_evaluated_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpgann.reference.compiled.plan.FAST", {})
    graph = small_network()
    assert {name.split()[0] for name in kernels(graph)} <= {"Plain", "Cast"}
    inputs = {name: np.clip(array, -100, 100) for name, array in ends_and_random(graph).items()}
    assert differing(graph, inputs, tuple(graph.types)) == []


def test_runs_at_once_in_several_threads() -> None:
    graph = jet()
    compiled = CompiledGraph(graph)
    batches = [ends_and_random(graph, seed, 1500) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(compiled.run, batches))
    for batch, result in zip(batches, results, strict=True):
        np.testing.assert_array_equal(result["dense3"], run_codes(graph, batch)["dense3"])


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.array([[[0, 128]]]), r"input 'x': codes 0\.\.128 leave the range -128\.\.127"),
        (np.array([[[-129, 0]]]), "leave the range"),
        (np.array([[[2**70, 0]]], object), "leave the range"),
    ],
)
def test_refuses_codes_for_which_nothing_is_proven(codes: IntArray, message: str) -> None:
    graph = layer(np.array([[1], [1]]), -128, 127)
    with pytest.raises(ValueError, match=message):
        CompiledGraph(graph).run({"x": codes})


def test_refuses_real_numbers_as_codes() -> None:
    with pytest.raises(TypeError, match="codes are integers, not float64"):
        CompiledGraph(layer(np.array([[1], [1]]), -128, 127)).run({"x": np.zeros((1, 1, 2))})


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64, object, bool])
def test_takes_integers_of_any_kind(kind: type) -> None:
    graph = layer(np.array([[3], [-1]]), -128, 127)
    codes = np.array([[[0, 1]], [[1, 0]]]).astype(kind)
    assert CompiledGraph(graph).run({"x": codes})["dense"].tolist() == [[[-1]], [[3]]]


# products at the edges of the exact integers


def reaching(total: int) -> Graph:
    """A layer whose greatest accumulator is exactly a number, odd if that is odd."""
    half = total // 2
    return layer(np.array([[half], [total - half]]), 0, 1)


EDGES = {
    EDGE32: "Product float32",
    EDGE32 + 1: "Product float64",
    EDGE64: "Product float64",
    EDGE64 + 1: "Plain int64",
    2**63 - 1: "Plain int64",
    2**63: "Plain object",
}


@pytest.mark.parametrize(("total", "kernel"), EDGES.items())
def test_the_range_of_sums_chooses_the_carrier(total: int, kernel: str) -> None:
    graph = reaching(total)
    assert kernels(graph)[-1] == kernel
    (result,) = CompiledGraph(graph).run({"x": np.ones((1, 1, 2), np.int64)}).values()
    assert result.item() == total


@pytest.mark.parametrize(("kind", "edge"), [(Carrier.FLOAT32, EDGE32), (Carrier.FLOAT64, EDGE64)])
def test_a_bound_that_is_off_by_one_is_noticed(monkeypatch: pytest.MonkeyPatch, kind: Carrier, edge: int) -> None:
    monkeypatch.setitem(carrier._EXACT, kind, edge + 1)
    graph = reaching(edge + 1)
    assert kernels(graph)[-1] == f"Product {kind.value}"
    assert differing(graph, {"x": np.ones((1, 1, 2), np.int64)}) == ["dense"]


def test_partial_sums_count() -> None:
    graph = layer(np.array([[2**24], [1], [-(2**24)]]), 0, 1)  # the sum is small, what is added on the way is not
    assert kernels(graph)[-1] == "Product float64"


def test_the_bias_counts() -> None:
    graph = layer(np.array([[2**24 - 1], [1]]), 0, 1, bias=np.array([1]))
    assert kernels(graph)[-1] == "Product float64"
    assert differing(graph, {"x": np.ones((1, 1, 2), np.int64)}) == []


def test_input_codes_count_even_if_no_weight_reads_them() -> None:
    graph = layer(np.array([[0], [1]]), -(2**30) - 1, 2**30 + 1)
    assert differing(graph, ends_and_random(graph)) == []


@pytest.mark.parametrize("shape", [(16, 64), (64, 32), (300, 900), (2000, 200)])
def test_products_stay_small_enough_for_one_thread(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]) -> None:
    seen = []
    matmul = np.matmul

    def spy(x: IntArray, weights: IntArray, out: IntArray) -> None:
        seen.append(x.shape[-2] * weights.size)
        matmul(x, weights, out=out)

    rng = np.random.default_rng(0)
    weights, x = (rng.integers(-3, 4, s).astype(np.float32) for s in (shape, (37, shape[0])))
    multiply, out = bind_product(weights), np.empty((37, shape[1]), np.float32)
    monkeypatch.setattr(np, "matmul", spy)
    multiply(out, x)
    assert np.array_equal(out, x @ weights)
    assert all(size <= max(1 << 18, weights.size) for size in seen)
