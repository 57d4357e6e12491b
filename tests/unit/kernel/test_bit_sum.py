# SPDX-License-Identifier: Apache-2.0
"""Sums bit by bit equal the sums of their operands, in time, and take what the theory says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.kernel.bit_sum import CONSTANT, BitSum, Chain, FullAdders, Last, Operand, evaluate_bits, sum_bits


@st.composite
def sums(draw: st.DrawFn) -> tuple[list[Operand], int, int, int, Last]:
    """Operands of all widths, shifts and signs; a constant, a width, levels and a last adder."""
    levels = draw(st.integers(1, 3))
    operands = [
        Operand(
            node,
            draw(st.integers(1, 10)),
            draw(st.booleans()),
            draw(st.integers(0, 6)),
            draw(st.sampled_from([1, -1])),
            draw(st.integers(0, levels - 1)),
        )
        for node in range(draw(st.integers(1, 12)))
    ]
    return operands, draw(st.integers(-300, 300)), draw(st.integers(1, 20)), levels, draw(st.sampled_from(Last))


def values_of(operands: list[Operand], seed: int) -> list[list[int]]:
    """Codes of the operands: corners, then random ones."""
    rng = np.random.default_rng(seed)
    found = [[0] * len(operands), [(1 << o.width) - 1 for o in operands]]
    found += [[int(rng.integers(1 << o.width)) for o in operands] for _ in range(6)]
    return found


def exact(operands: list[Operand], constant: int, codes: list[int]) -> int:
    """The sum of the operands' values."""
    total = constant
    for operand, code in zip(operands, codes, strict=True):
        value = code - (1 << operand.width) if operand.signed and code >> (operand.width - 1) else code
        total += operand.sign * (value << operand.shift)
    return total


def is_exact(plan: BitSum, operands: list[Operand], constant: int) -> bool:
    """Whether circuits give the sum."""
    for codes in values_of(operands, 1):
        found = evaluate_bits(plan, lambda node, index, codes=codes: codes[node] >> index & 1)
        if found != exact(operands, constant, codes) % (1 << plan.width):
            return False
    return True


def levels_of(plan: BitSum, operands: list[Operand]) -> int:
    """Adders on the longest path."""
    steps: list[int] = []

    def level(source: int) -> int:
        return 0 if source == CONSTANT else operands[source].level if source >= 0 else steps[-2 - source]

    for step in plan.steps:
        groups = step.pairs if isinstance(step, Chain) else step.triples
        steps.append(1 + max(level(bit.source) for group in groups for bit in group))
    last = [bit for row in plan.rows for bit in row]
    return max([level(b.source) for b in plan.wires] + [1 + level(b.source) for b in (*last, plan.below)])


@settings(max_examples=400, deadline=None)
@given(sums())
def test_every_sum_is_exact_and_in_time(case: tuple[list[Operand], int, int, int, Last]) -> None:
    operands, constant, width, levels, last = case
    plan = sum_bits(operands, constant, width, levels, last)
    if plan is not None:
        assert is_exact(plan, operands, constant)
        assert levels_of(plan, operands) <= levels
        assert len(plan.rows) == last.rows


@settings(max_examples=200, deadline=None)
@given(sums())
def test_what_reaches_a_carry_directly_is_not_inverted(case: tuple[list[Operand], int, int, int, Last]) -> None:
    plan = sum_bits(*case)
    if plan is not None:
        chains = [step for step in plan.steps if isinstance(step, Chain)]
        assert not any(pair[-1].inverted for chain in chains for pair in chain.pairs)


@pytest.mark.parametrize(
    ("operands", "last", "luts"),
    [
        (7, Last.REGISTERED, 3 * 16 - 1),  # the highest pair needs one LUT only
        (7, Last.THREE, 3.5 * 16 - 1),
        (6, Last.TWO, 3 * 16 - 2),  # and the lowest bit no adder
    ],
)
def test_six_rows_become_two_for_two_luts_a_bit(operands: int, last: Last, luts: float) -> None:
    width = 16
    plan = sum_bits([Operand(n, width, False, 0, 1) for n in range(operands)], 0, width, 2, last)
    assert plan is not None
    assert [type(step) for step in plan.steps] == [Chain, Chain]
    assert plan.luts == luts


def test_full_adders_where_one_bit_is_too_many() -> None:
    plan = sum_bits([Operand(n, 8, False, 0, 1) for n in range(4)], 0, 10, 2)
    assert plan is not None
    assert [type(step) for step in plan.steps] == [FullAdders]
    assert plan.luts <= 8 + 10


def test_too_many_operands_for_the_levels() -> None:
    operands = [Operand(n, 8, False, 0, 1) for n in range(9)]
    assert sum_bits(operands, 0, 12, 1) is None
    assert sum_bits(operands, 0, 12, 2) is None
    assert sum_bits(operands, 0, 12, 3) is not None


def test_twin_a_changed_bit_is_caught() -> None:
    operands = [Operand(n, 6, True, n % 3, 1 if n % 2 else -1) for n in range(9)]
    plan = sum_bits(operands, 5, 11, 3)
    assert plan is not None
    assert is_exact(plan, operands, 5)
    for number, step in enumerate(plan.steps):
        if isinstance(step, Chain):
            first = step.pairs[0]
            other = replace(
                step, pairs=((first[0]._replace(inverted=not first[0].inverted), *first[1:]), *step.pairs[1:])
            )
            steps = (*plan.steps[:number], other, *plan.steps[number + 1 :])
            assert not is_exact(replace(plan, steps=steps), operands, 5)
            carried = replace(step, carry_in=not step.carry_in)
            steps = (*plan.steps[:number], carried, *plan.steps[number + 1 :])
            assert not is_exact(replace(plan, steps=steps), operands, 5)
    assert not is_exact(replace(plan, carry_in=not plan.carry_in), operands, 5)
