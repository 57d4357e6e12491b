# SPDX-License-Identifier: Apache-2.0
"""Sums of many terms as rows of 3-input adders, compiled.

Every row takes two terms away, so their number is given; what can be chosen is which terms meet. The bits of a row are
those of its result, less the low ones where only one operand has any. Terms that lie near each other first, under the
bound that 3**depth of all terms together may not exceed 3**(latest depth): then the rest can still be summed in time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fpgann.kernel.compiled import compiled, random_number
from fpgann.kernel.sum_graph import Floats, Ints

LOW, HIGH, LEAST, DEPTH, SIGN, SOURCE = 0, 1, 2, 3, 4, 5  # columns of a table of terms
FIELDS = 6
_WAYS = 4  # of judging a row
NOISE = 1.5  # bits
LONG_WAIT = 2.0  # cycles; longer chains of registers become shift registers in LUTs
WAIT_COST = 1.0  # adder bits a bit that waits longer


@compiled
def _bits(low: float, high: float) -> int:
    """Bits of a two's complement or unsigned number."""
    bits = 1 if low < 0 else 0
    reach = max(high, -low - 1.0)
    while reach >= 1.0:
        reach *= 0.5
        bits += 1
    return bits


@compiled
def _row(terms: Floats, a: int, b: int, c: int, keep_sign: int, result: Floats) -> float:
    """Cost in bits of adding terms; `result` becomes their sum. c is -1 for two operands.

    One operand at least must be added, not subtracted. Where the lowest bits belong to one operand alone, they cost
    nothing if that one is added. So the sum is made with the sign that its lowest operand has, unless it must keep it.
    """
    low, high = terms[a, LOW] + terms[b, LOW], terms[a, HIGH] + terms[b, HIGH]
    depth = max(terms[a, DEPTH], terms[b, DEPTH])
    first, second, sign = terms[a, LEAST], terms[b, LEAST], terms[a, SIGN]
    most = max(terms[a, SIGN], terms[b, SIGN])
    if second < first:
        first, second, sign = second, first, terms[b, SIGN]
    if c >= 0:
        low, high, depth = low + terms[c, LOW], high + terms[c, HIGH], max(depth, terms[c, DEPTH])
        most = max(most, terms[c, SIGN])
        if terms[c, LEAST] < first:
            first, second, sign = terms[c, LEAST], first, terms[c, SIGN]
        elif terms[c, LEAST] < second:
            second = terms[c, LEAST]
    if first == second:
        sign = most
    wires = second - first
    negations = 0
    if keep_sign == 1 and sign < 0:
        sign = most if most > 0 else 1.0
        wires = 0.0
        negations = 0 if most > 0 else 1
    result[LOW], result[HIGH], result[LEAST], result[DEPTH], result[SIGN] = low, high, first, depth + 1, sign
    scale = 2.0**-first
    bits = _bits(low * scale, high * scale) if sign > 0 else _bits(-high * scale, -low * scale)
    return float(bits * (1 + negations) - wires)


@compiled
def _waiting(terms: Floats, a: int, b: int, c: int, depth: float) -> float:
    """Bits of operands that wait for more than two cycles: chains of registers that tools turn into LUTs."""
    waiting = 0.0
    for i in (a, b, c):
        if i >= 0 and depth - 1.0 - terms[i, DEPTH] > LONG_WAIT:
            waiting += np.log2(terms[i, HIGH] - terms[i, LOW] + 1.0) - terms[i, LEAST]
    return waiting


@compiled
def _score(kind: int, cost: float, result: Floats) -> float:
    width = np.log2(result[HIGH] - result[LOW] + 1.0)
    match kind:
        case 0:
            value = width
        case 1:
            value = width - result[LEAST]
        case 2:
            value = cost + 0.25 * width
        case _:
            value = cost + 0.5 * (width - result[LEAST])
    return float(value)


@compiled
def _order(terms: Floats, alive: Ints, count: int, kind: int, keys: Floats) -> None:
    """Sort the living terms so that good partners are neighbours."""
    for i in range(count):
        t = alive[i]
        top = np.log2(terms[t, HIGH] - terms[t, LOW] + 1.0)
        keys[i] = top if kind % 2 == 0 else top + terms[t, LEAST]
    for i in range(1, count):
        t, key, j = alive[i], keys[i], i - 1
        while j >= 0 and keys[j] > key:
            alive[j + 1], keys[j + 1] = alive[j], keys[j]
            j -= 1
        alive[j + 1], keys[j + 1] = t, key


class _Way(NamedTuple):
    """How rows are judged.

    Args:
        kind: which formula.
        limit: what the sum of 3**depth may reach.
        noise: bits by which a judgement may be wrong.
        keep_sign: as in `sum_rows`.
        random: state of the random numbers.
    """

    kind: int
    limit: float
    noise: float
    keep_sign: int
    random: Ints


class _Choice(NamedTuple):
    """Operands of a row, what they add up to, and what is thought of it.

    Args:
        operands: three terms, the last -1 where there are two.
        result: their sum.
        trial: the sum of a row that is looked at.
        worth: value and cost in bits.
    """

    operands: Ints
    result: Floats
    trial: Floats
    worth: Floats


@compiled
def _look(terms: Floats, x: int, y: int, z: int, way: _Way, load: float, last: int, choice: _Choice) -> None:
    """Judge a row; keep it if it is the best so far and leaves the rest time enough."""
    cost = _row(terms, x, y, z, last, choice.trial)
    load += 3.0 ** choice.trial[DEPTH] - 3.0 ** terms[x, DEPTH] - 3.0 ** terms[y, DEPTH]
    if z >= 0:
        load -= 3.0 ** terms[z, DEPTH]
    if load > way.limit + 0.5:
        return
    cost += WAIT_COST * _waiting(terms, x, y, z, choice.trial[DEPTH])
    value = _score(way.kind, cost, choice.trial) + way.noise * random_number(way.random)
    if value < choice.worth[0]:
        choice.worth[0], choice.worth[1] = value, cost
        choice.operands[0], choice.operands[1], choice.operands[2] = x, y, z
        for field in range(FIELDS):
            choice.result[field] = choice.trial[field]


@compiled
def _choose(terms: Floats, alive: Ints, left: int, way: _Way, load: float, choice: _Choice) -> None:
    """The best row of neighbours, one of which may be left out; two operands if their number is even."""
    choice.worth[0], choice.operands[0] = 1e30, -1
    for operands in (2, 3):
        if choice.operands[0] >= 0 or (operands == 2 and left % 2 == 1) or operands > left:
            continue
        last = way.keep_sign if left == operands else 0
        for i in range(left - operands + 1):
            for skipped in range(operands if i + operands < left else 1):  # 0: none, else the one after so many
                second = i + (2 if skipped == 1 else 1)
                third = i + (3 if skipped > 0 else 2)
                z = alive[third] if operands == 3 else -1
                _look(terms, alive[i], alive[second], z, way, load, last, choice)
    if choice.operands[0] < 0:
        _take_first(terms, alive, left, choice)
        last = way.keep_sign if left <= 3 else 0
        a, b, c = choice.operands[0], choice.operands[1], choice.operands[2]
        choice.worth[1] = _row(terms, a, b, c, last, choice.result)


@compiled
def _take_first(terms: Floats, alive: Ints, left: int, choice: _Choice) -> None:
    """The two terms (of an odd number three) that are ready first: adding them never makes the rest late."""
    choice.operands[2] = -1
    for place in range(2 + left % 2):
        best = -1
        for i in range(left):
            taken = (place > 0 and alive[i] == choice.operands[0]) or (place > 1 and alive[i] == choice.operands[1])
            if not taken and (best < 0 or terms[alive[i], DEPTH] < terms[best, DEPTH]):
                best = alive[i]
        choice.operands[place] = best


@compiled
def _build(terms: Floats, count: int, way: _Way, rows: Ints) -> float:
    """Rows for one way of judging: rows[i] = operands; terms grows by their sums. Returns the cost in bits."""
    alive, keys, load = np.arange(count), np.zeros(count), 0.0
    for i in range(count):
        load += 3.0 ** terms[i, DEPTH]
    choice = _Choice(np.zeros(3, np.int64), np.zeros(FIELDS), np.zeros(FIELDS), np.zeros(2))
    left, total, made = count, 0.0, 0
    while left > 1:
        _order(terms, alive, left, way.kind, keys)
        _choose(terms, alive, left, way, load, choice)
        total += choice.worth[1]
        load += 3.0 ** choice.result[DEPTH]
        kept = 0
        for i in range(left):
            if alive[i] == choice.operands[0] or alive[i] == choice.operands[1] or alive[i] == choice.operands[2]:
                load -= 3.0 ** terms[alive[i], DEPTH]
            else:
                alive[kept] = alive[i]
                kept += 1
        for field in range(3):
            rows[made, field] = choice.operands[field]
        for field in range(FIELDS):
            terms[count + made, field] = choice.result[field]
        alive[kept] = count + made
        left, made = kept + 1, made + 1
    return total


@compiled
def sum_rows(terms: Floats, latest: int, keep_sign: int, tries: int, seed: int) -> tuple[Ints, float]:
    """The cheapest rows found for a sum.

    Args:
        terms: table of terms, fields LOW .. SIGN; LOW and HIGH with sign and shift applied.
        latest: depth that the sum may have.
        keep_sign: 1 if the sum itself is needed, 0 if its negative serves as well.
        tries: random variations tried besides the fixed ways.
        seed: of the random numbers.

    Returns:
        Operands of each row, shape (rows, 3): a term, or number of terms + a row; -1 for none. And the cost in bits.
    """
    count = len(terms)
    table = np.zeros((2 * count, FIELDS))
    best_rows, best = np.zeros((count // 2, 3), np.int64), 1e30
    random = np.array([seed], np.int64)
    for attempt in range(_WAYS + tries):
        for i in range(count):
            for field in range(FIELDS):
                table[i, field] = terms[i, field]
        rows = np.zeros((count // 2, 3), np.int64)
        noise = 0.0 if attempt < _WAYS else NOISE
        cost = _build(table, count, _Way(attempt % _WAYS, 3.0**latest, noise, keep_sign, random), rows)
        if cost < best:
            best, best_rows = cost, rows
    return best_rows, best
