# SPDX-License-Identifier: Apache-2.0
"""Minimal signed-digit forms of integers, all of them at once, compiled.

A signed-digit form writes v as a sum of terms +2**p and -2**p. The fewest terms that do are as many as the nonadjacent
form has (Reitwiesner 1960), and that number is the count of ones in |v| xor 3|v| (Prodinger 2000). A digit belongs to
some minimal form exactly where taking it away lowers that number; so a coefficient may stay an integer, and its form be
decided digit by digit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fpgann.kernel.compiled import compiled

MAX_BITS = 30  # of a coefficient; shifts of digits are at most this
_TABLE = 1 << 10


@compiled
def digit_count(value: int) -> int:
    """How many signed digits a minimal form of an integer has."""
    x = np.uint64(value if value >= 0 else -value)
    x ^= np.uint64(3) * x
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int(np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56)))  # signed: differences are taken


@compiled
def removable(value: int, position: int, sign: int) -> bool:
    """Whether sign * 2**position is a digit of a minimal form of a value."""
    if position < 0 or position > MAX_BITS or value == 0:
        return False
    return digit_count(value - sign * (np.int64(1) << position)) < digit_count(value)


@compiled
def _search(value: int, sign: int) -> int:
    """Bit p is set where sign * 2**p is a digit of a minimal form."""
    found, rest, position, weight = 0, abs(value), 0, digit_count(value)
    while rest > 0 or (position > 0 and abs(value) >> (position - 1) > 0):  # one above the leading bit: 3 = 4 - 1
        if digit_count(value - sign * (np.int64(1) << position)) < weight:
            found |= np.int64(1) << position
        rest >>= 1
        position += 1
    return found


def _table(sign: int) -> npt.NDArray[np.int64]:
    """`_search` of all small values at once."""
    values = np.arange(-_TABLE, _TABLE + 1)
    masks = np.zeros(len(values), np.int64)
    for position in range(_TABLE.bit_length() + 1):
        fewer = _counts(values - (sign << position)) < _counts(values)
        masks |= fewer.astype(np.int64) << position
    return masks


def _counts(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    ones = abs(values) ^ (3 * abs(values))
    counts = np.zeros(len(values), np.int64)
    for bit in range(int(ones.max()).bit_length()):
        counts += (ones >> bit) & 1
    return counts


_PLUS, _MINUS = _table(1), _table(-1)


@compiled
def digit_mask(value: int, sign: int) -> int:
    """Positions of the digits of one sign in any minimal form: bit p for sign * 2**p."""
    if -_TABLE <= value <= _TABLE:
        return int(_PLUS[value + _TABLE] if sign > 0 else _MINUS[value + _TABLE])
    return _search(value, sign)
