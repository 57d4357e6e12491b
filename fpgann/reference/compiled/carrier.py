# SPDX-License-Identifier: Apache-2.0
"""Carriers: the number types that hold integer codes while a compiled graph runs."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from fpgann.numerics.integers import FLOAT64_EXACT, INT64_MAX
from fpgann.numerics.interval import CodeRange

FLOAT32_EXACT = 2**24  # every integer up to this magnitude is a float32


class Carrier(enum.Enum):
    """What holds codes, cheapest first."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT64 = "int64"
    OBJECT = "object"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array type."""
        return np.dtype(self.value)

    @property
    def is_float(self) -> bool:
        """Whether arithmetic in it rounds beyond its exact integers."""
        return self in FLOATS


FLOATS = (Carrier.FLOAT32, Carrier.FLOAT64)
_EXACT = {Carrier.FLOAT32: FLOAT32_EXACT, Carrier.FLOAT64: FLOAT64_EXACT, Carrier.INT64: INT64_MAX}


def holds(carrier: Carrier, bound: int) -> bool:
    """Whether a carrier holds every integer of magnitude up to `bound`."""
    return carrier is Carrier.OBJECT or bound <= _EXACT[carrier]


def narrowest(bound: int) -> Carrier:
    """The cheapest carrier of every integer of magnitude up to `bound`."""
    return next(carrier for carrier in Carrier if holds(carrier, bound))


def largest(codes: CodeRange) -> int:
    """The greatest magnitude in a range."""
    return max(abs(codes.low), abs(codes.high))


def carrier_of(codes: CodeRange) -> Carrier:
    """The cheapest carrier of a range of codes."""
    return narrowest(largest(codes))


def integer_carrier(codes: CodeRange) -> Carrier:
    """What plain evaluators take: int64, Python integers beyond."""
    return Carrier.INT64 if holds(Carrier.INT64, largest(codes)) else Carrier.OBJECT
