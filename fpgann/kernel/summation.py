# SPDX-License-Identifier: Apache-2.0
"""Sums of many terms as rows of 3-input adders, compiled.

Every row takes two terms away, so their number is given; what can be chosen is which terms meet. The bits of a row are
those of its result, less the low ones where only one operand has any. Terms that lie near each other first, under the
bound that 3**depth of all terms together may not exceed 3**(latest depth): then the rest can still be summed in time.
"""

from __future__ import annotations

import numba
import numpy as np

from fpgann.kernel.sum_graph import Floats, Ints

LOW, HIGH, LEAST, DEPTH, SIGN, SOURCE = 0, 1, 2, 3, 4, 5  # columns of a table of terms
FIELDS = 6
_SCORES = 4  # ways to judge a row
LONG_WAIT = 2.0  # cycles; longer chains of registers become shift registers in LUTs
WAIT_COST = 1.0  # adder bits a bit that waits longer


@numba.njit(cache=True)
def _bits(low: float, high: float) -> int:
    """Bits of a two's complement or unsigned number."""
    bits = 1 if low < 0 else 0
    reach = max(high, -low - 1.0)
    while reach >= 1.0:
        reach *= 0.5
        bits += 1
    return bits


@numba.njit(cache=True)
def _row(terms: Floats, a: int, b: int, c: int, keep_sign: bool, result: Floats) -> float:
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
    if keep_sign and sign < 0:
        sign = most if most > 0 else 1.0
        wires = 0.0
        negations = 0 if most > 0 else 1
    result[LOW], result[HIGH], result[LEAST], result[DEPTH], result[SIGN] = low, high, first, depth + 1, sign
    scale = 2.0**-first
    bits = _bits(low * scale, high * scale) if sign > 0 else _bits(-high * scale, -low * scale)
    return bits * (1 + negations) - wires


@numba.njit(cache=True)
def _waiting(terms: Floats, a: int, b: int, c: int, depth: float) -> float:
    """Bits of operands that wait for more than two cycles: chains of registers that tools turn into LUTs."""
    waiting = 0.0
    for i in (a, b, c):
        if i >= 0 and depth - 1.0 - terms[i, DEPTH] > LONG_WAIT:
            waiting += np.log2(terms[i, HIGH] - terms[i, LOW] + 1.0) - terms[i, LEAST]
    return waiting


@numba.njit(cache=True)
def _score(kind: int, cost: float, result: Floats, noise: float) -> float:
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
    return value + noise


@numba.njit(cache=True)
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


@numba.njit(cache=True)
def _build(
    terms: Floats, count: int, limit: float, kind: int, noise: float, keep_sign: bool, rows: Ints
) -> float:
    """Rows for one way of judging: rows[i] = operands; terms grows by their sums. Returns the cost in bits."""
    alive, keys = np.arange(count), np.zeros(count)
    load = 0.0
    for i in range(count):
        load += 3.0 ** terms[i, DEPTH]
    left, total, made = count, 0.0, 0
    result, best_result = np.zeros(FIELDS), np.zeros(FIELDS)
    while left > 1:
        _order(terms, alive, left, kind, keys)
        best, best_cost = 1e30, 0.0
        a, b, c = -1, -1, -1
        for operands in (2, 3):
            if operands == 2 and left % 2 == 1 or operands == 3 and left < 3 or operands == 3 and a >= 0:
                continue
            for i in range(left - operands + 1):
                gaps = 1 if left > operands + i else 0
                for skip in range(1 + gaps * (operands - 1)):  # leave one out between neighbours
                    x = alive[i]
                    y = alive[i + 1 + (1 if skip == 1 else 0)]
                    z = alive[i + 2 + (1 if skip >= 1 else 0)] if operands == 3 else -1
                    cost = _row(terms, x, y, z, keep_sign and left == operands, result)
                    after = load + 3.0 ** result[DEPTH] - 3.0 ** terms[x, DEPTH] - 3.0 ** terms[y, DEPTH]
                    if z >= 0:
                        after -= 3.0 ** terms[z, DEPTH]
                    if after > limit + 0.5:
                        continue
                    value = _score(kind, cost, result, noise * np.random.random())
                    value += WAIT_COST * _waiting(terms, x, y, z, result[DEPTH])
                    if value < best:
                        best, best_cost, a, b, c = value, cost, x, y, z
                        best_result[:] = result
        if a < 0:
            a, b, c = _shallowest(terms, alive, left)
            best_cost = _row(terms, a, b, c, keep_sign and left <= 3, best_result)
        load += 3.0 ** best_result[DEPTH] - 3.0 ** terms[a, DEPTH] - 3.0 ** terms[b, DEPTH]
        if c >= 0:
            load -= 3.0 ** terms[c, DEPTH]
        total += best_cost + WAIT_COST * _waiting(terms, a, b, c, best_result[DEPTH])
        rows[made, 0], rows[made, 1], rows[made, 2] = a, b, c
        terms[count + made] = best_result
        kept = 0
        for i in range(left):
            if alive[i] != a and alive[i] != b and alive[i] != c:
                alive[kept] = alive[i]
                kept += 1
        alive[kept] = count + made
        left, made = kept + 1, made + 1
    return total


@numba.njit(cache=True)
def _shallowest(terms: Floats, alive: Ints, left: int) -> tuple[int, int, int]:
    """The three terms that are ready first: adding them never makes the rest late."""
    order = np.argsort(np.array([terms[alive[i], DEPTH] for i in range(left)]), kind="mergesort")
    return alive[order[0]], alive[order[1]], alive[order[2]] if left > 2 else -1


@numba.njit(cache=True)
def sum_rows(terms: Floats, latest: int, keep_sign: bool, tries: int, seed: int) -> tuple[Ints, float]:
    """The cheapest rows found for a sum.

    Args:
        terms: table of terms, fields LOW .. SIGN; LOW and HIGH with sign and shift applied.
        latest: depth that the sum may have.
        keep_sign: whether the sum itself is needed, not its negative.
        tries: random variations tried besides the fixed ones.
        seed: of the random numbers.

    Returns:
        Operands of each row, shape (rows, 3): a term, or number of terms + a row; -1 for none. And the cost in bits.
    """
    count = len(terms)
    most = max(0, count - 1)
    table = np.zeros((count + most, FIELDS))
    best_rows, best = np.full((most, 3), -1, np.int64), 1e30
    np.random.seed(seed)
    for attempt in range(_SCORES + tries):
        table[:count] = terms
        rows = np.full((most, 3), -1, np.int64)
        noise = 0.0 if attempt < _SCORES else 1.5
        cost = _build(table, count, 3.0**latest, attempt % _SCORES, noise, keep_sign, rows)
        if cost < best:
            best, best_rows = cost, rows
    made = 0
    while made < most and best_rows[made, 0] >= 0:
        made += 1
    return best_rows[:made], best
