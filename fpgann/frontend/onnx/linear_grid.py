# SPDX-License-Identifier: Apache-2.0
"""Integers with a scale and a zero point, as QuantizeLinear, DequantizeLinear and their relatives have them.

Meaning (https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html): value = (integer - zero_point) * scale, and
integer = saturate(round_half_even(value / scale) + zero_point). The zero point is added after rounding, unlike in
QONNX: with an odd one, ties fall to the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import onnx_ir

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Array, Codes, Known
from fpgann.frontend.onnx.integer_types import BY_NUMPY, INTEGER_TYPES, IntegerType
from fpgann.frontend.onnx.quantizer import Quantizer
from fpgann.frontend.onnx.tables import Site
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.rounding import Rounding


@dataclass(frozen=True, slots=True, eq=False)
class LinearGrid:
    """A scale and a zero point, per tensor or per channel.

    Args:
        scale: positive float64; a scalar, or of a shape that broadcasts along one axis.
        zero_point: int64, likewise.
        type: type of the integers.
    """

    scale: FloatArray
    zero_point: IntArray
    type: IntegerType

    @property
    def common_zero_point(self) -> int:
        """The zero point of all channels.

        Raises:
            UnsupportedOperatorError: they have different ones.
        """
        zeros = np.unique(self.zero_point)
        if zeros.size > 1:
            raise UnsupportedOperatorError(
                "the zero points of computed numbers vary between channels",
                hint="quantize them with one zero point, or symmetrically",
            )
        return int(zeros[0])

    def quantized(self, values: FloatArray) -> Array:
        """The integers of constants, in exact arithmetic."""
        zero = self.zero_point
        low, high = int(self.type.low - zero.max()), int(self.type.high - zero.min())
        codes = Quantizer(self.scale, np.zeros(()), low, high, Rounding.RND_CONV).codes(values).codes
        return np.asarray(np.clip(codes + zero, self.type.low, self.type.high))

    def dequantized(self, integers: Array) -> Codes:
        """The exact numbers that constants stand for."""
        codes = integers.astype(np.int64) - self.zero_point
        scales, channel = np.unique(self.scale, return_inverse=True)
        zero = self.zero_point
        return Codes(
            codes,
            np.broadcast_to(channel.reshape(self.scale.shape), codes.shape),
            tuple(Fraction(float(scale)) for scale in scales),
            int(self.type.low - zero.max()),
            int(self.type.high - zero.min()),
        )


def read_grid(
    site: Site, scale: int | None, zero_point: int, kind: IntegerType, shape: tuple[int, ...], axis: int | None = None
) -> LinearGrid:
    """The grid that two constant operands of a node describe.

    Args:
        site: the node.
        scale: index of the operand that holds the scale; None if the operator knows only the scale 1.
        zero_point: index of the operand that holds the zero point; it may be left out.
        kind: type of the integers.
        shape: shape of the tensor that lies on the grid.
        axis: its channel axis, from the front; None if the operator knows no channels.

    Raises:
        UnsupportedOperatorError: scale or zero point are computed, or quantize in blocks.
        MalformedModelError: they do not fit the tensor.
    """
    scales = np.ones(()) if scale is None else site.known(scale, "scale").reals
    if not (scales.size and np.all(np.isfinite(scales)) and np.all(scales > 0)):
        raise UnsupportedOperatorError(
            "its scale must be positive",
            hint="a scale of zero means that the quantizer was never calibrated",
        )
    zeros = np.zeros((), np.int64)
    if site.has(zero_point):
        known = site.known(zero_point, "zero point").data
        if known.dtype.kind not in "iu":
            raise MalformedModelError("its zero point is no integer")
        zeros = known.astype(np.int64)
    if np.any((zeros < kind.low) | (zeros > kind.high)):
        raise MalformedModelError(f"its zero point does not fit into {kind.name}")
    return LinearGrid(
        np.asarray(_along(scales, shape, axis, "scale"), np.float64),
        np.asarray(_along(zeros, shape, axis, "zero point"), np.int64),
        kind,
    )


def integer_type(site: Site, index: int) -> IntegerType | None:
    """The type of an operand; None if it is left out or its type is not known.

    Raises:
        UnsupportedOperatorError: it is no integer type.
    """
    value = site.node.inputs[index] if index < len(site.node.inputs) else None
    if value is None or not site.has(index):
        return None
    declared = value.dtype if value.const_value is None else value.const_value.dtype
    if declared is not None:
        return named_type(declared)
    return BY_NUMPY.get(site.known(index, "operand").data.dtype) if site.is_known(index) else None


def named_type(declared: onnx_ir.DataType) -> IntegerType:
    """An integer type of ONNX.

    Raises:
        UnsupportedOperatorError: it is another type.
    """
    kind = INTEGER_TYPES.get(declared.name)
    if kind is None:
        raise UnsupportedOperatorError(
            f"it quantizes to {declared.name}, which is not supported",
            hint=f"quantize to integers: {', '.join(INTEGER_TYPES)}",
        )
    return kind


def integer_data(known: Known, role: str) -> Array:
    """A constant that must hold integers.

    Raises:
        MalformedModelError: it holds real numbers.
    """
    if known.data.dtype.kind not in "iu":
        raise MalformedModelError(f"its {role} must hold integers")
    return known.data


def _along(parameter: Array, shape: tuple[int, ...], axis: int | None, role: str) -> Array:
    """A scalar, or one number per channel in a shape that broadcasts against the tensor."""
    if parameter.size and np.all(parameter == parameter.reshape(-1)[0]) and parameter.ndim <= 1:
        return np.asarray(parameter.reshape(-1)[0])
    fits = parameter.ndim == len(shape) and all(p in (1, s) for p, s in zip(parameter.shape, shape, strict=True))
    if fits and parameter.ndim > 1 and axis is not None and sum(size > 1 for size in parameter.shape) <= 1:
        return parameter
    if parameter.ndim != 1:
        raise UnsupportedOperatorError(
            f"its {role} of shape {list(parameter.shape)} quantizes in blocks",
            hint="quantize per tensor or per channel (block_size = 0)",
        )
    if axis is None or not -len(shape) <= axis < len(shape) or shape[axis] != parameter.size:
        raise MalformedModelError(f"its {role} has {parameter.size} entries, which fit no axis of shape {list(shape)}")
    trailing = len(shape) - 1 - axis % len(shape)
    return parameter.reshape(parameter.shape + (1,) * trailing)
