# SPDX-License-Identifier: Apache-2.0
"""What a tensor is: a shape, and either real numbers or integer codes with their meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.interval import CodeRange

ONE, ZERO = (Fraction(1),), (Fraction(0),)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How integer codes stand for real numbers: value = code * 2**-frac * scale + offset.

    Scale and offset hold one exact number for the whole tensor or one per channel along `axis`; they are 1
    and 0 for plain fixed point. `range` is the exact interval of codes that can occur, often less than the
    type's.

    Args:
        fixed: the fixed-point type of the codes.
        range: codes that can occur.
        scale: positive or negative exact factors.
        offset: exact addends.
        axis: channel axis, counted from the end (negative).
    """

    fixed: FixedType
    range: CodeRange
    scale: tuple[Fraction, ...] = ONE
    offset: tuple[Fraction, ...] = ZERO
    axis: int = -1

    @staticmethod
    def of(fixed: FixedType) -> Encoding:
        """Plain fixed point over the whole range of a type."""
        return Encoding(fixed, fixed.range)

    @property
    def per_tensor(self) -> bool:
        """Whether one scale and one offset serve all elements."""
        return len(self.scale) == 1 and len(self.offset) == 1

    @property
    def plain(self) -> bool:
        """Whether codes are ordinary fixed point."""
        return self.scale == ONE and self.offset == ZERO

    def scale_lsb(self) -> tuple[Fraction, ...]:
        """The value of one code step, per channel."""
        return tuple(s * self.fixed.lsb for s in self.scale)

    def with_range(self, codes: CodeRange) -> Encoding:
        """The same meaning with another range, in the narrowest type that holds it."""
        return replace(self, fixed=FixedType.holding(codes, self.fixed.frac), range=codes)

    def decode(self, codes: IntArray) -> FloatArray:
        """Real values of codes, rounded to float64 (exact up to 53 significant bits)."""
        values = self.fixed.decode(codes)
        if self.plain:
            return values

        def along_axis(numbers: tuple[Fraction, ...]) -> FloatArray:
            shape = [1] * codes.ndim
            if len(numbers) > 1:
                shape[self.axis] = len(numbers)
            return np.array([float(n) for n in numbers]).reshape(shape)

        return np.asarray(values * along_axis(self.scale) + along_axis(self.offset))

    def __str__(self) -> str:
        """Type, scale and offset where they are not trivial, range where it is less than the type's."""
        parts = [str(self.fixed)]
        if self.scale != ONE:
            parts.append(f"scale {float(self.scale[0]):.6g}" + (" .." if len(self.scale) > 1 else ""))
        if self.offset != ZERO:
            parts.append(f"offset {float(self.offset[0]):.6g}" + (" .." if len(self.offset) > 1 else ""))
        if self.range != self.fixed.range:
            parts.append(f"in {self.range.low}..{self.range.high}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape (batch axis included, its size 1) and encoding; encoding None stands for real numbers."""

    shape: tuple[int, ...]
    encoding: Encoding | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def codes(self) -> Encoding:
        """The encoding of a tensor that must have one.

        Raises:
            TypeError: the tensor holds real numbers; only a compiler bug asks for its codes.
        """
        if self.encoding is None:
            raise TypeError("a real tensor has no codes")
        return self.encoding

    def __str__(self) -> str:
        """`fixed<16,6>[1x64]` or `real[1x64]`."""
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"{self.encoding or 'real'}[{shape}]"


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A constant tensor: float64 reals, or codes with an encoding.

    Args:
        data: float64 if encoding is None, integers (int64 or object) else.
        encoding: meaning of the codes.
    """

    data: FloatArray | IntArray
    encoding: Encoding | None = None

    @property
    def values(self) -> FloatArray:
        """The real numbers, as float64."""
        return self.data if self.encoding is None else self.encoding.decode(self.data)

    def exact(self) -> tuple[Fraction, ...]:
        """The real numbers themselves, in row-major order."""
        if self.encoding is None:
            return tuple(Fraction(float(value)) for value in self.data.reshape(-1))
        scales, offsets = self.encoding.scale_lsb(), self.encoding.offset
        several = max(len(scales), len(offsets)) > 1
        channel = np.arange(self.data.shape[self.encoding.axis]) if several else np.zeros((), np.int64)
        if several:
            channel = channel.reshape((-1,) + (1,) * (-1 - self.encoding.axis))
        channels = np.broadcast_to(channel, self.data.shape).reshape(-1).tolist()
        return tuple(
            int(code) * scales[c % len(scales)] + offsets[c % len(offsets)]
            for code, c in zip(self.data.reshape(-1).tolist(), channels, strict=True)
        )

    def __str__(self) -> str:
        """Type and shape."""
        return str(TensorType(tuple(self.data.shape), self.encoding))
