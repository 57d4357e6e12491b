# SPDX-License-Identifier: Apache-2.0
"""Products with constant matrices as shifted additions.

Each constant is recoded in canonical signed digits (Reitwiesner 1960): no two neighbouring digits are nonzero,
and their number is the least possible. Odd multiples of one input are built once and shared by all outputs.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable

import numpy as np

from fpgann.errors import VerificationError
from fpgann.kernel.interpreter import linear_form
from fpgann.kernel.matrix_product import Effort, can_plan, plan_product
from fpgann.kernel.netlist import Netlist, NetlistBuilder
from fpgann.kernel.product_plan import ProductPlan
from fpgann.numerics.integers import IntArray, integers

Plans = dict[Hashable, ProductPlan]
"""Plans by matrix, bias, ranges of the inputs and slack."""


def signed_digits(constant: int) -> list[tuple[int, int]]:
    """Canonical signed digits of an integer: (position, +1 or -1), least significant first."""
    digits = []
    position = 0
    while constant:
        if constant % 2:
            digit = 2 - constant % 4
            digits.append((position, digit))
            constant -= digit
        constant //= 2
        position += 1
    return digits


class MatrixBuilder:
    """Adds matrix products to a netlist.

    Args:
        builder: the netlist that grows.
        effort: how long to search for fewer adders.
        plans: plans of the same effort that were made before, which it extends.
        slack: as in `plan_product`.
    """

    def __init__(
        self,
        builder: NetlistBuilder,
        effort: Effort = Effort.DEFAULT,
        plans: Plans | None = None,
        slack: int = 0,
    ) -> None:
        self.builder = builder
        self._effort = effort
        self._slack = slack
        self._depth: dict[int, int] = {}
        self._multiples: dict[tuple[int, int], int] = {}
        self._plans: Plans = {} if plans is None else plans

    def multiple(self, node: int, factor: int) -> int:
        """A positive odd multiple of a node, built from two smaller ones; its range is exact."""
        if factor == 1:
            return node
        key = (node, factor)
        if key not in self._multiples:
            digits = signed_digits(factor)
            half = len(digits) // 2
            low, high = (sum(digit << position for position, digit in part) for part in (digits[:half], digits[half:]))
            parts = [(value & -value).bit_length() - 1 for value in (abs(low), abs(high))]
            a, b = (
                self.multiple(node, abs(value) >> shift)
                for value, shift in zip((high, low), reversed(parts), strict=True)
            )
            product = self.builder.add(
                a,
                b,
                shift_a=parts[1],
                shift_b=parts[0],
                subtract=low < 0,  # the leading digit of a positive number is positive, so high > 0
                codes=self.builder.range(node).scaled(factor),
            )
            self._depth[product] = max(self._depth.get(a, 0), self._depth.get(b, 0)) + 1
            self._multiples[key] = product
        return self._multiples[key]

    def products(self, nodes: list[int], weights: IntArray, bias: IntArray) -> list[int]:
        """nodes @ weights + bias, with sums that the outputs share.

        Args:
            nodes: input nodes.
            weights: shape (inputs, outputs).
            bias: shape (outputs,).
        """
        codes = tuple(self.builder.range(node) for node in nodes)
        if not can_plan(weights, bias, codes):
            return [self.product(nodes, weights[:, c], int(bias[c])) for c in range(weights.shape[1])]
        key = (weights.astype(np.int64).tobytes(), weights.shape, tuple(bias.tolist()), codes, self._slack)
        if key not in self._plans:  # rows of a tensor have one plan, and so have the steps of a recurrence
            self._plans[key] = plan_product(weights, bias, codes, effort=self._effort, slack=self._slack)
        return self._plans[key].add_to(self.builder, nodes)

    def product(self, nodes: list[int], column: IntArray, constant: int) -> int:
        """nodes @ column + constant as one adder tree over shared multiples.

        Args:
            nodes: input nodes.
            column: one integer per node.
            constant: added once.
        """
        terms: list[tuple[int, int, int]] = []
        for node, weight in zip(nodes, column, strict=True):
            factor = int(weight)
            if factor:
                shift = (factor & -factor).bit_length() - 1
                terms.append((self.multiple(node, abs(factor) >> shift), shift, 1 if factor > 0 else -1))
        if constant:
            terms.append((self.builder.constant(constant), 0, 1))
        return self.sum(terms)

    def sum(self, terms: list[tuple[int, int, int]]) -> int:
        """Sum of (node, left shift, sign) as a tree: shallow first, then small shifts, to keep adders narrow."""
        if not terms:
            return self.builder.constant(0)
        heap = [
            (self._depth.get(node, 0), shift, sign < 0, count, node) for count, (node, shift, sign) in enumerate(terms)
        ]
        heapq.heapify(heap)
        count = len(terms)
        while len(heap) > 1:
            depth_a, shift_a, minus_a, _, a = heapq.heappop(heap)
            depth_b, shift_b, minus_b, _, b = heapq.heappop(heap)
            if minus_a and not minus_b:  # put the positive operand first: a - b needs no negation
                (shift_a, minus_a, a), (shift_b, minus_b, b) = (shift_b, minus_b, b), (shift_a, minus_a, a)
            common = min(shift_a, shift_b)
            node = self.builder.add(
                a, b, shift_a=shift_a - common, shift_b=shift_b - common, subtract=minus_a != minus_b
            )
            depth = max(depth_a, depth_b) + 1
            self._depth[node] = depth
            heapq.heappush(heap, (depth, common, minus_a, count, node))
            count += 1
        _, shift, minus, _, node = heap[0]
        if minus:
            return self.builder.add(self.builder.constant(0), node, shift_b=shift, subtract=True)
        return self.builder.left_shift(node, shift)


def check_product(netlist: Netlist, weights: IntArray, bias: IntArray, layer: str, *, blocks: int = 1) -> None:
    """Prove that a netlist computes `inputs @ weights + bias`, in one or several blocks side by side.

    An input that has but one value may have been folded: what counts there is its share of the sum.

    Args:
        netlist: linear netlist; its inputs and outputs are those of the blocks, one after another.
        weights: shape (inputs of a block, outputs of all blocks).
        bias: shape (outputs of all blocks,).
        layer: layer name for the message.
        blocks: how many parts do not read each other's inputs.

    Raises:
        VerificationError: an output's linear form differs from its weights.
    """
    form = linear_form(netlist, blocks)
    if form is None:
        raise VerificationError("the adder graph is not linear or mixes its blocks", where=f"layer '{layer}'")
    rows, columns = weights.shape[0], weights.shape[1] // blocks
    excess = np.asarray(form[0] - integers(weights), dtype=object)
    ranges = [netlist.range(node) for node in range(netlist.inputs)]
    fixed = np.array([codes.low if codes.low == codes.high else 0 for codes in ranges], dtype=object)
    free = np.array([codes.low != codes.high for codes in ranges])
    fixed, free = (np.repeat(a.reshape(blocks, rows), columns, axis=0).T for a in (fixed, free))
    rest = (fixed * excess).sum(axis=0) + form[1].astype(object) - integers(bias).astype(object)
    wrong = ((excess != 0) & free).any(axis=0) | (rest != 0)
    if wrong.any():
        output = int(np.flatnonzero(wrong)[0])
        raise VerificationError(f"adder graph output {output} differs from its weights", where=f"layer '{layer}'")
