# SPDX-License-Identifier: Apache-2.0
"""Types, numbers and constant arrays as C++ text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange

LINE_LENGTH = 120
_INT32, _INT64, _WORD = 1 << 31, 1 << 63, 1 << 64


def type_of(codes: CodeRange) -> str:
    """The narrowest integer type that holds a range."""
    return f"fpgann::{'sint' if codes.signed else 'uint'}<{codes.width_bits}>"


def range_of(*numbers: int) -> CodeRange:
    """The range that holds some numbers."""
    return CodeRange(min(numbers), max(numbers))


def literal(number: int) -> str:
    """A number of any size as an expression."""
    number = int(number)
    if -_INT32 < number < _INT32:
        return str(number)
    if -_INT64 < number < _INT64:
        return f"{number}LL"
    if number == -_INT64:
        return f"({number + 1}LL - 1)"
    kind = f"fpgann::sint<{range_of(min(number, -1), number).width_bits}>"
    words = []
    while not -_INT64 < number < _INT64:
        words.append(f"{number % _WORD}ULL")
        number >>= 64
    return f"fpgann::join<{kind}>({', '.join([literal(number), *reversed(words)])})"


@dataclass(frozen=True, slots=True)
class ConstantArray:
    """A constant array of a layer; vocabulary of templates/hls/weights.h.j2.

    Args:
        name: C++ name.
        kind: C++ type of an element.
        shape: dimensions in brackets.
        lines: the initialiser.
        comment: what it holds.
    """

    name: str
    kind: str
    shape: str
    lines: tuple[str, ...]
    comment: str


def constant_array(name: str, numbers: IntArray, comment: str) -> ConstantArray:
    """An array in the narrowest signed type that holds it."""
    codes = range_of(-1, 0, int(numbers.min()), int(numbers.max()))
    shape = "".join(f"[{size}]" for size in numbers.shape)
    lines = tuple(_rows(numbers))
    return ConstantArray(name, f"fpgann::constant<{codes.width_bits}>", shape, lines, comment)


def _rows(numbers: IntArray) -> list[str]:
    """The initialiser of an array, a brace a row."""
    if numbers.ndim == 1:
        text = "{" + ", ".join(literal(n) for n in numbers.tolist()) + "}"
        return textwrap.wrap(text, LINE_LENGTH - 8, break_long_words=False, break_on_hyphens=False)
    lines: list[str] = []
    for row in numbers:
        inner = _rows(np.asarray(row))
        inner[-1] += ","
        lines += inner
    lines[0] = "{" + lines[0]
    lines[-1] = lines[-1][:-1] + "}"
    return lines
