# SPDX-License-Identifier: Apache-2.0
"""Adder graphs for constant matrices: exact, minimal digits, exact ranges, caught when wrong."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.errors import VerificationError
from fpgann.kernel.constant_multiplication import MatrixBuilder, check_product, signed_digits
from fpgann.kernel.interpreter import evaluate, linear_form
from fpgann.kernel.netlist import Netlist, NetlistBuilder, Opcode
from fpgann.numerics.interval import CodeRange


def build(weights: np.ndarray, bias: np.ndarray, codes: CodeRange) -> Netlist:
    builder = NetlistBuilder([codes] * len(weights))
    matrix = MatrixBuilder(builder)
    inputs = list(range(len(weights)))
    return builder.build([matrix.product(inputs, weights[:, c], int(bias[c])) for c in range(weights.shape[1])])


def matrices(bound: int = 300) -> st.SearchStrategy[np.ndarray]:
    """Small integer matrices with many zeros."""
    entry = st.one_of(st.just(0), st.integers(-bound, bound))
    sizes = st.tuples(st.integers(1, 5), st.integers(1, 4))
    return sizes.flatmap(
        lambda size: st.lists(entry, min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
            lambda flat: np.array(flat, np.int64).reshape(size)
        )
    )


@given(st.integers(-(2**70), 2**70))
def test_signed_digits_are_canonical(constant: int) -> None:
    digits = signed_digits(constant)
    assert sum(sign << position for position, sign in digits) == constant
    positions = [position for position, _ in digits]
    assert all(b - a >= 2 for a, b in itertools.pairwise(positions))


@given(matrices(), st.integers(-1000, 1000), st.integers(-9, 0), st.integers(1, 20))
def test_products_are_exact_and_ranges_tight(weights: np.ndarray, offset: int, low: int, high: int) -> None:
    bias = np.full(weights.shape[1], offset, np.int64)
    netlist = build(weights, bias, CodeRange(low, high))
    check_product(netlist, weights, bias, "layer")
    extremes = np.where(weights > 0, high, low), np.where(weights > 0, low, high)
    for output, node in enumerate(netlist.outputs):
        best, worst = (int(ends[:, output] @ weights[:, output]) + offset for ends in extremes)
        assert (netlist.low[node], netlist.high[node]) == (worst, best)
    samples = np.random.default_rng(0).integers(low, high + 1, (20, len(weights)))
    assert np.array_equal(evaluate(netlist, samples), samples @ weights + bias)


def test_values_beyond_63_bits_are_exact() -> None:
    weights = np.array([[2**40 + 1], [-(2**41) - 5]])
    netlist = build(weights, np.array([7]), CodeRange(-(2**40), 2**40))
    samples = np.array([[2**40, -(2**40)], [3, 4]])
    exact = [[int(a) * int(weights[0, 0]) + int(b) * int(weights[1, 0]) + 7] for a, b in samples]
    assert evaluate(netlist, samples).tolist() == exact


@pytest.mark.parametrize("column", ["shift", "sign", "immediate"])
def test_twin_one_changed_number_is_caught(column: str) -> None:
    weights, bias = np.array([[5, -3], [7, 11]]), np.array([13, -1])
    netlist = build(weights, bias, CodeRange(0, 15))
    opcode = Opcode.CONSTANT if column == "immediate" else Opcode.ADD
    values = getattr(netlist, column).copy()
    node = int(np.flatnonzero(netlist.opcode == opcode)[0])
    values[node] = -values[node] if column == "sign" else values[node] + 1
    with pytest.raises(VerificationError, match=r"layer 'fc'.*differs from its weights"):
        check_product(replace(netlist, **{column: values}), weights, bias, "fc")


def test_clamps_have_no_linear_form() -> None:
    builder = NetlistBuilder([CodeRange(-8, 7)])
    netlist = builder.build([builder.clamp(builder.input(0), 0, 3)])
    assert linear_form(netlist) is None
    with pytest.raises(VerificationError, match="not linear"):
        check_product(netlist, np.array([[1]]), np.array([0]), "fc")
