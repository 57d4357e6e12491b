# SPDX-License-Identifier: Apache-2.0
"""Chains of steps evaluated number by number: fast where float64 with error bounds decides, exactly elsewhere."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fpgann.numerics import reals
from fpgann.numerics.balls import Ball
from fpgann.numerics.integers import FLOAT64_EXACT, FloatArray, IntArray, integers
from fpgann.numerics.rounding import Rounder, round_values
from fpgann.numerics.steps import Step, apply_balls, apply_exactly

_CLAMP_BITS = 128  # are enough to see that a number lies beyond all codes
_BLOCK = 1 << 16  # numbers at a time, so that intermediate results stay in the cache


def evaluate_codes(steps: tuple[Step, ...], rounder: Rounder, channel: int, codes: IntArray) -> IntArray:
    """The map of one channel on integers of any shape, exactly."""
    flat = codes.reshape(-1)
    if len(flat) > _BLOCK:
        parts = np.array_split(flat, -(-len(flat) // _BLOCK))
        joined = np.concatenate([evaluate_codes(steps, rounder, channel, part) for part in parts])
        return integers(joined).reshape(codes.shape)
    return _evaluate(steps, rounder, channel, flat, Ball.of_codes(flat)).reshape(codes.shape)


def evaluate_values(steps: tuple[Step, ...], rounder: Rounder, channel: int, values: FloatArray) -> IntArray:
    """The map of one channel on float64 numbers of any shape, taken as the numbers they are."""
    flat = np.asarray(values, np.float64).reshape(-1)
    return _evaluate(steps, rounder, channel, flat, Ball.of_floats(flat)).reshape(values.shape)


def evaluate_exactly(steps: tuple[Step, ...], rounder: Rounder, channel: int, x: Fraction) -> int:
    """The definition: the exact real value, rounded and clamped."""
    value = apply_exactly(steps, channel, x)
    low, high = reals.enclose(value, _CLAMP_BITS)
    if high <= rounder.low or low >= rounder.high:  # perhaps too far to be told from an integer, but not needed then
        return rounder.low if high <= rounder.low else rounder.high
    code = reals.rounded(value, rounder.mode)
    return min(max(code, rounder.low), rounder.high)


def _evaluate(
    steps: tuple[Step, ...], rounder: Rounder, channel: int, numbers: IntArray | FloatArray, balls: Ball
) -> IntArray:
    with np.errstate(all="ignore"):
        y = apply_balls(steps, channel, balls)
    shape = numbers.shape
    codes, settled = round_balls(Ball(np.broadcast_to(y.centre, shape), np.broadcast_to(y.radius, shape)), rounder)
    if np.all(settled):
        return codes
    doubtful, index = np.unique(numbers[~settled], return_inverse=True)
    exact = [evaluate_exactly(steps, rounder, channel, Fraction(number)) for number in doubtful.tolist()]
    codes[~settled] = np.array(exact, dtype=codes.dtype)[index]
    return codes


def round_balls(y: Ball, rounder: Rounder) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Codes of numbers with errors, and which of them are certain.

    Rounding is monotone: if both ends of a ball round to the same code, all of it does.
    """
    low, high = float(rounder.low), float(rounder.high)
    if max(abs(rounder.low), abs(rounder.high)) < FLOAT64_EXACT >> 1:
        ends = [
            np.clip(round_values(np.clip(end, low - 1, high + 1), rounder.mode), low, high) for end in (y.low, y.high)
        ]
        return ends[0].astype(np.int64), np.asarray(ends[0] == ends[1])
    below, above = y.high < np.nextafter(low, -np.inf), y.low > np.nextafter(high, np.inf)
    inside = ~below & ~above
    ends = [round_values(np.where(inside & np.isfinite(end), end, 0.0), rounder.mode) for end in (y.low, y.high)]
    certain = (
        (ends[0] == ends[1])
        & np.isfinite(y.low)
        & np.isfinite(y.high)
        & ((np.abs(ends[0]) < float(FLOAT64_EXACT)) | (y.radius == 0))
    )
    codes = np.array([min(max(int(code), rounder.low), rounder.high) for code in ends[0]], dtype=object)
    codes[below], codes[above] = rounder.low, rounder.high
    return codes, np.asarray(below | above | certain)
