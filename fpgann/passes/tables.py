# SPDX-License-Identifier: Apache-2.0
"""Which function turns which operator on real numbers into operators on codes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from fpgann.dispatch import StageTable
from fpgann.errors import UnsupportedOperatorError
from fpgann.ir import Node
from fpgann.numerics.integers import FloatArray
from fpgann.passes.pending import Lowering

LOWERINGS: StageTable[Callable[[Lowering, Node], None]] = StageTable("quantization")


def fractions(array: FloatArray) -> tuple[Fraction, ...]:
    """The very numbers that float64 holds."""
    return tuple(Fraction(float(v)) for v in array.reshape(-1))


def channel_axis(shapes: tuple[tuple[int, ...], ...]) -> int:
    """The one axis, counted from the end, along which constants vary; -1 if they are all scalars."""
    axes = {i - len(shape) for shape in shapes for i, size in enumerate(shape) if size > 1}
    if len(axes) > 1:
        raise UnsupportedOperatorError("constants that vary along several axes cannot join a staircase yet")
    return axes.pop() if axes else -1
