# SPDX-License-Identifier: Apache-2.0
"""Streams as words: whatever is packed comes out again, and stands where the hardware looks for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.cosim.words import MIN_WORDS, pack_words, unpack_words, words_for


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[np.ndarray, int, bool]]:
    """Some streams of equal length: codes, bits, signed."""
    samples = draw(st.integers(0, 3))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        bits, signed = draw(st.sampled_from([1, 2, 7, 31, 32, 33, 62, 63, 64, 65, 100])), draw(st.booleans())
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        elements = draw(st.integers(1, 5))
        number = st.one_of(st.sampled_from([low, high, 0]), st.integers(low, high))
        rows = [[draw(number) for _ in range(elements)] for _ in range(samples)]
        kind = np.int64 if bits <= 62 else object
        found.append((np.array(rows, kind).reshape(samples, elements), bits, signed))
    return found


@given(streams())
def test_what_is_packed_comes_out_again(found: list[tuple[np.ndarray, int, bool]]) -> None:
    words = pack_words([(codes, bits) for codes, bits, _ in found])
    position = 0
    for codes, bits, signed in found:
        again = unpack_words(words, position, codes.shape[1], bits, signed=signed)
        assert again.tolist() == codes.tolist()
        position += codes.shape[1] * bits


@given(streams())
def test_every_bit_stands_where_the_hardware_looks(found: list[tuple[np.ndarray, int, bool]]) -> None:
    words = pack_words([(codes, bits) for codes, bits, _ in found])
    for sample, row in enumerate(words.tolist()):
        number, position = 0, 0
        for codes, bits, _ in found:
            for code in codes[sample].tolist():
                number |= (code & ((1 << bits) - 1)) << position
                position += bits
        assert sum(word << (32 * index) for index, word in enumerate(row)) == number


@pytest.mark.parametrize(("bits", "words"), [(1, MIN_WORDS), (96, 3), (97, 4), (128, 4)])
def test_words_for(bits: int, words: int) -> None:
    assert words_for(bits) == words


def test_least_and_greatest_of_64_bits() -> None:
    codes = np.array([[-(2**63), 2**63 - 1]])
    assert unpack_words(pack_words([(codes, 64)]), 0, 2, 64, signed=True).tolist() == codes.tolist()
