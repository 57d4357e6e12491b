# SPDX-License-Identifier: Apache-2.0
"""Matrix products of two computed tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.alignment import broadcast_shape, centred, encodings_of, of_unit
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.ops.multiply import product_range
from fpgann.ir.types import TensorType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class MatrixProduct(Operator):
    """x @ y over the last two axes, leading axes broadcast; on codes the exact (x - zeros[0]) @ (y - zeros[1]).

    Args:
        zeros: zero points of the operands' codes.
    """

    name: ClassVar[str] = "matrix_product"
    inputs: ClassVar[int] = 2

    zeros: tuple[int, int] = (0, 0)

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """Leading axes, rows of x, columns of y; on codes with a safe range of the sums."""
        x, y = operands
        fits = min(len(x.shape), len(y.shape)) >= 2 and x.shape[-1] == y.shape[-2]
        expect(fits, f"shapes {x.shape} and {y.shape} are no matrices that can be multiplied")
        shape = (*broadcast_shape([x.shape[:-2], y.shape[:-2]]), x.shape[-2], y.shape[-1])
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(shape),)
        unit = centred(encodings[0], self.zeros[0]) * centred(encodings[1], self.zeros[1])
        left, right = (
            CodeRange(e.range.low - zero, e.range.high - zero) for e, zero in zip(encodings, self.zeros, strict=True)
        )
        codes = product_range(left, right).scaled(max(1, x.shape[-1]))
        return (TensorType(shape, of_unit(unit, codes)),)
