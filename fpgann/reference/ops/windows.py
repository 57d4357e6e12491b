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
    fronts, behinds = op.borders
    sizes = x.shape[2:-1]
    widths = [(0, 0), (0, 0), *((max(0, f), max(0, b)) for f, b in zip(fronts, behinds, strict=True)), (0, 0)]
    padded = np.pad(x, widths, constant_values=op.fill) if any(pad > 0 for pad in op.pads) else x
    counts = op.positions(sizes)
    starts = [max(0, -front) for front in fronts]
    groups, channels = op.groups, x.shape[-1] // op.groups
    grouped = padded.reshape(*padded.shape[:-1], groups, channels)
    result = np.empty((*x.shape[:2], *counts, groups, op.taps, channels), x.dtype)
    for number, tap in enumerate(np.ndindex(*op.kernel)):
        firsts = [s + t * d for s, t, d in zip(starts, tap, op.dilations, strict=True)]
        places = [slice(None), slice(None)]
        places += [
            slice(first, first + (count - 1) * stride + 1, stride)
            for first, count, stride in zip(firsts, counts, op.strides, strict=True)
        ]
        result[..., number, :] = grouped[tuple(places)]
    return result.reshape(*x.shape[:2], *counts, op.taps * x.shape[-1])
