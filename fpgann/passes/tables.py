# SPDX-License-Identifier: Apache-2.0
"""Which function turns which operator on real numbers into operators on codes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from fpgann.dispatch import StageTable
from fpgann.errors import UnsupportedOperatorError
from fpgann.ir import Node
from fpgann.ir.ops.activation import Activation, Function
from fpgann.numerics import steps as scalar
from fpgann.numerics.integers import FloatArray
from fpgann.passes.lowering import Lowering

_GREATEST = float(np.finfo(np.float32).max)  # stands for no limit in Clip's attributes

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


def limits_of(op: Activation) -> scalar.Clip | None:
    """What a ReLU or a Clip does, if all elements are cut off at the same numbers."""
    if op.function is Function.RELU:
        return scalar.Clip(Fraction(0), None)
    if op.function is not Function.CLIP or any(p.size != 1 for p in op.parameters):
        return None
    low, high = (float(p.reshape(-1)[0]) for p in op.parameters)
    return scalar.Clip(*(Fraction(limit) if abs(limit) < _GREATEST else None for limit in (low, high)))
