# SPDX-License-Identifier: Apache-2.0
"""The functions of the table on float64 arrays, to within a few units in the last place.

The meaning of real-valued graphs: it samples values and measures errors. It decides no code.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from fpgann.numerics.functions import TABLE, Function
from fpgann.numerics.integers import FloatArray

_ERF = np.vectorize(math.erf, otypes=[np.float64])
_ERFC = np.vectorize(math.erfc, otypes=[np.float64])


class Floats:
    """Elementary functions of float64 arrays."""

    @staticmethod
    def number(value: Fraction) -> float:
        """The nearest float64; infinite beyond all of them."""
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf

    @staticmethod
    def pi() -> float:
        """The circle's number."""
        return math.pi

    exp, expm1, log, sqrt, tanh = np.exp, np.expm1, np.log, np.sqrt, np.tanh
    floor, power, round = np.floor, np.power, np.round
    erf, erfc = _ERF, _ERFC

    @staticmethod
    def sigmoid(x: FloatArray) -> FloatArray:
        """1 / (1 + exp(-x)), with all digits of small results too."""
        tail = np.exp(-np.abs(x))
        return np.asarray(np.where(x < 0, tail, 1.0) / (1.0 + tail))

    @staticmethod
    def softplus(x: FloatArray) -> FloatArray:
        """log(1 + exp(x))."""
        return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))

    @staticmethod
    def clip(x: FloatArray, low: float, high: float) -> FloatArray:
        """The upper limit wins where they are crossed."""
        return np.minimum(np.maximum(x, low), high)


def evaluate_floats(function: Function, x: FloatArray, *parameters: FloatArray) -> FloatArray:
    """A function on every element.

    Args:
        function: which one.
        x: float64 of any shape.
        parameters: float64, in the order of the table, shapes that broadcast to x.

    Returns:
        float64 of x's shape; infinite where the function has a pole.
    """
    x = np.asarray(x, np.float64) + 0.0  # no negative zero, whose reciprocal would be negative
    if all(parameter.size == 1 for parameter in parameters):
        return _evaluate(function, x, tuple(float(parameter.reshape(())) for parameter in parameters))
    rows = np.stack(np.broadcast_arrays(*parameters), axis=-1)
    distinct, index = np.unique(rows.reshape(-1, rows.shape[-1]), axis=0, return_inverse=True)
    which = np.broadcast_to(index.reshape(rows.shape[:-1]), x.shape)
    result = np.empty_like(x)
    for number, row in enumerate(distinct):
        chosen = which == number
        result[chosen] = _evaluate(function, x[chosen], tuple(float(v) for v in row))
    return result


def _evaluate(function: Function, x: FloatArray, parameters: tuple[float, ...]) -> FloatArray:
    definition = TABLE[function]
    exact = tuple(Fraction(parameter) for parameter in parameters)
    least = definition.domain(*exact)
    if least is not None:
        x = np.maximum(x, float(least))
    breaks = definition.breaks(*exact)
    result = np.empty_like(x)
    with np.errstate(all="ignore"):
        result[...] = definition.pieces[-1].formula(Floats, x, *parameters)
        for piece, end in reversed(tuple(zip(definition.pieces, breaks, strict=False))):
            at = Floats.number(end.at)
            inside = x <= at if end.left else x < at
            result[inside] = piece.formula(Floats, x[inside], *parameters)
    return result
