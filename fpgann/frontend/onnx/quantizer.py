# SPDX-License-Identifier: Apache-2.0
"""Quantization of constants, exactly as the numbers in the file define it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.frontend.onnx.constants import Codes
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.rounding import Rounding, round_fraction, round_values

_FAST_CODE_LIMIT = 2**28  # a half-integer below it times 24 significant bits is exact in float64


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """y = (clamp(round(x / scale + zero_point), low, high) - zero_point) * scale.

    Args:
        scale: positive float64, broadcasts against x.
        zero_point: integral float64, likewise.
        low: least code.
        high: greatest code.
        rounding: rounding mode.
        bipolar: y = scale for x >= 0, else -scale, instead.
    """

    scale: FloatArray
    zero_point: FloatArray
    low: int
    high: int
    rounding: Rounding
    bipolar: bool = False

    def codes(self, values: FloatArray) -> Codes:
        """The codes of a constant, zero point removed; no rounding but the quantizer's own."""
        scales, channel = np.unique(self.scale, return_inverse=True)
        channels = np.broadcast_to(channel.reshape(self.scale.shape), values.shape)
        exact = tuple(Fraction(float(scale)) for scale in scales)
        if self.bipolar:
            return Codes(np.where(values >= 0, 1, -1).astype(np.int64), channels, exact, -1, 1)
        zero = self.zero_point.astype(np.int64)
        codes = self._rounded(values) - zero
        return Codes(codes, channels, exact, int(self.low - zero.max()), int(self.high - zero.min()))

    def _rounded(self, values: FloatArray) -> IntArray:
        """Codes with zero point, by comparing with the nearest half-integer code.

        The float64 quotient is only a guess: the half-integer nearest to it times the scale is exact in
        float64, so comparing that product with the value tells on which side of the half-integer the true
        quotient lies, and rounding depends on nothing else.
        """
        scale, zero, x = (np.ravel(a) for a in np.broadcast_arrays(self.scale, self.zero_point, values))
        with np.errstate(over="ignore", under="ignore"):
            guess = np.clip(x / scale, self.low - zero - 1, self.high - zero + 1)
            single = scale.astype(np.float32) == scale
        halves = np.rint(2 * guess) / 2
        side = np.sign(x - halves * scale)
        rounded = round_values(halves + zero + 0.25 * side, self.rounding)
        codes = np.clip(rounded, self.low, self.high).astype(np.int64)
        for i in np.flatnonzero(~(single & (np.abs(halves) < _FAST_CODE_LIMIT))):
            codes[i] = self.code(Fraction(float(x[i])), Fraction(float(scale[i])), int(zero[i]))
        return codes.reshape(values.shape)

    def code(self, value: Fraction, scale: Fraction, zero_point: int) -> int:
        """The code of one number, zero point included: the definition."""
        rounded = round_fraction(value / scale + zero_point, self.rounding)
        return min(max(rounded, self.low), self.high)
