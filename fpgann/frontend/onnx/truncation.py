# SPDX-License-Identifier: Apache-2.0
"""Trunc of QONNX: drop low bits of numbers that lie on a grid.

The definition is that of docs/qonnx-custom-ops/trunc_v1.md and trunc_v2.md of github.com/fastmachinelearning/qonnx,
in real arithmetic: n = round_half_even(x / scale + zero_point), then q = round(n / 2**dropped) in the given mode,
saturated in version 2. The result is (q - zero_point) * scale in version 1, whose steps thus become smaller, and
(q - zero_point / 2**dropped) * output_scale in version 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend.onnx.tables import Site
from fpgann.ir import Operator
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.rounding import Rounding

WIDE = 1 << 31  # far beyond what truncation is used on; ranges of codes are narrowed to what occurs
_ONE, _ZERO = np.ones(()), np.zeros(())


@dataclass(frozen=True, slots=True)
class Truncation:
    """What a Trunc node does.

    Args:
        scale: step of the numbers that come in.
        zero_point: integral.
        dropped: how many bits are dropped.
        low: least code of the result, zero point included.
        high: greatest code.
        rounding: rounding mode.
        output_scale: step of the result.
        output_zero_point: zero point of the result.
    """

    scale: float
    zero_point: int
    dropped: int
    low: int
    high: int
    rounding: Rounding
    output_scale: float
    output_zero_point: int

    @property
    def steps(self) -> tuple[Operator, ...]:
        """The same as operators of the graph, one after the other."""
        coarse = self.scale * 2.0**self.dropped
        zero = self.zero_point / 2**self.dropped
        rounded = Quantize(np.asarray(self.scale), np.asarray(float(self.zero_point)), -WIDE, WIDE, Rounding.RND_CONV)
        shortened = Quantize(np.asarray(coarse), np.asarray(zero), self.low, self.high, self.rounding)
        if (coarse, zero) == (self.output_scale, self.output_zero_point):
            return rounded, shortened
        shift = (Fraction(zero) - self.output_zero_point) * Fraction(self.output_scale)
        return rounded, shortened, Affine(np.asarray(self.output_scale), np.asarray(coarse), np.asarray(float(shift)))


def read_truncation(site: Site, rounding: Rounding, code_range: tuple[int, int] | None) -> Truncation:
    """What a Trunc node does, from its constant operands.

    Args:
        site: the node; five operands make version 1, six version 2.
        rounding: its rounding mode.
        code_range: codes to which version 2 saturates; None in version 1.

    Raises:
        UnsupportedOperatorError: operands are no single numbers, or the zero point does not survive.
    """
    last = ("output bit width",) if code_range is None else ("output scale", "output bit width")
    roles = ("scale", "zero point", "input bit width", *last)
    numbers = [_number(site, index, role) for index, role in enumerate(roles, 1)]
    scale, zero = numbers[:2]
    if scale <= 0 or (code_range is not None and numbers[3] <= 0):
        raise UnsupportedOperatorError("its scale must be positive", hint="train or calibrate the quantizer")
    dropped = round(numbers[2] - numbers[3]) if code_range is None else round(math.log2(numbers[3] / scale))
    if zero != round(zero) or int(zero) % (1 << max(0, dropped)) or not -32 < dropped < 32:
        raise UnsupportedOperatorError(
            f"a zero point of {zero:g} is lost with {dropped} bits", hint="use a zero point of 0 in front of Trunc"
        )
    if code_range is None:
        return Truncation(scale, int(zero), dropped, -WIDE, WIDE, rounding, scale, int(zero))
    kept = int(Fraction(zero) / Fraction(2) ** dropped)
    return Truncation(scale, int(zero), dropped, *code_range, rounding, numbers[3], kept)


def _number(site: Site, index: int, role: str) -> float:
    data = site.known(index, role).reals
    if data.size != 1 or not np.isfinite(data.reshape(-1)[0]):
        raise UnsupportedOperatorError(f"its {role} must be one number", hint="truncate per tensor")
    return float(data.reshape(-1)[0])
