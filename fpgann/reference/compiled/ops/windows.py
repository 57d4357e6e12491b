# SPDX-License-Identifier: Apache-2.0
"""Sliding windows, as memory for the matrix products behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.ir.ops.windows import Windows
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.carrier import Carrier, carrier_of
from fpgann.reference.compiled.kernel import FAST, Array, Kernel, Operand, Run, View


@dataclass(frozen=True, eq=False)
class _Copy(Kernel):
    """Copies one tap of all windows at a time.

    Args:
        op: the operator.
        shape: of its operand.
    """

    op: Windows
    shape: tuple[int, ...]
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Make the padded operand, whose border never changes."""
        op, sizes = self.op, self.shape[1:-1]
        fronts, behinds = ([max(0, pad) for pad in pads] for pads in op.borders)
        spans = [size + front + behind for size, front, behind in zip(sizes, fronts, behinds, strict=True)]
        padded = np.full((rows, self.shape[0], *spans, self.shape[-1]), op.fill, self.gives.dtype)
        every = [slice(None), slice(None)]
        middle = (*every, *(slice(front, front + size) for front, size in zip(fronts, sizes, strict=True)))
        counts = op.positions(sizes)
        starts = [max(0, -front) for front in op.borders[0]]
        taps = []
        for tap in np.ndindex(*op.kernel):
            firsts = [start + t * d for start, t, d in zip(starts, tap, op.dilations, strict=True)]
            steps = zip(firsts, counts, op.strides, strict=True)
            taps.append((*every, *(slice(f, f + (count - 1) * s + 1, s) for f, count, s in steps)))
        is_padded = spans != list(sizes)
        groups, channels = op.groups, self.shape[-1] // op.groups

        def run(out: Array, x: Array) -> None:
            source = x
            if is_padded:
                source = padded[: len(x)]
                np.copyto(source[middle], x)
            windows = out.reshape(*out.shape[:-1], groups, op.taps, channels)
            grouped = source.reshape(*source.shape[:-1], groups, channels)
            for number, tap in enumerate(taps):
                np.copyto(windows[..., number, :], grouped[tap])

        return run


@FAST.register(Windows)
def windows(op: Windows, result: TensorType, x: Operand) -> Kernel | View:
    """A copy for each tap, in a carrier that holds what padded places do."""
    if set(op.kernel) == set(op.strides) == {1} and not any(op.pads):
        return View(lambda codes: codes)
    carrier = max(x.carrier, carrier_of(result.codes.range), key=list(Carrier).index)
    return _Copy(op, x.type.shape, (carrier,), carrier)
