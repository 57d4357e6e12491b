# SPDX-License-Identifier: Apache-2.0
"""Staircases that are no lines: looked up in a table of all codes, or searched among thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.numerics.integers import integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.scalar_map import ScalarMap, Staircase
from fpgann.reference.compiled.carrier import Carrier, carrier_of, holds, largest
from fpgann.reference.compiled.kernel import Array, Kernel, Run, along, spread

MANY_ENTRIES = 1 << 18  # of all channels together


@dataclass(frozen=True, eq=False)
class Table(Kernel):
    """An entry for each code of each channel.

    Args:
        entries: results in the carrier `gives`, channel after channel.
        start: where the entry of code 0 lies (or would lie), an integer or one per channel, to broadcast.
        shape: of the tensor.
    """

    entries: Array
    start: Array
    shape: tuple[int, ...]
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Make room for the positions."""
        positions = np.empty((rows, *self.shape), np.intp)
        start = spread(self.start, rows, self.shape)

        def run(out: Array, x: Array) -> None:
            index = positions[: len(x)]
            np.add(x, start[: len(x)] if start.ndim else start, out=index, casting="unsafe")
            np.take(self.entries, index, out=out, mode="clip")  # never clips, but would copy to check

        return run


@dataclass(frozen=True, eq=False)
class Search(Kernel):
    """Binary search among thresholds that all channels share.

    Args:
        staircase: thresholds in the carrier that it takes.
    """

    staircase: Staircase
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Nothing to make."""
        del rows
        combine = np.add if self.staircase.rising else np.subtract

        def run(out: Array, x: Array) -> None:
            count = np.searchsorted(self.staircase.thresholds, x, side="right")
            combine(self.staircase.base, count, out=out, casting="unsafe")

        return run


def table(
    scalar_map: ScalarMap | Interpolation, codes: CodeRange, axis: int, shape: tuple[int, ...], carrier: Carrier
) -> Table | None:
    """A table of any map, if it is small enough."""
    span, channels = codes.high - codes.low + 1, scalar_map.channels
    if span * channels > MANY_ENTRIES or not holds(Carrier.FLOAT64, largest(codes)):
        return None
    every = np.broadcast_to(np.arange(codes.low, codes.high + 1)[:, None], (span, channels))
    results = integers(scalar_map.apply(every))
    gives = carrier_of(CodeRange(int(results.min()), int(results.max())))
    start = along(span * np.arange(channels) - codes.low, axis)
    return Table(results.T.reshape(-1).astype(gives.dtype), start, shape, (carrier,), gives)


def search(staircase: Staircase, carrier: Carrier) -> Search | None:
    """A search among thresholds, if a float carries the results."""
    ends = [staircase.base + sign * len(staircase.thresholds) for sign in (-1, 1)]
    gives = carrier_of(CodeRange(*ends))
    if not gives.is_float:
        return None
    thresholds = Staircase(staircase.base, staircase.thresholds.astype(carrier.dtype), staircase.rising)
    return Search(thresholds, (carrier,), gives)
