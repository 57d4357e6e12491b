# SPDX-License-Identifier: Apache-2.0
"""Elements change places: concatenation, slices, gathering, repetition, padding, all with constant positions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from fpgann.ir.alignment import Alignment, encodings_of
from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.ops.extreme import aligned_encoding
from fpgann.ir.types import TensorType
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class Arrange(Operator):
    """Element i of the result is element index[i] of all operands and constants, one after another, row-major.

    Args:
        index: positions, in the shape of the result.
        constants: numbers that stand behind the last operand; on codes integers of the result's encoding.
        alignment: how codes of different scales come to one unit; None on real numbers.
        kind: what the model calls it, for reading ("concat").
    """

    name: ClassVar[str] = "arrange"
    inputs: ClassVar[int] = -1

    index: IntArray
    constants: FloatArray | IntArray
    alignment: Alignment | None = None
    kind: str = ""

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The shape of the index; on codes with the range of all that is taken."""
        expect(len(operands) > 0, "there is nothing to arrange")
        total = sum(prod(x.shape) for x in operands) + self.constants.size
        low, high = (int(self.index.min()), int(self.index.max())) if self.index.size else (0, -1)
        expect(low >= 0 and high < total, f"positions {low}..{high} do not exist among {total} elements")
        encodings = encodings_of(operands)
        if encodings is None:
            return (TensorType(self.index.shape),)
        expect(self.alignment is not None, "codes must be aligned before they are joined")
        assert self.alignment is not None
        used = self.used(tuple(x.size for x in operands))
        ranges = self.alignment.ranges([e.range for e in encodings])
        kept = [codes for codes, is_used in zip(ranges, used, strict=False) if is_used]
        kept += [CodeRange(int(c), int(c)) for c in np.unique(self.constants)] if used[-1] else []
        codes = CodeRange.hull(kept or ranges)
        return (TensorType(self.index.shape, aligned_encoding(self.alignment, encodings, codes)),)

    def used(self, sizes: tuple[int, ...]) -> list[bool]:
        """For each operand, and then for the constants, whether any element is taken."""
        ends = np.cumsum((0, *sizes, self.constants.size))
        flat = self.index.reshape(-1)
        return [bool(np.any((flat >= a) & (flat < b))) for a, b in itertools.pairwise(ends)]

    def describe(self) -> str:
        """What the model calls it."""
        return self.kind
