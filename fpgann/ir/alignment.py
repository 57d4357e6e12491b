# SPDX-License-Identifier: Apache-2.0
"""Bring codes with different scales to one common unit, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from fpgann.ir.operator import expect
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import IntArray, integers, multiply_add
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Operand i counts as `coefficients[i] * codes + constants[i]`, in a unit that all operands share.

    Args:
        coefficients: integers for each operand, of a shape that broadcasts to it.
        constants: integers likewise.
    """

    coefficients: tuple[IntArray, ...]
    constants: tuple[IntArray, ...]

    def apply(self, operands: Sequence[IntArray]) -> list[IntArray]:
        """Aligned codes; operands have a leading sample axis."""
        return [
            multiply_add(codes, coefficient, constant)
            for codes, coefficient, constant in zip(operands, self.coefficients, self.constants, strict=True)
        ]

    def ranges(self, operands: Sequence[CodeRange]) -> list[CodeRange]:
        """Ranges of the aligned codes."""
        result = []
        for codes, coefficients, constants in zip(operands, self.coefficients, self.constants, strict=True):
            pairs = np.broadcast_arrays(coefficients, constants)
            ends = zip(*(a.reshape(-1).tolist() for a in pairs), strict=True)
            shifted = {codes.scaled(int(f)) + CodeRange(int(c), int(c)) for f, c in set(ends)}
            result.append(CodeRange.hull(shifted))
        return result

    def unit(self, operands: Sequence[Encoding]) -> Fraction:
        """The common unit.

        Raises:
            ModelError: the operands have none; only a compiler bug or a damaged file leads there.
        """
        units = set()
        for encoding, coefficients in zip(operands, self.coefficients, strict=True):
            factors = [int(f) for f in coefficients.reshape(-1)]
            steps = encoding.scale_lsb()
            expect(
                len(factors) in (1, len(steps)) or (len(steps) == 1 and 0 not in factors), "coefficients fit no scale"
            )
            many = max(len(steps), len(factors))
            units |= {
                steps[i % len(steps)] / factors[i % len(factors)] for i in range(many) if factors[i % len(factors)]
            }
        expect(len(units) == 1, "the operands have no common unit")
        return units.pop()

    @property
    def trivial(self) -> bool:
        """Whether all codes stay as they are."""
        return all(np.all(f == 1) for f in self.coefficients) and all(np.all(c == 0) for c in self.constants)


@dataclass(frozen=True, slots=True)
class Aligned:
    """An alignment and what aligned codes mean: value = code * unit + offset."""

    alignment: Alignment
    unit: Fraction
    offset: Fraction


def align(encodings: Sequence[Encoding], *, sum_offsets: bool = False) -> Aligned:
    """The coarsest common unit of operands.

    Args:
        encodings: meaning of each operand's codes.
        sum_offsets: the operands will be added, so their offsets may add up outside the codes.

    Returns:
        The alignment; offsets that all operands share stay outside the codes.
    """
    offsets = {offset for e in encodings for offset in e.offset}
    outside = sum_offsets and all(len(e.offset) == 1 for e in encodings)
    shared = outside or len(offsets) == 1
    parts = [step for e in encodings for step in e.scale_lsb()]
    if not shared:
        parts += [offset for offset in offsets if offset]
    unit = common_unit(parts)
    coefficients = tuple(_along(e, [step / unit for step in e.scale_lsb()]) for e in encodings)
    if shared:
        constants = tuple(np.zeros((), np.int64) for _ in encodings)
        offset = sum((e.offset[0] for e in encodings), Fraction(0)) if sum_offsets else offsets.pop()
    else:
        constants, offset = tuple(_along(e, [o / unit for o in e.offset]) for e in encodings), Fraction(0)
    return Aligned(Alignment(coefficients, constants), unit, offset)


def common_unit(steps: Sequence[Fraction]) -> Fraction:
    """The greatest number of which all (nonzero) steps are whole multiples."""
    denominator = lcm(*(step.denominator for step in steps))
    return Fraction(gcd(*(int(step * denominator) for step in steps)), denominator)


def of_unit(unit: Fraction, codes: CodeRange, offset: Fraction = Fraction(0)) -> Encoding:
    """Codes in a unit: plain fixed point where it is a power of two, scaled codes else."""
    power = unit.numerator.bit_length() - unit.denominator.bit_length()
    if unit == Fraction(2) ** power:
        return Encoding(FixedType.holding(codes, -power), codes, offset=(offset,))
    return Encoding(FixedType.holding(codes, 0), codes, (unit,), (offset,))


def centred(encoding: Encoding, zero: int) -> Fraction:
    """The unit of codes from which a zero point is taken away, so that value = (code - zero) * unit.

    Raises:
        ModelError: the zero point is not that of the encoding.
    """
    expect(encoding.per_tensor, "codes of a product need one common scale")
    (unit,) = encoding.scale_lsb()
    expect(encoding.offset[0] == -zero * unit, "the zero point is not that of the codes")
    return unit


def zero_point(encoding: Encoding) -> int | None:
    """The code that stands for 0, if there is one."""
    if not encoding.per_tensor:
        return None
    zero = -encoding.offset[0] / encoding.scale_lsb()[0]
    return int(zero) if zero.denominator == 1 else None


def encodings_of(operands: Sequence[TensorType]) -> list[Encoding] | None:
    """The encodings of operands that are all codes; None where all are real numbers.

    Raises:
        ModelError: some are codes and some are not.
    """
    found = [operand.encoding for operand in operands]
    if all(encoding is None for encoding in found):
        return None
    known = [encoding for encoding in found if encoding is not None]
    expect(len(known) == len(found), "some operands are codes and some are real numbers")
    return known


def broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape of operands.

    Raises:
        ModelError: they have none.
    """
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        expect(False, f"shapes {', '.join(map(str, shapes))} do not broadcast")
        raise


def pad_axes(codes: IntArray, rank: int) -> IntArray:
    """Axes of size 1 behind the sample axis until a tensor has a rank."""
    return codes.reshape(codes.shape[0], *(1,) * (rank + 1 - codes.ndim), *codes.shape[1:])


def _along(encoding: Encoding, numbers: Sequence[Fraction]) -> IntArray:
    """Integers per channel, shaped so that they broadcast along the channel axis."""
    whole = integers(np.array([int(number) for number in numbers], dtype=object))
    return whole.reshape(()) if whole.size == 1 else whole.reshape(-1, *(1,) * (-1 - encoding.axis))
