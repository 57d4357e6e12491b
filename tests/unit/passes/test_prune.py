# SPDX-License-Identifier: Apache-2.0
"""What goes is what matters least, and as much as was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.kernel.digits import digit_count
from fpgann.passes.prune import digit_limits, nearest_power, neuron_masks, signed_digits, weight_masks

WEIGHTS = {"a": np.array([[1.0, -8.0], [3.0, 0.5]]), "b": np.array([[-2.0, 4.0]])}


def test_the_least_weights_of_all_go() -> None:
    masks = weight_masks(WEIGHTS, dict.fromkeys(WEIGHTS, 0.5), among_all=True)
    assert np.array_equal(masks["a"], [[False, True], [True, False]])
    assert np.array_equal(masks["b"], [[False, True]])


def test_each_layer_loses_its_share() -> None:
    masks = weight_masks(WEIGHTS, {"a": 0.25, "b": 0.5}, among_all=False)
    assert np.array_equal(masks["a"], [[True, True], [True, False]])
    assert np.array_equal(masks["b"], [[False, True]])


@given(st.integers(1, 200), st.floats(0, 1), st.integers(0, 1000))
def test_the_share_is_exact_even_among_equals(size: int, sparsity: float, seed: int) -> None:
    values = np.random.default_rng(seed).integers(-2, 3, size).astype(np.float64)
    mask = weight_masks({"a": values}, {"a": sparsity}, among_all=True)["a"]
    assert np.sum(~mask) == round(sparsity * size)
    assert np.max(np.abs(values[~mask]), initial=0.0) <= np.min(np.abs(values[mask]), initial=np.inf)


def test_neurons_go_by_their_norm_and_one_stays() -> None:
    rows = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 6.0]])
    assert np.array_equal(neuron_masks({"a": rows}, {"a": 0.34})["a"], [True, False, True])
    assert np.array_equal(neuron_masks({"a": rows}, {"a": 1.0})["a"], [False, False, True])


def test_signed_digits_are_minimal_and_add_up() -> None:
    codes = np.arange(-(2**12), 2**12 + 1)
    digits = signed_digits(codes)
    assert np.array_equal(digits.sum(axis=0), codes)
    counts = np.count_nonzero(digits, axis=0)
    assert np.array_equal(counts, [digit_count(int(code)) for code in codes])
    magnitudes = np.abs(digits)
    assert np.all(magnitudes[1:] <= magnitudes[:-1])


@pytest.mark.parametrize(("number", "power"), [(0, 0), (1, 1), (3, 4), (5, 4), (6, 8), (-7, -8), (11, 8), (12, 16)])
def test_nearest_power(number: int, power: int) -> None:
    assert nearest_power(np.array([number]))[0] == power


def test_digits_go_that_change_least_for_their_cost() -> None:
    codes = {"a": np.array([7, 8, 0, 5]), "b": np.array([1, 3])}
    steps = {"a": np.array(1.0), "b": np.array(4.0)}
    # squares: 7 = 8 - 1 -> 64, 1; 8 -> 64; 5 = 4 + 1 -> 16, 1; in b 1 -> 16; 3 = 4 - 1 -> 256, 16
    limits = digit_limits(codes, steps, dict.fromkeys(codes, 2 / 8), {"a": 4, "b": 4}, among_all=True)
    assert np.array_equal(limits["a"], [1, 1, 0, 1])
    assert np.array_equal(limits["b"], [1, 2])
    # four times as wide an input: the digits of b cost as much as those of a with a quarter of the square
    limits = digit_limits(codes, steps, dict.fromkeys(codes, 2 / 8), {"a": 1, "b": 32}, among_all=True)
    assert np.array_equal(limits["a"], [2, 1, 0, 2])
    assert np.array_equal(limits["b"], [0, 1])


def test_all_digits_can_go_and_none() -> None:
    codes, steps = {"a": np.array([[3, -7], [0, 1]])}, {"a": np.array(0.5)}
    for among_all in (True, False):
        gone = digit_limits(codes, steps, {"a": 1.0}, {"a": 4}, among_all=among_all)["a"]
        assert not gone.any()
        left = digit_limits(codes, steps, {"a": 0.0}, {"a": 4}, among_all=among_all)["a"]
        assert np.array_equal(left, [[2, 2], [0, 1]])
