# SPDX-License-Identifier: Apache-2.0
"""Elements taken at computed positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Gather(Operator):
    """result[o, m, i] = x[o, position[o, m, i], i], where axes of size 1 of the positions count for all.

    Negative positions count from the end. On real numbers, positions outside are those of the nearest element; codes
    of positions are plain integers that lie inside.
    """

    name: ClassVar[str] = "gather"
    inputs: ClassVar[int] = 2

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """Three axes; on codes those of x."""
        x, position = operands
        expect(len(x.shape) == len(position.shape) == 3, f"shapes {x.shape} and {position.shape} need three axes")
        fits = all(position.shape[axis] in (1, x.shape[axis]) for axis in (0, 2))
        expect(fits, f"positions of shape {position.shape} do not fit {x.shape}")
        expect(x.shape[1] > 0, "there is nothing to take")
        shape = (x.shape[0], position.shape[1], x.shape[2])
        if x.encoding is None or position.encoding is None:
            expect(x.encoding is position.encoding, "some operands are codes and some are real numbers")
            return (TensorType(shape),)
        size, codes = x.shape[1], position.encoding.range
        plain = position.encoding.plain and position.encoding.fixed.frac == 0
        expect(plain and -size <= codes.low and codes.high < size, f"positions must be integers in {-size}..{size - 1}")
        expect(x.encoding.per_tensor or x.encoding.axis != -2, "the elements need one common scale")
        return (TensorType(shape, x.encoding),)
