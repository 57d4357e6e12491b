# SPDX-License-Identifier: Apache-2.0
"""Numbers as VHDL text."""

from __future__ import annotations

from collections.abc import Iterable

from fpgann.kernel.requantize import ShiftForm
from fpgann.numerics.interval import CodeRange

_WORDS_PER_LINE_BITS = 320


def bits(value: int, width: int) -> str:
    """A bit string of any width: binary digits first, hexadecimal ones for the rest."""
    value %= 1 << width
    odd = width % 4
    digits = f"{value:0{(width + 3) // 4}x}"
    if odd == 0:
        return f'x"{digits}"'
    head = f'"{value >> (width - odd):0{odd}b}"'
    return head if width < 4 else f'{head} & x"{digits[1:]}"'


def vector(value: int, width: int) -> str:
    """A bit string that stands where the type is not known from the place."""
    return f"std_ulogic_vector'({bits(value, width)})"


def packed(values: Iterable[int], width: int) -> int:
    """Values side by side, the first in the low bits."""
    word, mask = 0, (1 << width) - 1
    for position, value in enumerate(values):
        word |= (int(value) & mask) << (position * width)
    return word


def memory(words: list[int], width: int) -> tuple[str, ...]:
    """The aggregate of a memory, as lines: `0 => ...,` with one or several words each."""
    lines = [f"{index} => {bits(word, width)}" for index, word in enumerate(words)]
    per_line = max(1, _WORDS_PER_LINE_BITS // (width + 24))
    grouped = [", ".join(lines[i : i + per_line]) for i in range(0, len(lines), per_line)]
    return (*(f"{line}," for line in grouped[:-1]), grouped[-1])


def signed_literal(value: int, width: int) -> str:
    """A u_signed constant."""
    wrapped = (value + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))
    if width <= 31:
        return f"to_signed({wrapped}, {width})"
    return f"u_signed'({bits(value, width)})"


def subtype(codes: CodeRange) -> str:
    """The VHDL type of a number in a range."""
    return f"u_{'signed' if codes.signed else 'unsigned'}({codes.width_bits - 1} downto 0)"


def boolean(value: object) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def rounding(form: ShiftForm) -> str:
    """The name of a rounding mode in fpgann_pkg."""
    return form.rounding.value.lower()
