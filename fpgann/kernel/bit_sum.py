# SPDX-License-Identifier: Apache-2.0
"""Sums of many operands, bit by bit: columns of bits, compressed level by level, then one adder of three operands.

All is modulo 2**width. A bit with a negative weight, -b, is (1 - b) - 1: the bit inverted, and a constant. So signs and
subtractions cost nothing but constants, which stand in the heap like other bits and mostly find a free place.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fpgann.kernel.compression import FREE, ONE, PAIR_BITS, PLAIN, WAITING, compress

LOOSE_ADDER3 = 1.5  # LUTs a bit of an adder of three operands whose sum no register takes
CONSTANT = -1  # the source of constants
_HEIGHTS = {2: (0, 6, 15, 36), 3: (0, 7, 17, 40)}  # of a column that so many further levels make so many rows of
_MARGINS = (0, 1, 2)  # columns made lower than that: neighbours may need it
_NEVER = 1e30


class Last(enum.Enum):
    """The adder at the end of a sum."""

    REGISTERED = "registered"
    """Three operands before a register, cells by name: one LUT a bit."""

    THREE = "three"
    """Three operands, as a tool builds it."""

    TWO = "two"
    """Two operands, as a tool builds it: one LUT a bit."""

    @property
    def rows(self) -> int:
        """Operands."""
        return 2 if self is Last.TWO else 3

    @property
    def price(self) -> float:
        """LUTs a bit."""
        return LOOSE_ADDER3 if self is Last.THREE else 1.0


class Bit(NamedTuple):
    """A bit of a signal.

    Args:
        source: a node, or CONSTANT, or -2 - k for step k of the same sum.
        place: which bit; for a constant its value.
        inverted: whether 1 - bit is meant.
    """

    source: int
    place: int
    inverted: bool = False


ZERO_BIT, ONE_BIT = Bit(CONSTANT, 0), Bit(CONSTANT, 1)


@dataclass(frozen=True, slots=True)
class Operand:
    """A summand.

    Args:
        node: whose value.
        width: its bits.
        signed: whether the highest of them is negative.
        shift: left shift.
        sign: +1 or -1.
        level: adders before it.
    """

    node: int
    width: int
    signed: bool
    shift: int
    sign: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """Pairs in a row, two columns apart; bit i of its result has weight 2**(column + i).

    Args:
        column: of the first pair.
        pairs: six bits each, the last not inverted; equal weights.
        carry_in: whether the constant 1 comes in below.
        bits: of the result: two for each pair, one more where the carry leaves, one less at the top of the sum.
    """

    column: int
    pairs: tuple[tuple[Bit, ...], ...]
    carry_in: bool
    bits: int


@dataclass(frozen=True, slots=True)
class FullAdders:
    """Full adders side by side; bits 2 * i and 2 * i + 1 of the result are sum and carry of number i."""

    triples: tuple[tuple[Bit, ...], ...]


@dataclass(frozen=True, slots=True)
class BitSum:
    """A sum as steps and a last adder.

    Args:
        last: what adder that is.
        width: of the sum.
        steps: in order; each reads nodes and steps before it.
        wires: the lowest bits of the sum.
        rows: operands of the adder for the bits above, lowest bits first.
        below: a further bit for its lowest column, if it is registered.
        carry_in: whether the constant 1 comes in there, too.
        luts: what all of it takes.
    """

    last: Last
    width: int
    steps: tuple[Chain | FullAdders, ...]
    wires: tuple[Bit, ...]
    rows: tuple[tuple[Bit, ...], ...]
    below: Bit
    carry_in: bool
    luts: float


@dataclass(slots=True)
class _Heap:
    """Bits by column with the level at which they are there, and the steps so far."""

    columns: list[list[tuple[int, Bit]]]
    steps: list[Chain | FullAdders] = field(default_factory=list)
    luts: int = 0

    def put(self, column: int, level: int, bit: Bit) -> None:
        """Add a bit; above the highest column it counts nothing."""
        if column < len(self.columns):
            self.columns[column].append((level, bit))


def sum_bits(
    operands: Sequence[Operand], constant: int, width: int, levels: int, last: Last = Last.REGISTERED
) -> BitSum | None:
    """Compress a sum; None where that takes more levels.

    Args:
        operands: what is summed.
        constant: added.
        width: of the sum, which is meant modulo 2**width.
        levels: adders in a row that the whole may have.
        last: the adder at its end.
    """
    for margin in _MARGINS if levels > 2 else _MARGINS[:1]:
        heap = _heap_of(operands, constant, width)
        if all(_compress_level(heap, level, levels - 1 - level, last, margin) for level in range(1, levels)):
            if levels == 1 and any(len(column) > last.rows for column in heap.columns):
                return None
            return _finish(heap, last)
    return None


def _heap_of(operands: Sequence[Operand], constant: int, width: int) -> _Heap:
    heap = _Heap([[] for _ in range(width)])
    for operand in operands:
        for index in range(operand.width):
            column = operand.shift + index
            negative = (operand.sign < 0) != (operand.signed and index == operand.width - 1)
            heap.put(column, operand.level, Bit(operand.node, index, negative))
            constant -= int(negative) << column
    constant %= 1 << width
    for column in range(width):
        if constant >> column & 1:
            heap.put(column, 0, ONE_BIT)
    return heap


def _compress_level(heap: _Heap, level: int, further: int, last: Last, margin: int) -> bool:
    """One level of compressors; whether the columns are low enough behind it."""
    table = np.zeros((4, len(heap.columns)), np.int64)
    for column, bits in enumerate(heap.columns):
        for ready, bit in bits:
            if ready >= level:
                table[WAITING, column] += 1
            elif bit == ONE_BIT:
                table[ONE, column] += 1
            else:
                table[FREE, column] += 1
                table[PLAIN, column] += not bit.inverted
    heights = _HEIGHTS[last.rows]
    limit = max(0, heights[min(further, len(heights) - 1)] - margin)
    choice, cost = compress(table, limit, last.rows, last.price, int(last is Last.REGISTERED))
    if cost >= _NEVER:
        return False
    if choice.any():
        _apply(heap, level, choice.tolist())
    return True


@dataclass(slots=True)
class _OpenChain:
    column: int
    carry_in: bool
    pairs: list[tuple[Bit, ...]]


def _apply(heap: _Heap, level: int, choice: list[list[int]]) -> None:
    """Build the chosen compressors; their results join the heap."""
    free = [_take_ready(column, level) for column in heap.columns]
    running: tuple[list[_OpenChain], list[_OpenChain]] = ([], [])
    done: list[_OpenChain] = []
    triples: list[tuple[int, tuple[Bit, ...]]] = []
    for column, (pairs, adders) in enumerate(choice):
        chains = running[column % 2]
        done += chains[pairs:]
        del chains[pairs:]
        while len(chains) < pairs:
            carry_in = ONE_BIT in free[column]
            if carry_in:
                free[column].remove(ONE_BIT)
            chains.append(_OpenChain(column, carry_in, []))
        for chain, six in zip(chains, _pairs_of(free[column], pairs), strict=True):
            chain.pairs.append(six)
        triples += [(column, _filled(_taken(free[column], 3), 3)) for _ in range(adders)]
    for chain in [*done, *running[0], *running[1]]:
        _add_chain(heap, level, chain)
    if triples:
        _add_full_adders(heap, level, triples)
    for column, left in enumerate(free):
        heap.columns[column] += [(level - 1, bit) for bit in left]


def _take_ready(column: list[tuple[int, Bit]], level: int) -> list[Bit]:
    """Take the bits out of a column that a level may use: the earliest first, constants last."""
    ready = sorted((pair for pair in column if pair[0] < level), key=lambda pair: (pair[1] == ONE_BIT, pair[0]))
    column[:] = [pair for pair in column if pair[0] >= level]
    return [bit for _, bit in ready]


def _add_chain(heap: _Heap, level: int, chain: _OpenChain) -> None:
    bits = min(2 * len(chain.pairs) + 1, len(heap.columns) - chain.column)
    heap.luts += bits
    for place in range(bits):
        heap.put(chain.column + place, level, Bit(-2 - len(heap.steps), place))
    heap.steps.append(Chain(chain.column, tuple(chain.pairs), chain.carry_in, bits))


def _add_full_adders(heap: _Heap, level: int, triples: list[tuple[int, tuple[Bit, ...]]]) -> None:
    heap.luts += len(triples)
    for number, (column, _) in enumerate(triples):
        heap.put(column, level, Bit(-2 - len(heap.steps), 2 * number))
        heap.put(column + 1, level, Bit(-2 - len(heap.steps), 2 * number + 1))
    heap.steps.append(FullAdders(tuple(bits for _, bits in triples)))


def _taken(free: list[Bit], count: int) -> list[Bit]:
    """Take at most so many bits out of a list."""
    found, free[:count] = free[:count], []
    return found


def _pairs_of(free: list[Bit], pairs: int) -> list[tuple[Bit, ...]]:
    """Take six bits for each pair; the last is not inverted."""
    lasts = []
    for _ in range(pairs):
        plain = next((bit for bit in free if not bit.inverted), None)
        if plain is not None:
            free.remove(plain)
        lasts.append(ZERO_BIT if plain is None else plain)
    return [(*_filled(_taken(free, PAIR_BITS - 1), PAIR_BITS - 1), last) for last in lasts]


def _filled(bits: Sequence[Bit], count: int) -> tuple[Bit, ...]:
    return (*bits, *[ZERO_BIT] * (count - len(bits)))


def _finish(heap: _Heap, last: Last) -> BitSum:
    """The last adder; if it is registered, its lowest column has room for another bit and a constant."""
    columns = [[bit for _, bit in column] for column in heap.columns]
    width = len(columns)
    first = next((i for i, column in enumerate(columns) if len(column) > 1), width)
    below, carry_in = ZERO_BIT, False
    if first < width:
        lowest = columns[first]
        if len(lowest) > last.rows and ONE_BIT in lowest:
            lowest.remove(ONE_BIT)
            carry_in = True
        if len(lowest) > last.rows:
            below = next((bit for bit in lowest if not bit.inverted), lowest[0])  # a carry does not invert
            lowest.remove(below)
    wires = tuple(column[0] if column else ZERO_BIT for column in columns[:first])
    inverters = sum(bit.inverted for bit in (*wires, below))
    above = [sorted(column, key=lambda bit: bit.inverted) for column in columns[first:]]  # a carry does not invert
    rows = tuple(tuple(column[row] if row < len(column) else ZERO_BIT for column in above) for row in range(last.rows))
    luts = heap.luts + inverters + last.price * (width - first)
    return BitSum(last, width, tuple(heap.steps), wires, rows, below, carry_in, luts)


def evaluate_bits(plan: BitSum, read: Callable[[int, int], int]) -> int:
    """The sum as its circuits compute it, an unsigned number of `width` bits.

    Args:
        plan: the circuits.
        read: value of a bit of a node, by node and index.
    """
    results: list[list[int]] = []

    def value(bit: Bit) -> int:
        if bit.source == CONSTANT:
            plain = bit.place
        elif bit.source >= 0:
            plain = read(bit.source, bit.place)
        else:
            plain = results[-2 - bit.source][bit.place]
        return plain ^ bit.inverted

    for step in plan.steps:
        found: list[int] = []
        if isinstance(step, FullAdders):
            for triple in step.triples:
                total = sum(map(value, triple))
                found += [total & 1, total >> 1]
        else:
            carry = int(step.carry_in)
            for pair in step.pairs:
                *five, last = map(value, pair)
                parity, high = (sum(five) + last) & 1, sum(five) >> 1
                found.append(parity ^ carry)
                carry = carry if parity else last
                found.append((high & 1) ^ carry)
                carry = carry if high == 1 else high >> 1
            found = [*found, carry][: step.bits]
        results.append(found)
    total = sum(value(bit) << i for row in plan.rows for i, bit in enumerate(row))
    total += value(plan.below) + plan.carry_in
    first = len(plan.wires)
    low = sum(value(bit) << i for i, bit in enumerate(plan.wires))
    return low + (total << first) % (1 << plan.width)
