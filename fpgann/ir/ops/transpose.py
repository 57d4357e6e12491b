# SPDX-License-Identifier: Apache-2.0
"""Permutation of axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Operator):
    """Axis i of the result is axis permutation[i] of the operand.

    Args:
        permutation: every axis once.
    """

    name: ClassVar[str] = "transpose"

    permutation: tuple[int, ...]

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The permuted shape with the operand's encoding."""
        (x,) = operands
        fits = sorted(self.permutation) == list(range(len(x.shape)))
        expect(fits, f"{self.permutation} is no permutation of the axes of {x.shape}")
        expect(x.encoding is None or x.encoding.per_tensor, "transposing codes needs one common scale")
        return (TensorType(tuple(x.shape[axis] for axis in self.permutation), x.encoding),)

    def describe(self) -> str:
        """The permutation."""
        return " ".join(map(str, self.permutation))
