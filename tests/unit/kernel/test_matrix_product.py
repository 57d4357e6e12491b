# SPDX-License-Identifier: Apache-2.0
"""Products with shared sums: exact for every matrix, no bit too wide, in time, repeatable, caught when wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.errors import VerificationError
from fpgann.kernel.constant_multiplication import MatrixBuilder, check_product
from fpgann.kernel.digits import digit_count, digit_mask
from fpgann.kernel.interpreter import evaluate
from fpgann.kernel.matrix_product import Effort, can_plan, plan_product
from fpgann.kernel.netlist import Netlist, NetlistBuilder, Opcode
from fpgann.kernel.product_plan import ProductPlan
from fpgann.numerics.interval import CodeRange

RANGES = (CodeRange(-128, 127), CodeRange(0, 15), CodeRange(-3, 5), CodeRange(0, 1), CodeRange(7, 7), CodeRange(-9, -2))


def netlist_of(plan: ProductPlan, codes: list[CodeRange]) -> Netlist:
    builder = NetlistBuilder(codes)
    return builder.build(plan.add_to(builder, range(len(codes))))


def prove(
    weights: np.ndarray, bias: np.ndarray, codes: list[CodeRange], effort: Effort = Effort.DEFAULT
) -> ProductPlan:
    """A plan whose netlist is symbolically and numerically the product, with the ranges of its outputs exact."""
    plan = plan_product(weights, bias, codes, effort=effort)
    netlist = netlist_of(plan, codes)
    check_product(netlist, weights, bias, "layer")
    low, high = (np.array([getattr(c, end) for c in codes]) for end in ("low", "high"))
    rng = np.random.default_rng(0)
    samples = np.concatenate([[low, high], rng.integers(low, high + 1, (20, len(codes)))])
    assert np.array_equal(evaluate(netlist, samples), samples @ weights + bias)
    for output, node in enumerate(netlist.outputs):
        ends = weights[:, output] * low, weights[:, output] * high
        exact = tuple(int(choose(*ends).sum() + bias[output]) for choose in (np.minimum, np.maximum))
        assert (netlist.low[node], netlist.high[node]) == exact
    return plan


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[CodeRange]]:
    """Matrices of all kinds: sparse, ternary, with zero, repeated, negated and shifted rows and columns."""
    inputs, outputs = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    reach = draw(st.sampled_from([1, 2, 7, 31, 128, 4000]))
    weights = rng.integers(-reach, reach + 1, (inputs, outputs))
    if draw(st.booleans()):
        weights = 2 ** rng.integers(0, 6, weights.shape) * rng.choice([-1, 1], weights.shape)
    weights = np.where(rng.random(weights.shape) < draw(st.sampled_from([0.0, 0.5, 0.9])), 0, weights)
    if outputs > 2 and draw(st.booleans()):
        weights[:, 1] = weights[:, 0] * draw(st.sampled_from([1, -1, 4, -2, 0]))
        weights[:, 2] = weights[:, 0]
    if inputs > 1 and draw(st.booleans()):
        weights[1] = weights[0] * draw(st.sampled_from([1, -1, 2, 0]))
    if draw(st.booleans()):
        weights = -abs(weights)
    bias = rng.integers(-2000, 2000, outputs) * draw(st.sampled_from([0, 1, 64]))
    return weights, bias, [draw(st.sampled_from(RANGES)) for _ in range(inputs)]


@settings(max_examples=300, deadline=None)
@given(problems())
def test_every_product_is_exact(problem: tuple[np.ndarray, np.ndarray, list[CodeRange]]) -> None:
    prove(*problem)


@settings(max_examples=20, deadline=None)
@given(problems(), st.sampled_from([Effort.FAST, Effort.HIGH]))
def test_every_effort_is_exact(problem: tuple[np.ndarray, np.ndarray, list[CodeRange]], effort: Effort) -> None:
    prove(*problem, effort)


@pytest.mark.parametrize("shape", [(16, 16), (32, 8), (5, 40)])
def test_sums_are_shared_and_in_time(shape: tuple[int, int]) -> None:
    weights = np.random.default_rng(1).integers(-32, 32, shape)
    plan = prove(weights, np.zeros(shape[1], np.int64), [CodeRange(-128, 127)] * shape[0])
    digits = sum(digit_count(int(v)) for v in weights.reshape(-1))
    assert len(plan.adders) < 0.7 * (digits - shape[1]) / 2  # of what nothing shared takes in rows of three
    longest = max(sum(digit_count(int(v)) for v in column) for column in weights.T)
    assert 3 ** plan.depth() < 3 * longest  # no deeper than a tree of the longest sum


def test_equal_arguments_give_equal_plans() -> None:
    weights = np.random.default_rng(2).integers(-8, 8, (12, 12))
    plans = [plan_product(weights, np.arange(12), [CodeRange(0, 15)] * 12, seed=3) for _ in range(2)]
    assert plans[0] == plans[1]


def test_more_effort_costs_no_more() -> None:
    weights = np.random.default_rng(3).integers(-16, 16, (10, 10))
    costs = [
        plan_product(weights, np.zeros(10, np.int64), [CodeRange(-8, 7)] * 10, effort=effort).carry_bits
        for effort in (Effort.DEFAULT, Effort.HIGH)
    ]
    assert costs[1] <= costs[0]


def test_repeated_columns_are_summed_once() -> None:
    column = np.array([3, -5, 7, 11, 0, 2])
    weights = np.stack([column, column, 4 * column], axis=1)
    alone = plan_product(column[:, None], np.zeros(1, np.int64), [CodeRange(0, 255)] * 6)
    assert plan_product(weights, np.zeros(3, np.int64), [CodeRange(0, 255)] * 6).adders == alone.adders


def test_numbers_beyond_the_search_are_left_to_trees() -> None:
    weights, bias = np.array([[2**40 + 1], [-5]], object), np.array([7])
    codes = [CodeRange(-(2**40), 2**40)] * 2
    assert not can_plan(weights, bias, codes)
    builder = NetlistBuilder(codes)
    check_product(builder.build(MatrixBuilder(builder).products([0, 1], weights, bias)), weights, bias, "layer")


@pytest.mark.parametrize("column", ["shift", "shift_b", "shift_c", "sign", "sign_c"])
def test_twin_one_changed_number_is_caught(column: str) -> None:
    weights = np.random.default_rng(4).integers(-32, 32, (8, 6))
    bias = np.zeros(6, np.int64)
    codes = [CodeRange(-8, 7)] * 8
    netlist = netlist_of(plan_product(weights, bias, codes), codes)
    check_product(netlist, weights, bias, "fc")
    for node in np.flatnonzero(netlist.opcode == Opcode.ADD3):
        values = getattr(netlist, column).copy()
        values[node] = -values[node] if column.startswith("sign") else values[node] + 1
        with pytest.raises(VerificationError, match="differs from its weights"):
            check_product(replace(netlist, **{column: values}), weights, bias, "fc")


@given(st.integers(-(2**20), 2**20))
def test_digits_of_minimal_forms(value: int) -> None:
    count = digit_count(value)
    assert count == bin(abs(value) ^ (3 * abs(value))).count("1")
    for sign in (1, -1):
        mask = int(digit_mask(value, sign))
        for position in range(23):
            fewer = digit_count(value - sign * (1 << position)) == count - 1
            assert (mask >> position & 1 == 1) == (fewer and value != 0)


@pytest.mark.slow
def test_two_thousand_matrices() -> None:
    rng = np.random.default_rng(5)
    for _ in range(2000):
        shape = tuple(rng.integers(1, 25, 2))
        reach = int(2 ** rng.integers(0, 9))
        weights = rng.integers(-reach, reach + 1, shape) * (rng.random(shape) < rng.choice([0.2, 0.6, 1.0]))
        codes = [RANGES[i] for i in rng.integers(0, len(RANGES), shape[0])]
        prove(weights, rng.integers(-100, 100, shape[1]), codes, Effort.FAST)
