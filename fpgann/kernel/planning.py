# SPDX-License-Identifier: Apache-2.0
"""From a graph of shared sums to adders with exact ranges."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from fpgann.kernel.digits import digit_mask
from fpgann.kernel.product_plan import Adder, Term
from fpgann.kernel.sum_graph import COLUMN, ROW, VALUE, Ints, SumGraph
from fpgann.kernel.summation import DEPTH, FIELDS, HIGH, LEAST, LOW, SIGN, sum_rows
from fpgann.numerics.interval import CodeRange

ONE = -1  # the source of constants
_FAR = 1 << 30


@dataclass(frozen=True, slots=True)
class _Form:
    """An affine function of the inputs, with its exact range."""

    coefficients: Ints
    constant: int
    codes: CodeRange


class Planner:
    """Turns sums into adders, each once and after those that it reads.

    Args:
        graph: sums that share no more.
        outputs: how many of its columns are outputs; the rest are shared sums.
        low: least value of each input.
        high: greatest value of each input.
        tries: random variations of each sum.
        seed: of them.
    """

    def __init__(self, graph: SumGraph, outputs: int, low: Ints, high: Ints, *, tries: int, seed: int) -> None:
        self.adders: list[Adder] = []
        self._graph = graph
        self._low, self._high = low, high
        self._tries, self._seed = tries, seed
        self._inputs, self._outputs = len(low), outputs
        self._cells: list[list[tuple[int, int]]] = [[] for _ in range(int(graph.used[2]))]
        for value, row, column in graph.cells[: graph.used[0], [VALUE, ROW, COLUMN]].tolist():
            if value:
                self._cells[column].append((row, value))
        identity = np.eye(self._inputs, dtype=np.int64)
        self._forms = [_Form(identity[i], 0, self._range(identity[i], 0)) for i in range(self._inputs)]
        self._depths = [0] * self._inputs
        self._values: dict[int, Term] = {row: Term(row, 0, 1) for row in range(self._inputs)}
        self._sums: dict[int, Term] = {}

    def output(self, column: int, bias: int) -> Term:
        """The sum of an output's column and a constant; its sign is +."""
        if column not in self._sums:
            terms = self._terms(column)
            if bias:
                zeros = (bias & -bias).bit_length() - 1
                terms.append(Term(ONE, zeros, bias >> zeros))
            self._sums[column] = self._sum(terms, self._latest(column), keep_sign=True)
        return self._sums[column]

    def scaled(self, term: Term, shift: int, sign: int, constant: int) -> Term:
        """A multiple of a term by a signed power of two, plus a constant."""
        if term.source == ONE:
            return Term(ONE, 0, (sign * term.sign << (term.shift + shift)) + constant)
        moved = Term(term.source, term.shift + shift, sign * term.sign)
        if constant or moved.sign < 0:
            return self._adder([Term(ONE, 0, constant), moved], 1)
        return moved

    def _latest(self, column: int) -> int:
        return round(log(float(self._graph.loads[column, 1]), 3))

    def _value(self, row: int) -> Term:
        """A shared sum; made with the sign that costs least."""
        if row not in self._values:
            column = self._outputs + row - self._inputs
            self._values[row] = self._sum(self._terms(column), self._latest(column), keep_sign=False)
        return self._values[row]

    def _terms(self, column: int) -> list[Term]:
        terms = []
        for row, factor in self._cells[column]:
            value = self._value(row)
            terms += [
                Term(value.source, value.shift + position, value.sign * sign) for position, sign in _low_digits(factor)
            ]
        return terms

    def _sum(self, terms: list[Term], latest: int, *, keep_sign: bool) -> Term:
        if not terms:
            return Term(ONE, 0, 0)
        if len(terms) == 1:
            if terms[0].source == ONE or terms[0].sign > 0 or not keep_sign:
                return terms[0]
            return self._adder([Term(ONE, 0, 0), terms[0]], 1)
        if keep_sign and not any(_is_added(term) for term in terms):
            terms = [*terms, Term(ONE, max(term.shift for term in terms), 0)]  # an adder subtracts from something
        table = np.zeros((len(terms), FIELDS))
        for row, term in zip(table, terms, strict=True):
            codes = self._codes(term)
            row[LOW], row[HIGH], row[LEAST] = codes.low, codes.high, term.shift
            row[DEPTH] = self._depths[term.source] if term.source >= 0 else 0
            row[SIGN] = term.sign if term.source >= 0 else 1
        rows, _ = sum_rows(table, latest, int(keep_sign), self._tries, self._seed)
        operands = [[i for i in row if i >= 0] for row in rows.tolist()]
        positive = _path_to_positive(terms, operands) if keep_sign else set()
        known = list(terms)
        for index, chosen in enumerate(operands):
            known.append(self._combine([known[i] for i in chosen], keep_sign=len(terms) + index in positive))
        if not keep_sign or known[-1].sign > 0:
            return known[-1]
        return self._adder([Term(ONE, 0, 0), known[-1]], 1)  # nothing but subtractions

    def _combine(self, terms: list[Term], *, keep_sign: bool) -> Term:
        """One adder for a row, by the rule of `summation`."""
        sign = 1 if keep_sign else _own_sign(terms)
        signed = [Term(t.source, t.shift, t.sign * sign) for t in terms]
        return self._adder(signed, sign)

    def _adder(self, terms: list[Term], sign: int) -> Term:
        """Add an adder for terms with the signs that its operands shall have; the term of sign * its result."""
        lowest = min(term.shift for term in terms)
        terms = [Term(t.source, t.shift - lowest, t.sign) for t in terms]
        # what is added comes first, the lowest of them: its bits below the others are wires
        terms.sort(key=lambda t: (t.source != ONE and t.sign < 0, t.shift))
        coefficients, constant = np.zeros(self._inputs, np.int64), 0
        for term in terms:
            if term.source == ONE:
                constant += term.sign << term.shift
            else:
                form = self._forms[term.source]
                coefficients = coefficients + term.sign * (form.coefficients << term.shift)
                constant += term.sign * (form.constant << term.shift)
        codes = self._range(coefficients, constant)
        others = min(term.shift for term in terms[1:])
        wires = others if terms[0].shift == 0 else 0
        self.adders.append(Adder(tuple(terms), codes, max(0, codes.width_bits - wires)))
        self._forms.append(_Form(coefficients, constant, codes))
        self._depths.append(1 + max((self._depths[t.source] for t in terms if t.source >= 0), default=0))
        return Term(len(self._forms) - 1, lowest, sign)

    def _codes(self, term: Term) -> CodeRange:
        """The range of a term."""
        if term.source == ONE:
            return CodeRange(term.sign << term.shift, term.sign << term.shift)
        codes = self._forms[term.source].codes.shifted(term.shift)
        return codes if term.sign > 0 else -codes

    def _range(self, coefficients: Ints, constant: int) -> CodeRange:
        """The exact range of an affine function of independent inputs."""
        at_low, at_high = coefficients * self._low, coefficients * self._high
        return CodeRange(
            int(np.minimum(at_low, at_high).sum()) + constant, int(np.maximum(at_low, at_high).sum()) + constant
        )


def _is_added(term: Term) -> bool:
    return term.source == ONE or term.sign > 0


def _own_sign(terms: list[Term]) -> int:
    """The sign that a sum of terms gets where any will do: that of its lowest term, if that one is alone there."""
    lowest = min(term.shift for term in terms)
    at_lowest = [_is_added(term) for term in terms if term.shift == lowest]
    added = at_lowest[0] if len(at_lowest) == 1 else any(_is_added(term) for term in terms)
    return 1 if added else -1


def _path_to_positive(terms: list[Term], operands: list[list[int]]) -> set[int]:
    """Rows that must keep their sign for the last one to do so: down to a row or term that is added anyway."""
    known = list(terms)
    distance = [0 if _is_added(term) else _FAR for term in terms]
    for chosen in operands:
        row = [known[i] for i in chosen]
        known.append(Term(0, min(term.shift for term in row), _own_sign(row)))
        distance.append(0 if known[-1].sign > 0 else min(_FAR, 1 + min(distance[i] for i in chosen)))
    path: set[int] = set()
    node = len(known) - 1
    while node >= len(terms) and distance[node] < _FAR and (not path or distance[node] > 0):
        path.add(node)
        node = min(operands[node - len(terms)], key=lambda i: distance[i])
    return path


def _low_digits(factor: int) -> list[tuple[int, int]]:
    """A minimal signed-digit form that reaches no higher than it must: 3 as 2 + 1 rather than 4 - 1."""
    digits = []
    while factor:
        sign = 1 if factor > 0 else -1
        mask = digit_mask(factor, sign)
        within = mask & ((1 << abs(factor).bit_length()) - 1)
        position = (within or mask).bit_length() - 1
        digits.append((position, sign))
        factor -= sign << position
    return digits
