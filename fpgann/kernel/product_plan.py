# SPDX-License-Identifier: Apache-2.0
"""The adders of a product with a constant matrix, apart from any netlist: equal rows of a layer share one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpgann.kernel.netlist import NetlistBuilder
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True)
class Term:
    """An operand: sign * value * 2**shift.

    Args:
        source: an input, or number of inputs + an adder, or -1 for the number 1.
        shift: left shift.
        sign: +1 or -1; the factor itself where the source is -1.
    """

    source: int
    shift: int
    sign: int


@dataclass(frozen=True, slots=True)
class Adder:
    """One adder of two or three operands; the first is added.

    Args:
        terms: the operands.
        codes: exact range of the result.
        bits: positions of its carry chain.
    """

    terms: tuple[Term, ...]
    codes: CodeRange
    bits: int


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """The adders of a product with a constant matrix, in order.

    Args:
        inputs: number of inputs.
        adders: each may read inputs and adders before it.
        outputs: one term each.
    """

    inputs: int
    adders: tuple[Adder, ...]
    outputs: tuple[Term, ...]

    @property
    def carry_bits(self) -> int:
        """Positions of all carry chains."""
        return sum(adder.bits for adder in self.adders)

    def depth(self) -> int:
        """Adders on the longest path."""
        depths = [0] * self.inputs
        for adder in self.adders:
            depths.append(1 + max(depths[term.source] for term in adder.terms if term.source >= 0))
        return max((depths[term.source] for term in self.outputs if term.source >= 0), default=0)

    def add_to(self, builder: NetlistBuilder, nodes: Sequence[int]) -> list[int]:
        """Add the product of some nodes to a netlist; returns the nodes of the outputs."""
        values = list(nodes)

        def node(term: Term) -> int:
            return values[term.source] if term.source >= 0 else builder.constant(term.sign << term.shift)

        def sign(term: Term) -> int:
            return term.sign if term.source >= 0 else 1

        for adder in self.adders:
            operands = [node(term) for term in adder.terms]
            shifts = [term.shift if term.source >= 0 else 0 for term in adder.terms]
            if len(operands) == 2:
                values.append(
                    builder.add(
                        *operands,
                        shift_a=shifts[0],
                        shift_b=shifts[1],
                        subtract=sign(adder.terms[1]) < 0,
                        codes=adder.codes,
                    )
                )
            else:
                a, b, c = operands
                signs = (sign(adder.terms[1]), sign(adder.terms[2]))
                values.append(builder.add3((a, b, c), (shifts[0], shifts[1], shifts[2]), signs, adder.codes))
        return [builder.left_shift(node(t), t.shift) if t.source >= 0 else node(t) for t in self.outputs]
