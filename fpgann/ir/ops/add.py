# SPDX-License-Identifier: Apache-2.0
"""Sums of computed tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

from fpgann.ir.alignment import Alignment, broadcast_shape, encodings_of, of_unit
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Add(Operator):
    """The sum of two or more tensors, with broadcasting.

    On codes the sum is exact, in the unit of the alignment.

    Args:
        alignment: how codes of different scales come to one unit; None on real numbers.
    """

    name: ClassVar[str] = "add"
    inputs: ClassVar[int] = -1

    alignment: Alignment | None = None

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The broadcast shape; on codes with the exact range of the sum."""
        shape = broadcast_shape([x.shape for x in operands])
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(shape),)
        expect(self.alignment is not None, "codes must be aligned before they are added")
        assert self.alignment is not None
        codes = reduce(add, self.alignment.ranges([e.range for e in encodings]))
        # constants of the alignment hold the offsets where they differ between channels
        inside = any((c != 0).any() for c in self.alignment.constants)
        offset = sum((e.offset[0] for e in encodings if not inside), encodings[0].offset[0] * 0)
        return (TensorType(shape, of_unit(self.alignment.unit(encodings), codes, offset)),)
