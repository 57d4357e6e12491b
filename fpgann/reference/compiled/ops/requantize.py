# SPDX-License-Identifier: Apache-2.0
"""Requantization."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fpgann.errors import UnsupportedOperatorError
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.types import TensorType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.scalar_map import ScalarMap, Staircase
from fpgann.reference.compiled.carrier import FLOATS, Carrier, holds, largest
from fpgann.reference.compiled.kernel import FAST, Absorbed, Array, Compiled, Kernel, Operand, Pass, Run, bind_passes
from fpgann.reference.compiled.line import MANY_THRESHOLDS, Line, exact_line, fitted_line
from fpgann.reference.compiled.lookup import search, table
from fpgann.reference.compiled.product import Product

_NO_BIAS = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class Elementwise(Kernel):
    """Passes over one tensor.

    Args:
        passes: at least one.
        shape: of the tensor.
    """

    passes: tuple[Pass, ...]
    shape: tuple[int, ...]
    takes: tuple[Carrier, ...]
    gives: Carrier

    def bind(self, rows: int) -> Run:
        """Spread the constants."""
        apply = bind_passes(self.passes, rows, self.shape)

        def run(out: Array, x: Array) -> None:
            apply(out, x)

        return run


@FAST.register(Requantize)
def requantize(op: Requantize, result: TensorType, x: Operand) -> Compiled:
    """A line if there is one, behind a product as part of it; else a table or a search; a table of what lines give."""
    codes, several = x.type.codes.range, op.map.channels > 1
    if isinstance(op.map, Interpolation):
        return table(op.map, codes, op.axis, result.shape, x.carrier)
    if isinstance(x.maker, Product) and not x.maker.is_rounded and (op.axis == -1 or not several):
        product = _behind_product(op.map, codes, x.maker)
        if product is not None:
            return Absorbed(product)
    bound = largest(codes)
    for carrier in FLOATS:
        line = _line(op.map, codes, carrier, bound) if holds(carrier, bound) else None
        if line is not None:
            return Elementwise(line.passes(carrier, op.axis), result.shape, (carrier,), carrier)
    by_table = table(op.map, codes, op.axis, result.shape, x.carrier)
    if by_table is not None or several or not x.carrier.is_float:
        return by_table
    staircases = _staircases(op.map, codes)
    return None if staircases is None else search(staircases[0], x.carrier)


def _behind_product(scalar_map: ScalarMap, codes: CodeRange, product: Product) -> Product | None:
    """Product and staircase in one: the scale in the weights where that is exact, the bias in the offset."""
    for carrier in FLOATS:
        if not holds(carrier, product.bound):
            continue
        line = _line(scalar_map, codes, carrier, product.bound, product.bias)
        if line is not None:
            scaled = product.weights.astype(carrier.dtype)
            if line.is_exact:
                scaled = scaled * line.scale.astype(carrier.dtype)
            passes = line.passes(carrier, -1, is_scaled=line.is_exact)
            return replace(product, weights=scaled, carrier=carrier, passes=passes, is_rounded=True)
    return None


def _line(scalar_map: ScalarMap, codes: CodeRange, carrier: Carrier, bound: int, bias: Array = _NO_BIAS) -> Line | None:
    linear = scalar_map.linear
    line = None if linear is None else exact_line(linear, codes, bias, carrier, bound)
    if line is not None:
        return line
    staircases = _staircases(scalar_map, codes)
    return None if staircases is None else fitted_line(staircases, codes, bias, carrier)


def _staircases(scalar_map: ScalarMap, codes: CodeRange) -> tuple[Staircase, ...] | None:
    steps = scalar_map.rounder.high - scalar_map.rounder.low
    if scalar_map.channels * steps > MANY_THRESHOLDS:
        return None
    try:
        return tuple(scalar_map.staircase(c, codes.low, codes.high) for c in range(scalar_map.channels))
    except UnsupportedOperatorError:  # it rises and falls, or has more steps than can be listed
        return None
