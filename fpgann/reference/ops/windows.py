# SPDX-License-Identifier: Apache-2.0
"""Sliding windows."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.tables import ON_CODES, ON_VALUES


@ON_VALUES.register(Windows)
def windows_values(op: Windows, x: FloatArray) -> FloatArray:
    """Elements, and what padded places hold."""
    return _windows(op, x)


@ON_CODES.register(Windows)
def windows_codes(op: Windows, x: IntArray) -> IntArray:
    """The same on codes."""
    return _windows(op, x)


def _windows(op: Windows, x: IntArray) -> IntArray:
    """Windows of x, shape (samples, batch, *positions, channels)."""
    axes = len(op.kernel)
    fronts, behinds = op.borders
    sizes, channels = x.shape[2:-1], x.shape[-1]
    widths = [(0, 0), (0, 0), *((max(0, f), max(0, b)) for f, b in zip(fronts, behinds, strict=True)), (0, 0)]
    padded = np.pad(x, widths, constant_values=op.fill) if any(pad > 0 for pad in op.pads) else x
    counts = op.positions(sizes)
    starts = [max(0, -front) for front in fronts]
    taps = []
    for tap in np.ndindex(*op.kernel):
        firsts = [s + t * d for s, t, d in zip(starts, tap, op.dilations, strict=True)]
        places = [slice(None), slice(None)]
        places += [
            slice(first, first + (count - 1) * stride + 1, stride)
            for first, count, stride in zip(firsts, counts, op.strides, strict=True)
        ]
        seen = padded[tuple(places)]
        taps.append(seen.reshape(*x.shape[:2], *counts, op.groups, -1))
    stacked = np.stack(taps, axis=axes + 3)  # (samples, batch, *positions, group, tap, channel in the group)
    return stacked.reshape(*x.shape[:2], *counts, op.taps * channels)
