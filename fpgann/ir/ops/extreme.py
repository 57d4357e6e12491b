# SPDX-License-Identifier: Apache-2.0
"""The greatest or least of several computed tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.alignment import Alignment, broadcast_shape, encodings_of, of_unit
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class Extreme(Operator):
    """max(x, y, ...) or min(x, y, ...), with broadcasting.

    Args:
        greatest: the maximum, else the minimum.
        alignment: how codes of different scales come to one unit; None on real numbers.
    """

    name: ClassVar[str] = "extreme"
    inputs: ClassVar[int] = -1

    greatest: bool
    alignment: Alignment | None = None

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The broadcast shape; on codes with the exact range."""
        shape = broadcast_shape([x.shape for x in operands])
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(shape),)
        expect(self.alignment is not None, "codes must be aligned before they are compared")
        assert self.alignment is not None
        ranges = self.alignment.ranges([e.range for e in encodings])
        choose = max if self.greatest else min
        codes = CodeRange(choose(r.low for r in ranges), choose(r.high for r in ranges))
        return (TensorType(shape, aligned_encoding(self.alignment, encodings, codes)),)

    def describe(self) -> str:
        """Which one."""
        return "maximum" if self.greatest else "minimum"


def aligned_encoding(alignment: Alignment, encodings: list[Encoding], codes: CodeRange) -> Encoding:
    """The meaning of codes that one of several aligned operands delivers."""
    # offsets that differ, also from those of constants, are in the constants of the alignment
    inside = any((c != 0).any() for c in alignment.constants)
    return of_unit(alignment.unit(encodings), codes, encodings[0].offset[0] * (0 if inside else 1))
