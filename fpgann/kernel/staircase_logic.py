# SPDX-License-Identifier: Apache-2.0
"""Staircases as netlist nodes: shifts, constant products, comparators and saturation."""

from __future__ import annotations

from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder
from fpgann.kernel.requantize import FEW_STEPS, Form, MultiplyForm, ShiftForm, ThresholdForm
from fpgann.numerics.rounding import Rounding


def fits_netlist(form: Form) -> bool:
    """Whether a form is plain arithmetic (tables and searches are entities of their own)."""
    return isinstance(form, ShiftForm | MultiplyForm) or (isinstance(form, ThresholdForm) and form.steps <= FEW_STEPS)


def rounding_constant(form: Form, channel: int) -> int:
    """A number that may be added to the code before, for free as part of a bias.

    It turns rounding into a plain floor, up to a bit that depends on the sign or on a tie.
    """
    if isinstance(form, MultiplyForm):
        row = channel % len(form.factor)
        return int(form.offset[row]) if int(form.factor[row]) == 1 else 0
    if not isinstance(form, ShiftForm) or form.shift <= 0:
        return 0
    half = 1 << (form.shift - 1)
    match form.rounding:
        case Rounding.RND | Rounding.RND_CONV:
            return half
        case Rounding.RND_MIN_INF | Rounding.RND_ZERO | Rounding.RND_INF:
            return half - 1
        case Rounding.CEIL:
            return 2 * half - 1
        case Rounding.TRN | Rounding.TRN_ZERO | Rounding.UP:
            return 0


def staircase_nodes(matrix: MatrixBuilder, node: int, form: Form, channel: int, *, added: bool = False) -> int:
    """Append a staircase to a netlist.

    Args:
        matrix: the netlist, with its shared multiples.
        node: the code.
        form: an arithmetic form.
        channel: which channel's numbers to use.
        added: the code contains `rounding_constant(form, channel)` already.

    Returns:
        The node of the result.
    """
    builder = matrix.builder
    constant = rounding_constant(form, channel)
    if constant and not added:
        node = builder.add(node, builder.constant(constant))
    match form:
        case ShiftForm():
            return builder.clamp(_rounded(builder, node, form), form.low, form.high)
        case MultiplyForm():
            row = channel % len(form.factor)
            factor = int(form.factor[row])
            if factor != 1:
                node = matrix.product([node], form.factor[row : row + 1], int(form.offset[row]))
            return builder.clamp(builder.floor_shift(node, form.shift), form.low, form.high)
        case ThresholdForm():
            staircase = form.staircases[channel % len(form.staircases)]
            sign = 1 if staircase.rising else -1
            terms = [(builder.at_least(node, int(t)), 0, sign) for t in staircase.thresholds]
            if staircase.base or not terms:
                terms.append((builder.constant(staircase.base), 0, 1))
            return matrix.sum(terms)
        case _:
            raise ValueError(f"{type(form).__name__} is no arithmetic")


def _rounded(builder: NetlistBuilder, node: int, form: ShiftForm) -> int:
    """code / 2**shift, rounded; the rounding constant has been added."""
    shift = form.shift
    if shift <= 0:
        return builder.left_shift(node, -shift)
    negative_possible = builder.range(node).low < 0
    match form.rounding:
        case Rounding.RND_CONV:
            return builder.even_shift(node, shift)
        case Rounding.RND_ZERO if negative_possible:
            sign = builder.bit(node, builder.range(node).width_bits - 1)
            node = builder.add(node, sign)
        case Rounding.RND_INF:
            node = builder.add(node, builder.at_least(node, 0))
        case Rounding.TRN_ZERO if negative_possible:
            sign = builder.bit(node, builder.range(node).width_bits - 1)
            node = builder.add(builder.add(node, sign, shift_b=shift), sign, subtract=True)
        case Rounding.UP:
            positive = builder.at_least(node, 1)
            node = builder.add(builder.add(node, positive, shift_b=shift), positive, subtract=True)
        case _:
            pass
    return builder.floor_shift(node, shift)
