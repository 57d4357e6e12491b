# SPDX-License-Identifier: Apache-2.0
"""Resize with mode = linear: along each axis a matrix of constants, whose rows have at most two numbers.

Coordinates are computed as rational numbers, so that the weights are exact wherever a few bits hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, lcm

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import Site
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.types import Constant, Encoding
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange

_HALF = Fraction(1, 2)
_LARGEST_DENOMINATOR = 1 << 16
_MODES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
_SCALES, _SIZES = 2, 3


def interpolate(site: Site) -> None:
    """One product an axis that changes its size.

    Raises:
        UnsupportedOperatorError: an option asks for something else.
        MalformedModelError: sizes and scales do not fit the operand.
    """
    mode = site.text("coordinate_transformation_mode", "half_pixel")
    if mode not in _MODES:
        site.refuse(f"its coordinates are {mode:.40}", f"use one of {', '.join(_MODES)}")
    if site.integer("antialias", 0):
        site.refuse("it smooths what it shrinks (antialias = 1)", "resize with antialias = 0")
    if site.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        site.refuse("it keeps the aspect ratio", "give the sizes, with keep_aspect_ratio_policy = stretch")
    shape, value = site.shape(0), site.value(0)
    changed = [length for length in _lengths(site, shape) if length[1] != shape[length[0]] or length[2] != 1]
    for position, (axis, size, scale) in enumerate(changed):
        layer = Dense(_weights(_coordinates(mode, shape[axis], size, scale), shape[axis]))
        order = [*(i for i in range(len(shape)) if i != axis), axis]
        last = site.apply(Transpose(tuple(order)), value, f"last_{axis}")
        is_end = position == len(changed) - 1
        product = site.apply_layer(layer, last) if is_end else site.apply(layer, last, f"axis_{axis}")
        value = site.apply(Transpose(tuple(int(i) for i in np.argsort(order))), product, f"back_{axis}")
    site.alias(value)


def _lengths(site: Site, shape: Sequence[int]) -> list[tuple[int, int, Fraction]]:
    """Axes with their new size and the ratio of sizes."""
    given = site.integers("axes")
    axes = range(len(shape)) if given is None else [axis % len(shape) for axis in given]
    index = _SIZES if site.has(_SIZES) and site.known(_SIZES, "sizes").data.size else _SCALES
    numbers = site.known(index, "sizes" if index == _SIZES else "scales").data.reshape(-1).tolist()
    if len(numbers) != len(axes) or not all(number > 0 for number in numbers):
        raise MalformedModelError(f"sizes or scales {numbers} do not fit shape {list(shape)}")
    found = []
    for axis, number in zip(axes, numbers, strict=True):
        scale = Fraction(int(number), shape[axis]) if index == _SIZES else Fraction(number)
        found.append((axis, int(number) if index == _SIZES else floor(scale * shape[axis]), scale))
    return found


def _coordinates(mode: str, old: int, new: int, scale: Fraction) -> list[Fraction]:
    """Where each element of the result lies among those of the operand; formulas of the ONNX standard."""
    if mode == "align_corners":
        return [Fraction(i * (old - 1), max(1, new - 1)) for i in range(new)]
    if mode == "asymmetric":
        return [i / scale for i in range(new)]
    if mode == "pytorch_half_pixel" and new == 1:
        return [Fraction(0)]
    start = Fraction(0)
    if mode == "half_pixel_symmetric":
        start = Fraction(old, 2) * (1 - new / (scale * old))
    return [start + (i + _HALF) / scale - _HALF for i in range(new)]


def _weights(coordinates: Sequence[Fraction], old: int) -> Constant:
    """The matrix of shape (old, new); beyond an end its element counts."""
    matrix = np.zeros((old, len(coordinates)), object)
    for column, place in enumerate(coordinates):
        left = floor(place)
        for element, share in ((left, 1 - (place - left)), (left + 1, place - left)):
            matrix[min(max(element, 0), old - 1), column] += share
    unit = lcm(*(Fraction(share).denominator for share in matrix.flat))
    if unit > _LARGEST_DENOMINATOR:
        return Constant(matrix.astype(np.float64))
    codes = (matrix * unit).astype(np.int64)
    hull = CodeRange(0, int(codes.max()))
    if unit & (unit - 1) == 0:
        return Constant(codes, Encoding(FixedType.holding(hull, unit.bit_length() - 1), hull))
    return Constant(codes, Encoding(FixedType.holding(hull, 0), hull, (Fraction(1, unit),)))
