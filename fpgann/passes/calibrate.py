# SPDX-License-Identifier: Apache-2.0
"""Choose fixed-point types for real values from samples of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fpgann.errors import ModelError
from fpgann.numerics.fixed import FixedType, Precision
from fpgann.numerics.integers import FloatArray

MAX_SAMPLES = 20_000
CURVE_ARGUMENT_BITS = 13  # so that a table of the function stays a small memory
_CURVES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "": lambda values: values,
    "sigmoid": lambda values: 0.5 * (np.tanh(0.5 * values) + 1.0),
    "tanh": np.tanh,
}
_SATURATING_STEPS = 6  # how many integer bits below the largest sample are tried


@dataclass(frozen=True, slots=True)
class QuantizationPoint:
    """A real value that needs a fixed-point type.

    Args:
        value: name of the value.
        signed: whether it can be negative.
        through: name of the curve through which its error counts; empty for the value itself.
        bounded: the value cannot leave the range of the samples by much: it comes out of a curve.
    """

    value: str
    signed: bool
    through: str = ""
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Saturation:
    """How many samples of a value its type cuts off by more than one step."""

    saturated: int
    total: int


@dataclass(frozen=True)
class Plan:
    """The types chosen for a graph.

    Args:
        types: value name -> type and modes.
        weight_bits: width of quantized weights.
        saturation: value name -> what its type cuts off.
    """

    types: Mapping[str, Precision]
    weight_bits: int
    saturation: Mapping[str, Saturation] = field(default_factory=dict)


def choose_plan(
    points: list[QuantizationPoint],
    samples: Mapping[str, FloatArray],
    precision: Precision,
    *,
    fit_binary_point: bool,
    guard_bits: int = 0,
    fixed_types: Mapping[str, Precision] | None = None,
) -> Plan:
    """Give every point a type of the wanted width.

    Args:
        points: the values.
        samples: real samples of every value.
        precision: wanted width and modes; its binary point too unless `fit_binary_point`.
        fit_binary_point: choose each binary point for the least mean squared error on the samples.
        guard_bits: integer bits added beyond that choice, for samples that may not cover the real range.
        fixed_types: types that are given.

    Raises:
        ModelError: a value becomes infinite or NaN on the samples.
    """
    types: dict[str, Precision] = {}
    saturation: dict[str, Saturation] = {}
    for point in points:
        data = samples[point.value].reshape(-1)
        if not np.all(np.isfinite(data)):
            raise ModelError(
                "the model yields infinite or undefined numbers on the calibration data", where=f"value '{point.value}'"
            )
        chosen = (fixed_types or {}).get(point.value)
        if chosen is None and fit_binary_point:
            width = min(precision.fixed.width, CURVE_ARGUMENT_BITS if point.through else precision.fixed.width)
            fixed = least_error_type(data, width, signed=point.signed, through=point.through)
            fixed = FixedType(fixed.signed, fixed.width, fixed.frac - (0 if point.bounded else guard_bits))
            chosen = Precision(fixed, precision.rounding, precision.overflow)
        types[point.value] = chosen or precision
        if point.through:
            continue  # cutting off where the curve is flat is what its type is chosen for
        bounds = types[point.value].fixed
        lowest, highest = (bounds.decode(np.array(end)) for end in (bounds.range.low - 1, bounds.range.high + 1))
        saturation[point.value] = Saturation(int(np.sum((data < lowest) | (data > highest))), data.size)
    return Plan(types, precision.fixed.width, saturation)


def least_error_type(
    data: FloatArray,
    width_bits: int,
    *,
    signed: bool,
    through: str = "",
) -> FixedType:
    """The binary point with the least mean squared error for a given width.

    Args:
        data: samples.
        width_bits: width of the type.
        signed: whether the type has a sign.
        through: name of the curve through which the error is measured, if any.
    """
    sample = data if data.size <= MAX_SAMPLES else np.random.default_rng(0).choice(data, MAX_SAMPLES, replace=False)
    extremes = np.array([data.min(initial=0.0), data.max(initial=0.0)])
    sample = np.concatenate([sample, extremes])
    largest = float(np.max(np.abs(sample)))
    if largest == 0.0:
        return FixedType(signed, width_bits, width_bits - signed)
    # largest < 2**integer_bits
    integer_bits = int(np.frexp(largest)[1])
    measure = _CURVES[through]
    wanted = measure(sample)
    best: tuple[float, FixedType] | None = None
    for saved in range(-1, _SATURATING_STEPS):
        fixed = FixedType(signed, width_bits, width_bits - signed - (integer_bits - saved))
        error = float(np.mean((measure(fixed.decode(fixed.encode(sample))) - wanted) ** 2))
        if best is None or error < best[0]:
            best = (error, fixed)
    assert best is not None
    return best[1]
