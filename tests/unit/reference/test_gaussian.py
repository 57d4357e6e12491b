# SPDX-License-Identifier: Apache-2.0
"""Random numbers of the hardware: the distribution that follows from the table, and samples of the generator."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np
import pytest

from fpgann import resources
from fpgann.reference.gaussian import NUMBER, TERMS, first_states, following_state, gaussian_codes, table

DRAWN = gaussian_codes(first_states(7, 64), 4000) * 2.0**-NUMBER.frac


@lru_cache(maxsize=1)
def exact_distribution() -> tuple[np.ndarray, np.ndarray]:
    """Values and their probabilities, if all states are equally likely."""
    entries = np.array(table())
    term = np.zeros(2 * entries.max() + 1)
    for sign in (-1, 1):
        np.add.at(term, entries.max() + sign * entries, 0.5 / len(entries))
    total = term
    for _ in range(TERMS - 1):
        total = np.convolve(total, term)
    return (np.arange(len(total)) - len(total) // 2) * 2.0**-NUMBER.frac, total


def normal_below(value: float) -> float:
    return math.erfc(-value / math.sqrt(2)) / 2


def test_the_exact_distribution_is_nearly_normal() -> None:
    values, probabilities = exact_distribution()
    moments = {power: float(probabilities @ values**power) for power in (2, 4, 6)}
    assert float(probabilities @ values) == pytest.approx(0, abs=1e-12)
    assert moments[2] == pytest.approx(1, abs=5e-5)
    assert moments[4] == pytest.approx(3, abs=1e-3)
    assert moments[6] == pytest.approx(15, abs=0.05)
    below = np.cumsum(probabilities)
    wanted = np.array([normal_below(value + 2.0**-13) for value in values])
    assert np.abs(below - wanted).max() < 3.4e-5
    for reach, ratio in ((3, 1e-3), (4, 0.05), (5, 0.25)):
        assert probabilities[values > reach].sum() == pytest.approx(normal_below(-reach), rel=ratio)
    assert NUMBER.range.high * 2.0**-NUMBER.frac > values.max() > 6.4


def test_mean_variance_and_tails_of_samples() -> None:
    """Five standard deviations of what is measured."""
    count = DRAWN.size
    assert abs(DRAWN.mean()) < 5 / math.sqrt(count)
    assert abs(DRAWN.var() - 1) < 5 * math.sqrt(2 / count)
    assert abs((DRAWN**4).mean() - 3) < 5 * math.sqrt(96 / count)
    for reach in (1, 2, 3, 4):
        share = 2 * normal_below(-reach)
        assert abs((np.abs(DRAWN) > reach).mean() - share) < 5 * math.sqrt(share / count) + 0.05 * share


def test_lanes_and_steps_are_independent() -> None:
    """Correlations of neighbours in time, of squares too, and of lanes."""
    bound = 5 / math.sqrt(DRAWN.size)
    for lag in (1, 2, 3):
        early, late = DRAWN[:-lag], DRAWN[lag:]
        assert abs((early * late).mean()) < bound
        assert abs(((early**2 - 1) * (late**2 - 1)).mean()) < 2 * bound
    correlation = np.corrcoef(DRAWN.T) - np.eye(DRAWN.shape[1])
    assert np.abs(correlation).max() < 6 / math.sqrt(len(DRAWN))


def test_samples_follow_the_exact_distribution() -> None:
    """Pearson's chi-square in 64 classes of equal probability; a normal approximation of its distribution."""
    values, probabilities = exact_distribution()
    classes = np.minimum(np.cumsum(probabilities) * 64, 63).astype(int)
    expected = np.bincount(classes, probabilities, 64) * DRAWN.size
    found = np.bincount(classes[np.searchsorted(values, DRAWN.ravel())], minlength=64)
    distance = float(((found - expected) ** 2 / expected).sum())
    assert abs(distance - 63) < 5 * math.sqrt(2 * 63)


def test_seeds_begin_elsewhere() -> None:
    assert first_states(1, 3)[:2] == first_states(1, 2)
    states = [state for seed in range(50) for state in first_states(seed, 8)]
    assert 0 not in states
    # Seeds that follow each other share no lane: SplitMix64 steps by an odd constant, not by one
    assert len(set(states)) == len(states)
    assert first_states(2**64 + 5, 1) == first_states(5, 1)


def test_first_numbers_are_as_published() -> None:
    """SplitMix64 of 0 begins with this number; xorshift computed once more, with Python's integers."""
    (state,) = first_states(0, 1)
    assert state == 0xE220A8397B1DCDAF
    for code in gaussian_codes([state], 50)[:, 0].tolist():
        fields = [state >> shift & 0x1FF for shift in (55, 46, 37, 28)]
        assert code == sum(table()[f & 0xFF] * (-1 if f >> 8 else 1) for f in fields)
        state = following_state(state)


def test_the_state_is_that_of_xorshift() -> None:
    """A matrix over bits: shifts of one bit show all of it."""
    for bit in range(64):
        wanted = {bit}
        for shift in (13, -7, 17):  # bits that are shifted out are gone
            wanted ^= {b + shift for b in wanted if 0 <= b + shift < 64}
        assert following_state(1 << bit) == sum(1 << b for b in wanted)


def test_the_hardware_has_the_same_table() -> None:
    text = (resources.hdl_dir() / "fpgann_gaussian.vhd").read_text()
    word = int("".join(re.findall(r'x"([0-9A-F]+)"', text)), 16)
    assert [word >> 13 * place & 0x1FFF for place in range(len(table()))] == list(table())
    assert word >> 13 * len(table()) == 0
