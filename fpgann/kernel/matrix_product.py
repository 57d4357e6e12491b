# SPDX-License-Identifier: Apache-2.0
"""Products with constant matrices as graphs of 3-input adders that share sums."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpgann.kernel.digits import MAX_BITS
from fpgann.kernel.planning import Planner
from fpgann.kernel.product_plan import ProductPlan, Term
from fpgann.kernel.sharing import share
from fpgann.kernel.sum_graph import new_graph, total_digits
from fpgann.numerics.integers import IntArray, integers, magnitude
from fpgann.numerics.interval import CodeRange

_MAX_PRODUCT = 1 << 52  # of anything that the search computes with: exact in float64


class Effort(enum.Enum):
    """How long to look for smaller circuits."""

    FAST = "fast"
    DEFAULT = "default"
    HIGH = "high"


def can_plan(weights: IntArray, bias: IntArray, codes: Sequence[CodeRange]) -> bool:
    """Whether all numbers of a product are small enough for the compiled search."""
    reach = max((max(abs(c.low), abs(c.high)) for c in codes), default=0)
    largest = magnitude(weights) if weights.size else 0
    offset = magnitude(bias) if bias.size else 0
    return (
        largest < 1 << (MAX_BITS - 2) and 4 * (reach + 1) * (largest + 1) * (len(weights) + 1) + offset < _MAX_PRODUCT
    )


def plan_product(
    weights: IntArray,
    bias: IntArray,
    codes: Sequence[CodeRange],
    *,
    effort: Effort = Effort.DEFAULT,
    seed: int = 0,
    slack: int = 0,
) -> ProductPlan:
    """Choose adders for `inputs @ weights + bias`.

    Args:
        weights: shape (inputs, outputs).
        bias: shape (outputs,).
        codes: range of each input; `can_plan` must hold.
        effort: how long to search.
        seed: of the search; equal arguments give equal plans.
        slack: adders in a row beyond those of the longest sum without sharing.
    """
    columns = _Columns(integers(weights), integers(bias))
    return min(
        (_attempt(columns, codes, trial) for trial in _trials(effort, seed, slack)),
        key=lambda plan: (plan.carry_bits, len(plan.adders)),
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    breadth: int
    slack: int
    tries: int
    noise: float
    seed: int


def _trials(effort: Effort, seed: int, slack: int) -> list[_Trial]:
    match effort:
        case Effort.FAST:
            return [_Trial(1, slack, 0, 0.0, seed)]
        case Effort.DEFAULT:
            return [_Trial(8, slack, 0, 0.0, seed)]
        case Effort.HIGH:
            calm = [_Trial(breadth, slack + 1, 40, 0.0, seed) for breadth in (1, 4, 16, 64)]
            return calm + [_Trial(8 + 8 * (n % 4), slack + 1, 40, 0.2, seed + n) for n in range(28)]


class _Columns:
    """The different columns of a matrix, up to sign and power of two.

    Args:
        weights: shape (inputs, outputs).
        bias: shape (outputs,).
    """

    def __init__(self, weights: IntArray, bias: IntArray) -> None:
        self.bias = [int(b) for b in bias]
        self.members: list[tuple[int, int, int]] = []  # of each output: column, shift, sign; column -1 for none
        known: dict[tuple[int, ...], int] = {}
        different: list[IntArray] = []
        for output in range(weights.shape[1]):
            column = weights[:, output]
            nonzero = column[column != 0]
            if not len(nonzero):
                self.members.append((-1, 0, 1))
                continue
            shift = min(_trailing_zeros(int(v)) for v in nonzero)
            sign = 1 if nonzero[0] > 0 else -1
            reduced = (sign * column) >> shift
            key = tuple(reduced.tolist())
            if key not in known:
                known[key] = len(different)
                different.append(reduced)
            self.members.append((known[key], shift, sign))
        self.users = [[m for m in self.members if m[0] == c] for c in range(len(different))]
        for output, (index, _, _) in enumerate(self.members):
            if index >= 0 and len(self.users[index]) == 1:  # as it is, with its bias
                different[index] = weights[:, output]
                self.members[output] = (index, 0, 1)
        self.matrix = np.stack(different, axis=1) if different else np.zeros((len(weights), 0), np.int64)

    def own_bias(self, column: int) -> int:
        """The bias that joins a column's sum: that of its only user."""
        if len(self.users[column]) > 1:
            return 0
        return next(self.bias[output] for output, member in enumerate(self.members) if member[0] == column)


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def _attempt(columns: _Columns, codes: Sequence[CodeRange], trial: _Trial) -> ProductPlan:
    low, high = (np.array(ends, np.int64) for ends in ([c.low for c in codes], [c.high for c in codes]))
    matrix = np.ascontiguousarray(columns.matrix)
    # a bias, and a zero to subtract from where all weights are negative
    reserved = np.array(
        [(columns.own_bias(c) != 0) or not (matrix[:, c] > 0).any() for c in range(matrix.shape[1])], np.int64
    )
    terms = [int(total_digits(matrix[:, c : c + 1]) + reserved[c]) for c in range(matrix.shape[1])]
    deadline = _rows_deep(max(terms, default=1)) + trial.slack
    graph = new_graph(matrix, reserved, low, high, deadline)
    share(graph, breadth=trial.breadth, seed=trial.seed, noise=trial.noise)
    planner = Planner(graph, matrix.shape[1], low, high, tries=trial.tries, seed=trial.seed)
    outputs = [
        _output(planner, columns, output, column, shift, sign)
        for output, (column, shift, sign) in enumerate(columns.members)
    ]
    return ProductPlan(len(low), tuple(planner.adders), tuple(outputs))


def _output(planner: Planner, columns: _Columns, output: int, column: int, shift: int, sign: int) -> Term:
    """The term of one output."""
    if column < 0:
        return Term(-1, 0, columns.bias[output])
    own = columns.own_bias(column)
    if len(columns.users[column]) == 1:
        return planner.output(column, own)
    shared = planner.output(column, 0)
    return planner.scaled(shared, shift, sign, columns.bias[output])


def _rows_deep(terms: int) -> int:
    depth = 0
    while 3**depth < terms:
        depth += 1
    return depth
