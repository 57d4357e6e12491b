# SPDX-License-Identifier: Apache-2.0
"""Affine steps: what codes mean, steps in a row as one, and steps that only give codes another meaning."""

from __future__ import annotations

from fractions import Fraction

from fpgann.ir import Encoding
from fpgann.numerics import steps as scalar
from fpgann.numerics.interval import CodeRange


def decoding(encoding: Encoding) -> scalar.Affine:
    """The step from codes to real numbers."""
    return collapsed(encoding.scale_lsb(), encoding.offset)


def composed(first: scalar.Affine, second: scalar.Affine) -> scalar.Affine:
    """Both in one, with exact fractions."""
    pairs = [(first.at(channel), second.at(channel)) for channel in range(max(first.channels, second.channels))]
    scales = tuple(factor * scale for (scale, _), (factor, _) in pairs)
    offsets = tuple(factor * offset + addend for (_, offset), (factor, addend) in pairs)
    return collapsed(scales, offsets)


def collapsed(scales: tuple[Fraction, ...], offsets: tuple[Fraction, ...]) -> scalar.Affine:
    """One number instead of many equal ones, so that equal steps compare equal."""
    scales, offsets = (numbers[:1] if len(set(numbers)) == 1 else numbers for numbers in (scales, offsets))
    return scalar.Affine(scales, offsets)


def clipped_line(steps: tuple[scalar.Step, ...], codes: CodeRange) -> tuple[scalar.Affine, CodeRange] | None:
    """Steps as one line on some of the codes, to which the others are clamped.

    Args:
        steps: functions from codes to real numbers.
        codes: the codes that can occur.

    Returns:
        The line and the codes that are kept; None where there is more to the steps than that, where channels
        differ, where a limit lies between two codes, or where nothing but a constant is left.
    """
    scale, offset, low, high = Fraction(1), Fraction(0), codes.low, codes.high
    for step in steps:
        if isinstance(step, scalar.Affine) and step.channels == 1 and step.scale[0] != 0:
            scale, offset = step.scale[0] * scale, step.scale[0] * offset + step.offset[0]
        elif isinstance(step, scalar.Clip):
            ends = [None if limit is None else (limit - offset) / scale for limit in (step.low, step.high)]
            floor, ceiling = ends if scale > 0 else ends[::-1]
            if floor is not None and floor > low:
                low = floor.numerator if floor.denominator == 1 else high + 1
            if ceiling is not None and ceiling < high:
                high = ceiling.numerator if ceiling.denominator == 1 else low - 1
        else:
            return None
    return (scalar.Affine((scale,), (offset,)), CodeRange(low, high)) if low < high else None


def is_shift(line: scalar.Affine) -> bool:
    """Whether a line multiplies by a power of two or its negative, and adds nothing."""
    top, bottom = abs(line.scale[0].numerator), line.scale[0].denominator
    return line.offset[0] == 0 and top & (top - 1) == 0 and bottom & (bottom - 1) == 0
