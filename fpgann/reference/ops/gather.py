# SPDX-License-Identifier: Apache-2.0
"""Elements taken at computed positions."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.gather import Gather
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Gather)
def gather_values(op: Gather, x: FloatArray, position: FloatArray) -> FloatArray:
    """Positions are whole numbers in float64."""
    return gather_codes(op, x, np.rint(position).astype(np.int64))


@ON_CODES.register(Gather)
def gather_codes(op: Gather, x: IntArray, position: IntArray) -> IntArray:
    """Exact."""
    del op
    samples, outer, size, inner = x.shape
    clipped = np.clip(position, -size, size - 1).astype(np.int64)
    places = np.broadcast_to(np.where(clipped < 0, clipped + size, clipped), (samples, outer, clipped.shape[2], inner))
    return np.asarray(np.take_along_axis(x, places, axis=2))
