# SPDX-License-Identifier: Apache-2.0
"""The functions of the table on exact real numbers, and on balls."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from fpgann.numerics import reals
from fpgann.numerics.balls import Ball, Balls
from fpgann.numerics.enclosures import Fractions, Intervals
from fpgann.numerics.float_functions import Floats
from fpgann.numerics.functions import TABLE, Definition, Function, Parameters, Piece
from fpgann.numerics.reals import Irrational, Real


def evaluate_exactly(function: Function, parameters: Parameters, x: Real) -> Real:
    """The value at an exact real number.

    The result is rational where the function says so for a rational argument; else it is taken for irrational, as
    transcendental functions are everywhere but at obvious points (Lindemann-Weierstrass; Siegel for erf).
    """
    definition = TABLE[function]
    least = definition.domain(*parameters)
    if least is not None and reals.compare(x, least) < 0:
        x = least
    if isinstance(x, Irrational):
        simple = _of_irrational(function, parameters, x)
        if simple is not None:
            return simple
    piece = _piece_of(definition, parameters, x)
    if isinstance(x, Fraction):
        special = definition.special(x, *parameters)
        if special is not None:
            return special
        if piece.rational:
            return Fraction(piece.formula(Fractions, x, *parameters))
    return reals.enclosed(
        lambda interval: piece.formula(Intervals, interval, *(Intervals.number(p) for p in parameters)), x
    )


def _of_irrational(function: Function, parameters: Parameters, x: Irrational) -> Real | None:
    """Functions that are no formula of intervals: an irrational number is never at one of their steps."""
    match function:
        case Function.FLOOR:
            return Fraction(reals.floor(x))
        case Function.CEIL:
            return Fraction(reals.ceil(x))
        case Function.ROUND:
            return Fraction(reals.floor(reals.add(x, Fraction(1, 2))))
        case Function.CLIP | Function.HARD_SIGMOID:
            inner: Real = x
            low, high = parameters
            if function is Function.HARD_SIGMOID:
                inner, low, high = reals.add(reals.multiply(x, low), high), Fraction(0), Fraction(1)
            inner = low if reals.compare(inner, low) < 0 else inner
            return high if reals.compare(inner, high) > 0 else inner
    return None


def _piece_of(definition: Definition, parameters: Parameters, x: Real) -> Piece:
    for piece, end in zip(definition.pieces, definition.breaks(*parameters), strict=False):
        side = reals.compare(x, end.at)
        if side < 0 or (side == 0 and end.left):
            return piece
    return definition.pieces[-1]


@cache
def _numbers(parameters: Parameters) -> tuple[Ball, ...]:
    return tuple(Balls.number(parameter) for parameter in parameters)


def evaluate_balls(function: Function, parameters: Parameters, x: Ball) -> Ball:
    """The values at many numbers that are known to within an error."""
    definition = TABLE[function]
    least = definition.domain(*parameters)
    if least is not None:
        limit = Balls.number(least)
        x = Ball(np.maximum(x.centre, limit.centre), np.where(x.high <= limit.low, limit.radius, x.radius))
    numbers, breaks = _numbers(parameters), definition.breaks(*parameters)
    if not breaks:
        return _formula(definition.pieces[0], x, numbers)
    low, high = x.low, x.high
    centre, radius = np.zeros_like(x.centre), np.full_like(x.centre, np.nan)
    for index, piece in enumerate(definition.pieces):
        possible = np.ones(x.centre.shape, bool)
        if index > 0:
            start = Floats.number(breaks[index - 1].at)
            possible &= high > start if breaks[index - 1].left else high >= start
        if index < len(breaks):
            end = Floats.number(breaks[index].at)
            possible &= low <= end if breaks[index].left else low < end
        if not np.any(possible):
            continue
        found = _formula(piece, x.at(possible), numbers)
        old = Ball(centre[possible], radius[possible])
        first = np.isnan(old.radius)
        joint = _hull(Ball(old.centre, np.where(first, 0.0, old.radius)), found)
        centre[possible] = np.where(first, found.centre, joint.centre)
        radius[possible] = np.where(first, found.radius, joint.radius)
    return Ball(centre, radius)


def _formula(piece: Piece, x: Ball, numbers: tuple[Ball, ...]) -> Ball:
    result = piece.formula(Balls, x, *numbers)
    assert isinstance(result, Ball)
    return result


def _hull(a: Ball, b: Ball) -> Ball:
    """A ball around both of two balls, for arguments too close to a break to tell their piece."""
    with np.errstate(all="ignore"):
        low, high = np.minimum(a.low, b.low), np.maximum(a.high, b.high)
        centre = (low + high) / 2
        return Ball.make(centre, np.maximum(high - centre, centre - low) * (1 + 2.0**-40))
