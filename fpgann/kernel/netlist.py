# SPDX-License-Identifier: Apache-2.0
"""The spatial form of a kernel: integer operations as a structure of arrays.

Node i reads nodes with smaller numbers only. Every node carries the exact interval of its values, from which its
width and signedness follow. Meaning of the operations, with A and B the operands' values:

    INPUT         the input element number `shift`
    CONSTANT      the number `immediate`
    ADD           A * 2**shift + sign * B * 2**shift_b
    ADD3          A * 2**shift + sign * B * 2**shift_b + sign_c * C * 2**shift_c
    FLOOR_SHIFT   floor(A / 2**shift)
    EVEN_SHIFT    floor(A / 2**shift), its last bit cleared where 2**shift divides A (ends rounding to even)
    BIT           bit number `shift` of A in two's complement, 0 or 1
    CLAMP         min(max(A, immediate), immediate_b)
    AT_LEAST      1 if A >= immediate else 0
    REGISTER      A, one clock cycle later
    MULTIPLY      A * B
    MAXIMUM       max(A, B)
    MINIMUM       min(A, B)
    NOT_BELOW     1 if A >= B else 0
    CHOOSE        B if A /= 0 else C
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fpgann.numerics.interval import CodeRange


class Opcode(enum.IntEnum):
    """Operations of a netlist."""

    INPUT = 0
    CONSTANT = 1
    ADD = 2
    FLOOR_SHIFT = 3
    BIT = 4
    CLAMP = 5
    AT_LEAST = 6
    REGISTER = 7
    EVEN_SHIFT = 8
    MULTIPLY = 9
    MAXIMUM = 10
    MINIMUM = 11
    NOT_BELOW = 12
    CHOOSE = 13
    ADD3 = 14


LINEAR = frozenset({Opcode.INPUT, Opcode.CONSTANT, Opcode.ADD, Opcode.ADD3, Opcode.REGISTER})

Indices = npt.NDArray[np.int32]
NO_NODE = -1


@dataclass(frozen=True)
class Netlist:
    """Operations in evaluation order, as arrays of equal length.

    Args:
        opcode: operation of each node.
        a: first operand, -1 if none.
        b: second operand, -1 if none.
        c: third operand (ADD3, CHOOSE), -1 if none.
        shift: left shift of A (ADD, ADD3), right shift (FLOOR_SHIFT), bit (BIT) or input element (INPUT).
        shift_b: left shift of B (ADD, ADD3).
        shift_c: left shift of C (ADD3).
        sign: +1 or -1, sign of B (ADD, ADD3).
        sign_c: +1 or -1, sign of C (ADD3).
        immediate: constant (CONSTANT), lower bound (CLAMP) or threshold (AT_LEAST); Python integers.
        immediate_b: upper bound (CLAMP).
        low: least value of each node; Python integers.
        high: greatest value of each node.
        outputs: the nodes whose values leave, in element order.
        inputs: number of input elements.
    """

    opcode: Indices
    a: Indices
    b: Indices
    c: Indices
    shift: Indices
    shift_b: Indices
    shift_c: Indices
    sign: Indices
    sign_c: Indices
    immediate: npt.NDArray[Any]
    immediate_b: npt.NDArray[Any]
    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    outputs: Indices
    inputs: int

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.opcode)

    def range(self, node: int) -> CodeRange:
        """The exact interval of a node's values."""
        return CodeRange(int(self.low[node]), int(self.high[node]))

    def output_range(self) -> CodeRange:
        """The interval that holds all outputs."""
        return CodeRange.hull(self.range(int(n)) for n in self.outputs)

    def count(self, opcode: Opcode) -> int:
        """How many nodes of one kind there are."""
        return int(np.sum(self.opcode == opcode))


class NetlistBuilder:
    """Grows a netlist node by node; equal nodes are shared.

    Args:
        inputs: range of each input element.
    """

    def __init__(self, inputs: Sequence[CodeRange]) -> None:
        self._rows: list[tuple[int, ...]] = []
        self._ranges: list[CodeRange] = []
        self._known: dict[tuple[int, ...], int] = {}
        self._inputs = list(inputs)
        for element, codes in enumerate(self._inputs):
            self._add(Opcode.INPUT, codes, shift=element)

    def input(self, element: int) -> int:
        """The node of an input element."""
        return element

    def range(self, node: int) -> CodeRange:
        """The interval of a node's values."""
        return self._ranges[node]

    def constant(self, value: int) -> int:
        """A constant."""
        return self._add(Opcode.CONSTANT, CodeRange(value, value), immediate=value)

    def add(
        self,
        a: int,
        b: int,
        *,
        shift_a: int = 0,
        shift_b: int = 0,
        subtract: bool = False,
        codes: CodeRange | None = None,
    ) -> int:
        """a * 2**shift_a + b * 2**shift_b, or minus.

        Args:
            a: first operand.
            b: second operand.
            shift_a: left shift of a.
            shift_b: left shift of b.
            subtract: subtract b.
            codes: a tighter range than interval arithmetic gives, if the caller can prove one.
        """
        second = self._ranges[b].shifted(shift_b)
        reach = self._ranges[a].shifted(shift_a) + (-second if subtract else second)
        if codes is not None:
            reach = CodeRange(max(reach.low, codes.low), min(reach.high, codes.high))
        return self._add(Opcode.ADD, reach, a, b, shift=shift_a, shift_b=shift_b, sign=-1 if subtract else 1)

    def add3(
        self,
        operands: tuple[int, int, int],
        shifts: tuple[int, int, int],
        signs: tuple[int, int],
        codes: CodeRange | None = None,
    ) -> int:
        """The sum of three shifted nodes in one adder; the first is added.

        Args:
            operands: the nodes.
            shifts: their left shifts.
            signs: +1 or -1, of the second and the third.
            codes: a tighter range than interval arithmetic gives, if the caller can prove one.
        """
        first, second, third = (self._ranges[n].shifted(s) for n, s in zip(operands, shifts, strict=True))
        reach = first + (second if signs[0] > 0 else -second) + (third if signs[1] > 0 else -third)
        if codes is not None:
            reach = CodeRange(max(reach.low, codes.low), min(reach.high, codes.high))
        shift_a, shift_b, shift_c = shifts
        return self._add(
            Opcode.ADD3,
            reach,
            *operands,
            shift=shift_a,
            shift_b=shift_b,
            shift_c=shift_c,
            sign=signs[0],
            sign_c=signs[1],
        )

    def floor_shift(self, a: int, bits: int) -> int:
        """floor(a / 2**bits)."""
        return a if bits == 0 else self._add(Opcode.FLOOR_SHIFT, self._ranges[a].shifted(-bits), a, shift=bits)

    def even_shift(self, a: int, bits: int) -> int:
        """(A + half) rounded to even: floor(A / 2**bits) with its last bit cleared where nothing is dropped."""

        def rounded(code: int) -> int:
            quotient = code >> bits
            return quotient - (quotient % 2 if code % (1 << bits) == 0 else 0)

        codes = self._ranges[a]  # rounding is monotone: its ends decide
        return self._add(Opcode.EVEN_SHIFT, CodeRange(rounded(codes.low), rounded(codes.high)), a, shift=bits)

    def left_shift(self, a: int, bits: int) -> int:
        """a * 2**bits, as an addition to zero: wires only."""
        return a if bits == 0 else self.add(a, self.constant(0), shift_a=bits)

    def bit(self, a: int, position: int) -> int:
        """One bit of a."""
        if self._rows[a][0] == Opcode.CONSTANT:
            return self.constant((self._ranges[a].low >> position) & 1)
        return self._add(Opcode.BIT, CodeRange(0, 1), a, shift=position)

    def clamp(self, a: int, low: int, high: int) -> int:
        """Saturation; nothing where the range cannot exceed the bounds."""
        codes = self._ranges[a]
        if low <= codes.low and codes.high <= high:
            return a
        return self._add(Opcode.CLAMP, codes.clamped(low, high), a, immediate=low, immediate_b=high)

    def at_least(self, a: int, threshold: int) -> int:
        """1 where a >= threshold; a constant where the range decides."""
        codes = self._ranges[a]
        if codes.low >= threshold or codes.high < threshold:
            return self.constant(int(codes.low >= threshold))
        return self._add(Opcode.AT_LEAST, CodeRange(0, 1), a, immediate=threshold)

    def multiply(self, a: int, b: int, *, codes: CodeRange | None = None) -> int:
        """a * b.

        Args:
            a: first operand.
            b: second operand.
            codes: a tighter range than interval arithmetic gives, if the caller can prove one.
        """
        x, y = self._ranges[a], self._ranges[b]
        ends = [left * right for left in (x.low, x.high) for right in (y.low, y.high)]
        reach = CodeRange(min(ends), max(ends))
        if codes is not None:
            reach = CodeRange(max(reach.low, codes.low), min(reach.high, codes.high))
        return self._add(Opcode.MULTIPLY, reach, a, b)

    def extreme(self, a: int, b: int, *, greatest: bool) -> int:
        """max(a, b) or min(a, b); one of them where their ranges decide."""
        x, y = self._ranges[a], self._ranges[b]
        if x.low >= y.high or a == b:
            return a if greatest else b
        if y.low >= x.high:
            return b if greatest else a
        choose = max if greatest else min
        codes = CodeRange(choose(x.low, y.low), choose(x.high, y.high))
        return self._add(Opcode.MAXIMUM if greatest else Opcode.MINIMUM, codes, a, b)

    def not_below(self, a: int, b: int) -> int:
        """1 where a >= b; a constant where the ranges decide."""
        x, y = self._ranges[a], self._ranges[b]
        if x.low >= y.high or x.high < y.low or a == b:
            return self.constant(int(a == b or x.low >= y.high))
        return self._add(Opcode.NOT_BELOW, CodeRange(0, 1), a, b)

    def choose(self, condition: int, a: int, b: int) -> int:
        """a where the condition is not 0, else b."""
        codes = self._ranges[condition]
        if a == b or 0 not in codes:
            return a
        if codes == CodeRange(0, 0):
            return b
        return self._add(Opcode.CHOOSE, self._ranges[a].union(self._ranges[b]), condition, a, b)

    def register(self, a: int) -> int:
        """A register; constants need none."""
        if self._rows[a][0] == Opcode.CONSTANT:
            return a
        return self._add(Opcode.REGISTER, self._ranges[a], a)

    def _add(
        self,
        opcode: Opcode,
        codes: CodeRange,
        a: int = NO_NODE,
        b: int = NO_NODE,
        c: int = NO_NODE,
        *,
        shift: int = 0,
        shift_b: int = 0,
        shift_c: int = 0,
        sign: int = 1,
        sign_c: int = 1,
        immediate: int = 0,
        immediate_b: int = 0,
    ) -> int:
        row = (int(opcode), a, b, c, shift, shift_b, shift_c, sign, sign_c, immediate, immediate_b)
        known = self._known.get(row)
        if known is not None:
            return known
        if codes.low == codes.high and opcode not in (Opcode.INPUT, Opcode.CONSTANT):
            return self.constant(codes.low)
        self._known[row] = len(self._rows)
        self._rows.append(row)
        self._ranges.append(codes)
        return len(self._rows) - 1

    def build(self, outputs: Sequence[int]) -> Netlist:
        """Finish: drop nodes that no output needs (inputs stay)."""
        needed = np.zeros(len(self._rows), bool)
        needed[: len(self._inputs)] = True
        needed[list(outputs)] = True
        for node in range(len(self._rows) - 1, -1, -1):
            if needed[node]:
                for operand in self._rows[node][1:4]:
                    if operand != NO_NODE:
                        needed[operand] = True
        kept = np.flatnonzero(needed)
        renumber = np.full(len(self._rows) + 1, NO_NODE, np.int32)  # the last entry maps -1 to -1
        renumber[kept] = np.arange(len(kept), dtype=np.int32)
        rows = [self._rows[i] for i in kept]
        columns = list(zip(*rows, strict=True))
        opcode, a, b, c, shift, shift_b, shift_c, sign, sign_c = (np.array(column, np.int32) for column in columns[:9])
        immediate, immediate_b = (np.array(column, dtype=object) for column in columns[9:])
        ranges = [self._ranges[i] for i in kept]
        return Netlist(
            opcode=opcode,
            a=renumber[a],
            b=renumber[b],
            c=renumber[c],
            shift=shift,
            shift_b=shift_b,
            shift_c=shift_c,
            sign=sign,
            sign_c=sign_c,
            immediate=immediate,
            immediate_b=immediate_b,
            low=np.array([r.low for r in ranges], dtype=object),
            high=np.array([r.high for r in ranges], dtype=object),
            outputs=renumber[np.array(outputs, np.int64)],
            inputs=len(self._inputs),
        )
