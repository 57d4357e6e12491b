# SPDX-License-Identifier: Apache-2.0
"""The integer types of ONNX that become codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.rounding import Rounding


@dataclass(frozen=True, slots=True)
class IntegerType:
    """An integer type of ONNX.

    Args:
        name: as ONNX calls it, INT8 for instance.
        low: its least number.
        high: its greatest number.
    """

    name: str
    low: int
    high: int


INTEGER_TYPES = {
    kind.name: kind
    for bits in (2, 4, 8, 16, 32)
    for kind in (
        IntegerType(f"INT{bits}", -(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        IntegerType(f"UINT{bits}", 0, (1 << bits) - 1),
    )
}
INPUT_TYPES = INTEGER_TYPES | {
    "BOOL": IntegerType("BOOL", 0, 1),
    "INT64": IntegerType("INT64", -(1 << 63), (1 << 63) - 1),
    "UINT64": IntegerType("UINT64", 0, (1 << 64) - 1),
}
"""Types that inputs and results of arithmetic may have, beyond those that quantizers have."""
BY_NUMPY = {np.dtype(name.lower()): kind for name, kind in INTEGER_TYPES.items() if not name.endswith(("T2", "T4"))}


def integers_of(kind: IntegerType) -> Quantize:
    """The operator whose result are the integers of a type: what it is given, rounded and saturated."""
    return Quantize(np.ones(()), np.zeros(()), kind.low, kind.high, Rounding.RND_CONV)
