# SPDX-License-Identifier: Apache-2.0
"""Reuse factors and how they are split into neurons and multipliers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fpgann.hardware.folding import divisors, nearest_reuse_factor, neurons_and_multipliers


@given(st.integers(1, 3000))
def test_divisors_are_all_and_sorted(number: int) -> None:
    assert divisors(number) == [d for d in range(1, number + 1) if number % d == 0]


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_every_dividing_reuse_factor_has_a_shape(inputs: int, outputs: int, data: st.DataObject) -> None:
    reuse = data.draw(st.sampled_from(divisors(inputs * outputs)))
    pe, simd = neurons_and_multipliers(inputs, outputs, reuse)
    assert outputs % pe == 0
    assert inputs % simd == 0
    assert pe * simd * reuse == inputs * outputs


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 5000))
def test_the_nearest_factor_divides_and_does_not_exceed(inputs: int, outputs: int, wanted: int) -> None:
    reuse = nearest_reuse_factor(inputs, outputs, wanted)
    assert inputs * outputs % reuse == 0
    assert reuse <= wanted
    assert not any(inputs * outputs % r == 0 for r in range(reuse + 1, min(wanted, inputs * outputs) + 1))
