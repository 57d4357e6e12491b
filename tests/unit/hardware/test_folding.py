# SPDX-License-Identifier: Apache-2.0
"""Reuse factors and how they are split into neurons and multipliers."""

from __future__ import annotations

from math import ceil

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


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 2000), st.integers(0, 3))
def test_no_pair_is_cheaper(inputs: int, outputs: int, reuse: int, lane: int) -> None:
    """Beside an exhaustive search: fast enough, and with as few multipliers as that takes."""
    pe, simd = neurons_and_multipliers(inputs, outputs, reuse, lane_multipliers=lane)
    assert ceil(inputs / simd) * ceil(outputs / pe) <= reuse
    for other in range(1, outputs + 1):
        for width in range(1, inputs + 1):
            if ceil(inputs / width) * ceil(outputs / other) <= reuse:
                assert pe * (simd + lane) <= other * (width + lane)


def test_a_layer_may_take_all_the_time_it_has() -> None:
    """15 is no divisor of 144 * 16."""
    assert neurons_and_multipliers(144, 16, 15) == (16, 10)
    assert nearest_reuse_factor(144, 16, 15) == 12
