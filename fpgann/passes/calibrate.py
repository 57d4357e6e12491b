# SPDX-License-Identifier: Apache-2.0
"""Choose fixed-point types for real values from samples of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fpgann.errors import ModelError, PassError
from fpgann.numerics.fixed import FixedType, Precision
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.steps import Step, apply_values

MAX_SAMPLES = 20_000
MAX_ARGUMENT_BITS = 18  # of a function computed by lines: all its codes are verified
_SATURATING_STEPS = 6  # how many integer bits below the largest sample are tried


@dataclass(frozen=True, slots=True)
class QuantizationPoint:
    """A real value that needs a fixed-point type.

    Args:
        value: name of the value.
        signed: whether it can be negative.
        through: functions through which its error counts; none for the value itself.
        bounded: the value cannot leave the range of the samples by much: it comes out of a bounded function.
    """

    value: str
    signed: bool
    through: tuple[Step, ...] = ()
    bounded: bool = False


class MissingTypeError(PassError):
    """A value that the plan forgot.

    Args:
        point: the value.
    """

    def __init__(self, point: QuantizationPoint) -> None:
        super().__init__("it has no type yet", where=f"value '{point.value}'")
        self.point = point


@dataclass(frozen=True, slots=True)
class Saturation:
    """How many samples of a value its type cuts off by more than one step."""

    saturated: int
    total: int


@dataclass(frozen=True, slots=True)
class LoadableTypes:
    """Types of the weights and biases that a layer takes at run time; None where they are to be chosen.

    Args:
        weight: type of the weights that the model leaves real.
        bias: type of the biases.
    """

    weight: FixedType | None = None
    bias: FixedType | None = None


@dataclass(frozen=True)
class Plan:
    """The types chosen for a graph.

    Args:
        types: value name -> type and modes.
        weight_bits: width of quantized weights.
        saturation: value name -> what its type cuts off.
        loadable: names of the layers whose weights are loaded at run time, with their types.
        folded_recurrences: recurrences stay operators rather than being written out step by step.
        exact_functions: functions of wide arguments are rounded correctly, number by number, rather than computed by
            lines; there is no hardware for that.
    """

    types: Mapping[str, Precision]
    weight_bits: int
    saturation: Mapping[str, Saturation] = field(default_factory=dict)
    loadable: Mapping[str, LoadableTypes] = field(default_factory=dict)
    exact_functions: bool = False
    folded_recurrences: bool = False


def choose_plan(
    points: list[QuantizationPoint],
    samples: Mapping[str, FloatArray],
    precision: Precision,
    *,
    fit_binary_point: bool,
    guard_bits: int = 0,
    fixed_types: Mapping[str, Precision] | None = None,
    exact_functions: bool = False,
) -> Plan:
    """Give every point a type of the wanted width.

    Args:
        points: the values.
        samples: real samples of every value.
        precision: wanted width and modes; its binary point too unless `fit_binary_point`.
        fit_binary_point: choose each binary point for the least mean squared error on the samples.
        guard_bits: integer bits added beyond that choice, for samples that may not cover the real range.
        fixed_types: types that are given.
        exact_functions: do not compute functions by lines, nor limit the width of their arguments.

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
        width = precision.fixed.width
        if point.through and not exact_functions:
            width = min(width, MAX_ARGUMENT_BITS)
        if chosen is None and (fit_binary_point or width < precision.fixed.width):
            fixed = least_error_type(data, width, signed=point.signed, through=point.through)
            fixed = FixedType(fixed.signed, fixed.width, fixed.frac - (0 if point.bounded else guard_bits))
            chosen = Precision(fixed, precision.rounding, precision.overflow)
        types[point.value] = chosen or precision
        if point.through:
            continue  # cutting off where the curve is flat is what its type is chosen for
        bounds = types[point.value].fixed
        lowest, highest = (bounds.decode(np.array(end)) for end in (bounds.range.low - 1, bounds.range.high + 1))
        saturation[point.value] = Saturation(int(np.sum((data < lowest) | (data > highest))), data.size)
    return Plan(types, precision.fixed.width, saturation, exact_functions=exact_functions)


def least_error_type(
    data: FloatArray,
    width_bits: int,
    *,
    signed: bool,
    through: tuple[Step, ...] = (),
) -> FixedType:
    """The binary point with the least mean squared error for a given width.

    Args:
        data: samples.
        width_bits: width of the type.
        signed: whether the type has a sign.
        through: functions through which the error is measured, if any.
    """
    sample = data if data.size <= MAX_SAMPLES else np.random.default_rng(0).choice(data, MAX_SAMPLES, replace=False)
    extremes = np.array([data.min(initial=0.0), data.max(initial=0.0)])
    sample = np.concatenate([sample, extremes])
    largest = float(np.max(np.abs(sample)))
    if largest == 0.0:
        return FixedType(signed, width_bits, width_bits - signed)
    # largest < 2**integer_bits
    integer_bits = int(np.frexp(largest)[1])
    wanted = apply_values(through, sample)
    finite = np.isfinite(wanted)
    low, high = (float(end) for end in (wanted[finite].min(initial=0.0), wanted[finite].max(initial=0.0)))
    best: tuple[float, FixedType] | None = None
    for saved in range(-1, _SATURATING_STEPS):
        fixed = FixedType(signed, width_bits, width_bits - signed - (integer_bits - saved))
        # a pole is no error: the result saturates there
        got = np.clip(apply_values(through, fixed.decode(fixed.encode(sample[finite]))), low, high)
        error = float(np.mean((got - wanted[finite]) ** 2)) if got.size else 0.0
        if best is None or error < best[0]:
            best = (error, fixed)
    assert best is not None
    return best[1]
