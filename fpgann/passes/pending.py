# SPDX-License-Identifier: Apache-2.0
"""Real values in terms of codes that exist already."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.ir import Node
from fpgann.numerics import steps as scalar
from fpgann.numerics.fixed import Overflow, Precision
from fpgann.numerics.scalar_map import Rounder
from fpgann.passes.lines import composed


@dataclass(frozen=True, slots=True)
class BeforeCurve:
    """Where the first function whose argument should be rounded stands among the steps of a value.

    Args:
        argument: name of the real value that enters it.
        result: name of the real value that leaves it.
        steps: how many steps lie before it.
        absorbed: how many absorbed names lie before it.
    """

    argument: str
    result: str
    steps: int
    absorbed: int


@dataclass(frozen=True, slots=True)
class Pending:
    """What a real value is: functions still to be applied to codes that exist.

    Args:
        source: name of the coded value, or of a raw graph input.
        steps: real functions from codes (or raw reals) to the value; the first decodes the codes.
        axis: channel axis of the steps, counted from the end.
        absorbed: names of the operators among the steps, for reading.
        raw: the source is a graph input that has no codes yet.
        exact: the accumulator's meaning comes from the model file alone, so it may be delivered as it is.
        moves: reshapes and transposes that wait for a raw input to get codes.
        before_curve: the first function that is neither lines nor steps.
        flat: the source is the value reshaped to one row, and every element is a channel.
    """

    source: str
    steps: tuple[scalar.Step, ...] = ()
    axis: int = -1
    absorbed: tuple[str, ...] = ()
    raw: bool = False
    exact: bool = False
    moves: tuple[Node, ...] = ()
    before_curve: BeforeCurve | None = None
    flat: bool = False

    def then(self, step: scalar.Step, name: str, axis: int = -1) -> Pending:
        """The value after one more step whose channels, if several, lie along `axis`.

        Affine steps in a row become one, in exact arithmetic, so that those that cancel leave nothing behind.

        Raises:
            UnsupportedOperatorError: earlier steps have channels along another axis.
        """
        if step.channels > 1 and self.conflicts(axis):
            raise UnsupportedOperatorError(
                "constants vary along two different axes before the next quantizer",
                hint="put a quantizer between them, or fold one into the weights",
            )
        steps = (*self.steps, step)
        if len(steps) > 1 and isinstance(steps[-2], scalar.Affine) and isinstance(step, scalar.Affine):
            steps = (*steps[:-2], composed(steps[-2], step))
        return replace(
            self,
            steps=steps,
            axis=axis if step.channels > 1 else self.axis,
            absorbed=(*self.absorbed, name) if name else self.absorbed,
        )

    def conflicts(self, axis: int) -> bool:
        """Whether earlier steps have channels along another axis."""
        return axis != self.axis and any(step.channels > 1 for step in self.steps)


def precision_rounder(precision: Precision) -> Rounder:
    """Rounding and saturation into a planned type.

    Raises:
        ConfigError: the type wraps around, which no staircase does.
    """
    codes = precision.fixed.range
    if precision.overflow is Overflow.SAT_SYM and precision.fixed.signed:
        return Rounder(precision.rounding, -codes.high, codes.high)
    if precision.overflow not in (Overflow.SAT, Overflow.SAT_SYM):
        raise ConfigError(
            f"overflow mode {precision.overflow.value} is not offered between layers",
            where=str(precision),
            hint="use SAT or SAT_SYM: a value that wraps around changes sign in silence",
        )
    return Rounder(precision.rounding, codes.low, codes.high)
