# SPDX-License-Identifier: Apache-2.0
"""Streams as 32-bit words: what the compiled batch engine reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fpgann.numerics.integers import IntArray

WORD_BITS = 32
MIN_WORDS = 3  # Verilator keeps up to 64 bits in a number, more in an array
_MASK = (1 << WORD_BITS) - 1

WordArray: TypeAlias = npt.NDArray[np.uint32]


def words_for(bits: int) -> int:
    """Words of an item of so many bits."""
    return max(MIN_WORDS, -(-bits // WORD_BITS))


def pack_words(streams: Sequence[tuple[IntArray, int]]) -> WordArray:
    """Items made of several streams, the first in the low bits, element 0 lowest.

    Args:
        streams: codes of shape (samples, elements), and the bits of an element.

    Returns:
        Shape (samples, words).
    """
    total = sum(codes.shape[1] * bits for codes, bits in streams)
    # one row a word: every step below then runs along memory
    words = np.zeros((words_for(total), len(streams[0][0])), np.uint32)
    position = 0
    for codes, bits in streams:
        columns = np.ascontiguousarray(codes.T)
        for column in columns:
            for start in range(0, bits, WORD_BITS):
                _put(words, _limb(column, start, min(WORD_BITS, bits - start)), position + start)
            position += bits
    return np.ascontiguousarray(words.T)


def _limb(column: npt.NDArray[Any], start: int, bits: int) -> npt.NDArray[np.uint64]:
    """Bits `start` to `start + bits` of two's complement numbers of any size."""
    if column.dtype != object:
        start = min(start, 63)
    limb: npt.NDArray[np.uint64] = ((column >> start) & ((1 << bits) - 1)).astype(np.uint64)
    return limb


def _put(words: WordArray, limb: npt.NDArray[np.uint64], position: int) -> None:
    """Set bits that are zero so far."""
    word, shift = divmod(position, WORD_BITS)
    shifted = limb << np.uint64(shift)
    words[word] |= (shifted & np.uint64(_MASK)).astype(np.uint32)
    if shift and word + 1 < len(words):
        words[word + 1] |= (shifted >> np.uint64(WORD_BITS)).astype(np.uint32)


def unpack_words(words: WordArray, position: int, elements: int, element_bits: int, *, signed: bool) -> IntArray:
    """Codes of one stream.

    Args:
        words: items, shape (samples, words).
        position: the stream's lowest bit.
        elements: how many.
        element_bits: bits of each.
        signed: whether the highest bit counts negative.

    Returns:
        Shape (samples, elements); Python's integers beyond 63 bits.
    """
    kind = np.int64 if element_bits <= 63 else object
    codes = np.zeros((elements, len(words)), kind)
    rows = np.ascontiguousarray(words.T)
    for element in range(elements):
        for start in range(0, element_bits, WORD_BITS):
            bits = min(WORD_BITS, element_bits - start)
            codes[element] |= _take(rows, position + element * element_bits + start, bits).astype(kind) << start
    if signed:
        sign = 1 << (element_bits - 1)
        codes = (codes ^ sign) - sign
    return np.ascontiguousarray(codes.T)


def _take(rows: WordArray, position: int, bits: int) -> npt.NDArray[np.uint64]:
    word, shift = divmod(position, WORD_BITS)
    value = rows[word].astype(np.uint64)
    if shift and word + 1 < len(rows):
        value |= rows[word + 1].astype(np.uint64) << np.uint64(WORD_BITS)
    taken: npt.NDArray[np.uint64] = (value >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
    return taken
