# SPDX-License-Identifier: Apache-2.0
"""What the samples of a compilation say about each layer: its error against float64, its use of the number range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from fpgann.ir import Encoding, Graph
from fpgann.ir.ops.reshape import Reshape
from fpgann.numerics.integers import FloatArray, IntArray

MAX_BINS = 48
_MARGIN = 1.5  # how far the axis may reach beyond the data to show an end of the range, in widths of the data


class ErrorFigures(TypedDict):
    """How far the decoded codes of a layer are from the model in float64; see `layer_error`."""

    max_abs_error: float
    rmse: float
    sqnr_db: float | None


class Histogram(TypedDict):
    """A histogram against the fixed-point range; see `histogram`."""

    unit: str
    low: float
    high: float
    counts: list[int]
    range_low: float
    range_high: float
    count: int
    outside: float
    at_low: float
    at_high: float


@dataclass(frozen=True)
class Samples:
    """The same samples in both graphs.

    Args:
        values: float64 of values of the model, by the name of the value in the graph of codes, shape (samples, *shape).
        codes: codes of every value of the graph of codes, of the same samples.
    """

    values: Mapping[str, FloatArray] = field(default_factory=dict)
    codes: Mapping[str, IntArray] = field(default_factory=dict)


def matched_samples(
    graph: Graph, codes: Mapping[str, IntArray], values: Mapping[str, FloatArray], meanings: Mapping[str, str]
) -> Samples:
    """Bring the values of both graphs together.

    Args:
        graph: graph of codes.
        codes: codes of each of its values.
        values: float64 of every value of the graph of real numbers.
        meanings: value of the graph of codes -> value of the graph of real numbers that it stands for.
    """
    known = dict(meanings)
    for node in reversed(graph.nodes):  # hardware knows no shapes: a stage ends before the reshape behind it
        if isinstance(node.op, Reshape) and node.output in known:
            known.setdefault(node.inputs[0], known[node.output])
    return Samples({name: values[real] for name, real in known.items() if real in values}, codes)


def layer_error(encoding: Encoding, codes: IntArray, real: FloatArray) -> ErrorFigures | None:
    """Compare a value with its model.

    Args:
        encoding: what the codes mean.
        codes: what the hardware computes, shape (samples, *shape).
        real: what the model computes in float64, as many elements.

    Returns:
        Largest absolute error, root mean square error, and signal to quantization noise ratio in dB (None where the
        error or the signal is zero); None where the model has infinite or undefined numbers.
    """
    wanted = np.asarray(real, np.float64).reshape(-1)
    if not wanted.size or not np.all(np.isfinite(wanted)):
        return None
    error = encoding.decode(codes).reshape(-1) - wanted
    noise, signal = float(np.mean(error**2)), float(np.mean(wanted**2))
    return {
        "max_abs_error": float(np.max(np.abs(error))),
        "rmse": noise**0.5,
        "sqnr_db": float(10 * np.log10(signal / noise)) if noise and signal else None,
    }


def histogram(encoding: Encoding, codes: IntArray, real: FloatArray | None = None) -> Histogram | None:
    """How a tensor fills the range of its type.

    The numbers on the axis are values where one scale serves the whole tensor, and codes else. A bin is one code where
    few codes are seen.

    Args:
        encoding: what the codes mean.
        codes: codes, the channel axis where the encoding has it.
        real: the same tensor before it was rounded and saturated, if it is known; its distribution is drawn then.

    Returns:
        Counts over equal bins from `low` to `high`; the ends of the type; the share of numbers that lie `outside` of
        it by more than one step, and the shares of codes at these ends. None where there is nothing to draw.
    """
    steps = np.asarray(codes, np.float64) if real is None else _in_steps(encoding, real.reshape(codes.shape))
    if not steps.size or not np.all(np.isfinite(steps)):
        return None
    scale, offset = 1.0, 0.0
    if encoding.per_tensor:
        scale, offset = float(encoding.scale_lsb()[0]), float(encoding.offset[0])
    first, last = float(encoding.fixed.range.low), float(encoding.fixed.range.high)
    edges = _edges(float(steps.min()), float(steps.max()), first, last)
    counts = np.histogram(steps.reshape(-1), edges)[0]
    ends = sorted((float(edges[0]) * scale + offset, float(edges[-1]) * scale + offset))
    bounds = sorted((first * scale + offset, last * scale + offset))
    outside = float(np.mean((steps < first - 1) | (steps > last + 1)))
    return {
        "unit": "value" if encoding.per_tensor else "code",
        "low": ends[0],
        "high": ends[1],
        "counts": [int(count) for count in (counts if scale > 0 else counts[::-1])],
        "range_low": bounds[0],
        "range_high": bounds[1],
        "count": int(steps.size),
        "outside": outside,
        "at_low": float(np.mean(codes == encoding.fixed.range.low)),
        "at_high": float(np.mean(codes == encoding.fixed.range.high)),
    }


def _in_steps(encoding: Encoding, real: FloatArray) -> FloatArray:
    """Real numbers in units of the code."""

    def along_axis(numbers: list[float]) -> FloatArray:
        shape = [1] * real.ndim
        if len(numbers) > 1:
            shape[encoding.axis] = len(numbers)
        return np.array(numbers).reshape(shape)

    scales, offsets = (
        along_axis([float(s) for s in encoding.scale_lsb()]),
        along_axis([float(o) for o in encoding.offset]),
    )
    return np.asarray((real - offsets) / scales)


def _edges(least: float, most: float, first: float, last: float) -> FloatArray:
    """Borders of the bins, in codes: all of the data, and the ends of the range where they are not far away."""
    least, most = np.floor(least + 0.5), np.ceil(most - 0.5)  # the bins of codes reach half a code to both sides
    reach = _MARGIN * max(most - least, 1.0)
    low, high = max(min(least, first), least - reach), min(max(most, last), most + reach)
    width = max(1.0, np.ceil((high - low + 1) / MAX_BINS))
    bins = int(np.ceil((high - low + 1) / width))
    return np.asarray(low - 0.5 + width * np.arange(bins + 1))
