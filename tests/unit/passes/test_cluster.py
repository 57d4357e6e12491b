# SPDX-License-Identifier: Apache-2.0
"""Merging what is the same changes nothing; merging what is alike stays within its bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.numerics.integers import FloatArray
from fpgann.passes.cluster import Pair, code_book, drop_dead, merge_neurons


def relu(values: FloatArray) -> FloatArray:
    return np.maximum(values, 0.0)


def sums(pair: Pair, x: FloatArray) -> FloatArray:
    """What the second layer computes for inputs of shape (samples, inputs)."""
    hidden = relu(x @ pair.rows.T + pair.bias)
    return np.einsum("sn,onb->so", hidden, pair.columns) + pair.next_bias


def random_pair(seed: int, neurons: int = 6, inputs: int = 4, outputs: int = 3) -> tuple[Pair, FloatArray]:
    rng = np.random.default_rng(seed)
    pair = Pair(
        rng.normal(size=(neurons, inputs)),
        rng.normal(size=neurons),
        rng.normal(size=(outputs, neurons, 1)),
        rng.normal(size=outputs),
    )
    return pair, rng.uniform(-1, 1, (50, inputs))


@given(st.integers(0, 10_000))
def test_copies_and_positive_multiples_merge_exactly(seed: int) -> None:
    pair, x = random_pair(seed)
    pair.rows[3], pair.bias[3] = pair.rows[0], pair.bias[0]
    pair.rows[5], pair.bias[5] = 2.5 * pair.rows[1], 2.5 * pair.bias[1]
    merged = merge_neurons(pair)
    assert merged.members == ((0, 3), (1, 5), (2,), (4,))
    assert merged.error_bound == 0
    assert np.allclose(sums(merged.pair, x), sums(pair, x), rtol=0, atol=1e-12)


def test_a_negative_multiple_does_not_merge() -> None:
    pair, _ = random_pair(1)
    pair.rows[1], pair.bias[1] = -pair.rows[0], -pair.bias[0]
    assert len(merge_neurons(pair).members) == 6


def test_a_multiple_does_not_merge_where_factors_do_not_pass() -> None:
    pair, _ = random_pair(2)
    pair.rows[1], pair.bias[1] = 2 * pair.rows[0], 2 * pair.bias[0]
    pair.rows[3], pair.bias[3] = pair.rows[2], pair.bias[2]
    merged = merge_neurons(pair, homogeneous=False)
    assert merged.members == ((0,), (1,), (2, 3), (4,), (5,))


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_what_is_alike_merges_to_the_wanted_count_within_the_bound(seed: int, keep: int) -> None:
    pair, x = random_pair(seed)
    merged = merge_neurons(pair, keep=keep, largest_input=np.abs(x).max(axis=0))
    assert len(merged.members) == keep
    assert sorted(n for group in merged.members for n in group) == list(range(6))
    moved = np.abs(sums(merged.pair, x) - sums(pair, x)).max()
    assert moved <= merged.error_bound + 1e-12


def test_the_nearest_merge_first() -> None:
    pair, _ = random_pair(3)
    pair.rows[4] = pair.rows[2] + 1e-3
    pair.bias[4] = pair.bias[2]
    assert (2, 4) in merge_neurons(pair, keep=5).members
    assert (2, 4) in merge_neurons(pair, distance=0.01).members
    assert len(merge_neurons(pair, distance=1e-5).members) == 6


def test_moments_compare_what_neurons_compute() -> None:
    pair, x = random_pair(4)
    x[:, 3] = 0.0
    pair.rows[1] = pair.rows[0]
    pair.bias[1] = pair.bias[0]
    pair.rows[1, 3] += 5.0  # a weight that nothing ever reaches
    ones = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    merged = merge_neurons(pair, distance=1e-9, moments=ones.T @ ones / len(x), largest_input=np.abs(x).max(axis=0))
    assert (0, 1) in merged.members
    assert np.allclose(sums(merged.pair, x), sums(pair, x), rtol=0, atol=1e-9)


def test_dead_neurons_leave_their_constant() -> None:
    pair, x = random_pair(5)
    pair.rows[1] = 0.0
    pair.bias[1] = 0.7
    pair.rows[2] = 0.0
    pair.bias[2] = -0.7
    pair.columns[:, 4] = 0.0
    left = drop_dead(pair, relu)
    assert left.members == ((0,), (3,), (5,))
    assert np.allclose(sums(left.pair, x), sums(pair, x), rtol=0, atol=1e-12)


def test_constants_stay_where_borders_are_padded() -> None:
    pair, x = random_pair(6)
    pair.rows[1:3] = 0.0
    pair.bias[1:3] = 0.7, -0.7
    left = drop_dead(pair, relu, padded=True)
    assert left.members == ((0,), (1,), (3,), (4,), (5,))
    assert np.allclose(sums(left.pair, x), sums(pair, x), rtol=0, atol=1e-12)


def test_a_layer_keeps_one_neuron() -> None:
    pair, x = random_pair(7)
    pair.rows[:] = 0.0
    left = drop_dead(pair, relu)
    assert len(left.members) == 1
    assert np.allclose(sums(left.pair, x), sums(pair, x), rtol=0, atol=1e-12)


@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 1000))
def test_code_books(size: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=size).round(2)
    book, entries = code_book(values, count)
    assert len(book) <= count + 1
    assert book[0] == 0
    assert np.array_equal(entries == 0, values == 0)
    distance = np.abs(values[:, None] - book[None, 1:])
    if values.any():
        nonzero = values != 0
        assert np.allclose(np.abs(values - book[entries])[nonzero], distance.min(axis=1)[nonzero])


def test_a_code_book_of_all_values_is_exact() -> None:
    values = np.array([[0.5, -1.0], [0.0, 0.5]])
    book, entries = code_book(values, 2)
    assert np.array_equal(book[entries], values)


@pytest.mark.parametrize("keep", [1, 3])
def test_blocks_of_inputs_move_together(keep: int) -> None:
    rng = np.random.default_rng(8)
    pair = Pair(rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(2, 4, 5)), rng.normal(size=2))
    merged = merge_neurons(pair, keep=keep)
    assert merged.pair.columns.shape == (2, keep, 5)
