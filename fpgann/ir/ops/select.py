# SPDX-License-Identifier: Apache-2.0
"""Choice between two computed tensors by a third."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.alignment import Alignment, broadcast_shape, encodings_of
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.ops.extreme import aligned_encoding
from fpgann.ir.types import TensorType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class Select(Operator):
    """y where the condition x is not 0, z elsewhere, with broadcasting.

    Args:
        alignment: how codes of y and z come to one unit; None on real numbers.
    """

    name: ClassVar[str] = "select"
    inputs: ClassVar[int] = 3

    alignment: Alignment | None = None

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The broadcast shape; on codes with the range of both choices."""
        shape = broadcast_shape([x.shape for x in operands])
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(shape),)
        condition, *choices = encodings
        expect(condition.plain, "a condition must be a plain integer")
        expect(self.alignment is not None, "codes must be aligned before one is chosen")
        assert self.alignment is not None
        codes = CodeRange.hull(self.alignment.ranges([e.range for e in choices]))
        return (TensorType(shape, aligned_encoding(self.alignment, choices, codes)),)
