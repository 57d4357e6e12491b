# SPDX-License-Identifier: Apache-2.0
"""Comparisons of two computed tensors."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.alignment import Alignment, broadcast_shape, encodings_of
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.fixed import FixedType


class Relation(enum.Enum):
    """What is asked."""

    GREATER = "x > y"
    GREATER_EQUAL = "x >= y"
    EQUAL = "x = y"
    NOT_EQUAL = "x /= y"


@register
@dataclass(frozen=True, slots=True, eq=False)
class Compare(Operator):
    """1 where a relation holds, 0 elsewhere, with broadcasting.

    Args:
        relation: the relation.
        alignment: how codes of different scales come to one unit; None on real numbers.
    """

    name: ClassVar[str] = "compare"
    inputs: ClassVar[int] = 2

    relation: Relation
    alignment: Alignment | None = None

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The broadcast shape; on codes a bit."""
        shape = broadcast_shape([x.shape for x in operands])
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(shape),)
        expect(self.alignment is not None, "codes must be aligned before they are compared")
        assert self.alignment is not None
        self.alignment.unit(encodings)
        return (TensorType(shape, Encoding.of(FixedType(False, 1, 0))),)

    def describe(self) -> str:
        """The relation."""
        return self.relation.value
