# SPDX-License-Identifier: Apache-2.0
"""Operators whose float64 evaluator, given integers in a float carrier, computes exact integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fpgann.ir.alignment import Alignment
from fpgann.ir.operator import Operator
from fpgann.numerics.integers import IntArray, magnitude
from fpgann.reference.compiled.carrier import FLOATS, Carrier, holds, largest
from fpgann.reference.compiled.kernel import Array, Kernel, Operand, Run
from fpgann.reference.tables import ON_VALUES

Evaluate = Callable[..., Array]


@dataclass(frozen=True, eq=False)
class Carried(Kernel):
    """An evaluator on operands times coefficients plus constants.

    Args:
        op: the operator.
        evaluate: evaluator(op, *operands).
        lines: coefficient and constant of each operand, to broadcast, in the carrier; None where it stays as it is.
    """

    op: Operator
    evaluate: Evaluate
    lines: tuple[tuple[Array, Array] | None, ...]
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Nothing to make."""
        del rows

        def run(out: Array, *operands: Array) -> None:
            pairs = zip(operands, self.lines, strict=True)
            aligned = (x if line is None else x * line[0] + line[1] for x, line in pairs)
            np.copyto(out, self.evaluate(self.op, *aligned), casting="unsafe")

        return run


def unchanged(operands: Sequence[Operand]) -> Alignment:
    """The alignment that leaves all codes as they are."""
    return shifted(operands, (0,) * len(operands))


def shifted(operands: Sequence[Operand], zeros: Sequence[int]) -> Alignment:
    """The alignment that takes zero points away."""
    ones = tuple(np.ones((), np.int64) for _ in operands)
    return Alignment(ones, tuple(np.array(-zero, object) for zero in zeros))


def magnitudes(operands: Sequence[Operand], alignment: Alignment) -> list[int]:
    """The greatest magnitude of each aligned operand, and of everything that is computed on the way there."""
    columns = zip(operands, alignment.coefficients, alignment.constants, strict=True)
    return [
        max(1, largest(x.type.codes.range)) * max(1, magnitude(coefficient)) + magnitude(constant)
        for x, coefficient, constant in columns
    ]


def carried(
    op: Operator,
    operands: Sequence[Operand],
    alignment: Alignment,
    bound: int,
    evaluate: Evaluate | None = None,
) -> Carried | None:
    """An operator in the cheapest float type that is exact; None if there is none.

    Args:
        op: the operator.
        operands: what it reads.
        alignment: what becomes of their codes first.
        bound: greatest magnitude of anything that the evaluator computes.
        evaluate: the evaluator, by default the one of real numbers.
    """
    bound = max(bound, *magnitudes(operands, alignment))
    carrier = next((c for c in FLOATS if holds(c, bound)), None)
    if carrier is None:
        return None
    pairs = zip(alignment.coefficients, alignment.constants, strict=True)
    lines = tuple(_line(coefficient, constant, carrier) for coefficient, constant in pairs)
    return Carried(op, evaluate or ON_VALUES[type(op)], lines, (carrier,) * len(operands), carrier)


def _line(coefficient: IntArray, constant: IntArray, carrier: Carrier) -> tuple[Array, Array] | None:
    if np.all(coefficient == 1) and np.all(constant == 0):
        return None
    return coefficient.astype(carrier.dtype), constant.astype(carrier.dtype)
