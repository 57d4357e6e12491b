# SPDX-License-Identifier: Apache-2.0
"""Types that lose as little of given samples as a width allows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fpgann.errors import ModelError
from fpgann.ir import Graph
from fpgann.numerics.fixed import FixedType, Precision
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.rounding import Rounding
from fpgann.passes.calibrate import Plan
from fpgann.passes.quantize import quantization_points


def widest_plan(graph: Graph, samples: Mapping[str, FloatArray], width_bits: int) -> Plan:
    """A type of the full width for every value that the model leaves real: none of its samples saturates, and functions
    are rounded correctly.

    Args:
        graph: the real graph.
        samples: every value of it on all inputs that there will be.
        width_bits: width of every type, and of weights.

    Raises:
        ModelError: a value becomes infinite or undefined.
    """
    types = {}
    for point in quantization_points(graph):
        data = samples[point.value]
        if not np.all(np.isfinite(data)):
            raise ModelError("it becomes infinite or undefined on its inputs", where=f"value '{point.value}'")
        types[point.value] = Precision(covering_type(data, width_bits), Rounding.RND_CONV)
    return Plan(types, width_bits, exact_functions=True)


def covering_type(data: FloatArray, width_bits: int) -> FixedType:
    """The finest type of a width that holds all numbers, rounded."""
    signed = bool(np.any(data < 0))
    magnitude_bits = width_bits - signed
    largest = float(np.max(np.abs(data), initial=0.0))
    if largest == 0.0:
        return FixedType(signed, width_bits, magnitude_bits)
    frac = magnitude_bits - int(np.frexp(largest)[1])  # largest < 2**(magnitude_bits - frac)
    fixed = FixedType(signed, width_bits, frac)
    rounded_up = round(np.ldexp(largest, frac)) > fixed.range.high
    return FixedType(signed, width_bits, frac - 1) if rounded_up else fixed
