# SPDX-License-Identifier: Apache-2.0
"""Constant tensors of a model, and nodes that only compute more of them.

Real numbers are held and folded in float64, so that a constant expression over float32 numbers is not rounded
to float32 on the way. A constant that went through a quantizer also keeps its integer codes and exact scales
while it is moved about (transposed, reshaped, sliced).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fpgann.errors import UnsupportedOperatorError
from fpgann.numerics.integers import FloatArray, IntArray

Array = npt.NDArray[Any]
_NARROW = {"int2": np.int8, "int4": np.int8, "uint2": np.uint8, "uint4": np.uint8}  # unknown to numpy itself


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Integer codes with an exact scale each: value = codes * scales[channel].

    Args:
        codes: int64, zero point removed.
        channel: index into `scales`, the same shape.
        scales: exact factors, none of them 0.
        low: least code the quantizer could yield.
        high: greatest code the quantizer could yield.
    """

    codes: IntArray
    channel: IntArray
    scales: tuple[Fraction, ...]
    low: int
    high: int

    def moved(self, move: Callable[[Array], Array]) -> Codes:
        """The codes after their elements were moved about."""
        return Codes(move(self.codes), move(self.channel), self.scales, self.low, self.high)

    @property
    def values(self) -> FloatArray:
        """The real numbers, each rounded once to float64."""
        scales = np.array([float(scale) for scale in self.scales])
        return np.asarray(self.codes * scales[self.channel])

    @property
    def residue(self) -> FloatArray:
        """What rounding to float64 loses of each number (codes of 32 bits times a scale of 24), itself exact."""
        pairs = zip(self.codes.reshape(-1).tolist(), self.channel.reshape(-1).tolist(), strict=True)
        lost = [
            float(code * self.scales[channel] - Fraction(value))
            for (code, channel), value in zip(pairs, self.values.reshape(-1).tolist(), strict=True)
        ]
        return np.array(lost, np.float64).reshape(self.codes.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A constant tensor.

    Args:
        data: float64 for real numbers; integers and booleans as they are.
        codes: the same numbers as codes, if they come from a quantizer.
    """

    data: Array
    codes: Codes | None = None

    @staticmethod
    def of(array: Array) -> Known:
        """A constant; real numbers become float64 (exactly, from float16 and float32), narrow integers int8 or uint8.

        Raises:
            UnsupportedOperatorError: it holds no real numbers.
        """
        array = np.asarray(array)
        if array.dtype.kind in "iub":
            return Known(array)
        if array.dtype.name in _NARROW:
            return Known(array.astype(_NARROW[array.dtype.name]))
        if array.dtype.kind in "OSUc":
            raise UnsupportedOperatorError(
                "it holds texts or complex numbers", hint="use real numbers, integers or booleans"
            )
        return Known(array.astype(np.float64))

    @staticmethod
    def coded(codes: Codes) -> Known:
        """A quantized constant."""
        return Known(codes.values, codes)

    def moved(self, move: Callable[[Array], Array]) -> Known:
        """The constant after its elements were moved about."""
        return Known(move(self.data), None if self.codes is None else self.codes.moved(move))

    @property
    def reals(self) -> FloatArray:
        """The numbers as float64."""
        return self.data.astype(np.float64)

    @property
    def residue(self) -> FloatArray:
        """What `reals` lack to be the exact numbers."""
        return np.zeros(self.data.shape) if self.codes is None else self.codes.residue
