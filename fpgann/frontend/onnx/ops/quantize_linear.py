# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear, of ONNX and of onnxruntime.

Between the two a model holds integers. In the graph a quantizer yields the real numbers on its grid; the integers
are those numbers divided by the scale, plus the zero point, and DequantizeLinear takes that back. Lines that cancel
leave nothing behind (fpgann/passes/lowering.py), so whatever lies between them works on the quantizer's own codes.
"""

from __future__ import annotations

import numpy as np
import onnx_ir

from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.integer_types import INTEGER_TYPES, IntegerType, integers_of
from fpgann.frontend.onnx.linear_grid import LinearGrid, integer_data, integer_type, named_type, read_grid
from fpgann.frontend.onnx.tables import FOLDERS, IMPORTERS, STANDARD, Site
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.rounding import Rounding

MICROSOFT = "com.microsoft"
_QUANTIZE = [(domain, "QuantizeLinear") for domain in (STANDARD, MICROSOFT)]
_DEQUANTIZE = [(domain, "DequantizeLinear") for domain in (STANDARD, MICROSOFT)]
_ONE = np.ones(())


@IMPORTERS.register(*_QUANTIZE)
def import_quantize_linear(site: Site) -> None:
    """Integers of computed numbers."""
    grid = _grid(site, _result_type(site), site.shape(0))
    deliver_integers(site, grid, site.value(0))


@FOLDERS.register(*_QUANTIZE)
def fold_quantize_linear(site: Site) -> Known:
    """Integers of constants."""
    values = site.known(0, "input").reals
    kind = _result_type(site)
    integers = _grid(site, kind, values.shape).quantized(values)
    return Known(integers.astype(kind.name.lower() if kind.high > 127 or kind.low < -8 else np.int8))


@IMPORTERS.register(*_DEQUANTIZE)
def import_dequantize_linear(site: Site) -> None:
    """The real numbers that computed integers stand for."""
    grid = _grid(site, _operand_type(site), site.shape(0))
    if is_plain(grid):
        site.alias(site.value(0))
    else:
        site.deliver(reals_of(grid), site.value(0))


@FOLDERS.register(*_DEQUANTIZE)
def fold_dequantize_linear(site: Site) -> Known:
    """The exact numbers that constant integers stand for; they stay codes."""
    integers = integer_data(site.known(0, "input"), "input")
    return Known.coded(_grid(site, _operand_type(site), integers.shape).dequantized(integers))


@IMPORTERS.register((STANDARD, "DynamicQuantizeLinear"))
def import_dynamic_quantize_linear(site: Site) -> None:
    """Refused: hardware knows its scales before it sees data."""
    site.refuse(
        "its scale depends on the data",
        "use static quantization (onnxruntime.quantization.quantize_static)",
    )


def deliver_integers(site: Site, grid: LinearGrid, value: str) -> None:
    """Quantize a value; its integers are the node's result.

    An output of the model gets them as they are, zero point included; elsewhere codes without zero point do.
    """
    delivered = site.node.outputs[0].is_graph_output()
    if delivered and np.unique(grid.zero_point).size > 1:
        _deliver_shifted(site, grid, value)
        return
    zero = grid.common_zero_point
    kept = zero if delivered and zero % 2 == 0 else 0  # adding an even number commutes with rounding to even
    low, high = grid.type.low - zero + kept, grid.type.high - zero + kept
    op = Quantize(grid.scale, np.asarray(float(kept)), low, high, Rounding.RND_CONV)
    if is_plain(grid):
        site.deliver(op, value)
        return
    on_grid = site.apply(op, value, "codes")
    integers = Affine(_ONE, grid.scale, np.asarray(float(zero)))
    if delivered:
        site.deliver(integers_of(grid.type), site.apply(integers, on_grid, "integers"))
    else:
        site.deliver(integers, on_grid)


def _deliver_shifted(site: Site, grid: LinearGrid, value: str) -> None:
    """Integers whose zero points differ between channels: rounded first, then shifted and kept within the type."""
    low, high = grid.type.low - int(grid.zero_point.max()), grid.type.high - int(grid.zero_point.min())
    on_grid = site.apply(Quantize(grid.scale, np.zeros(()), low, high, Rounding.RND_CONV), value, "codes")
    integers = Affine(_ONE, grid.scale, grid.zero_point.astype(np.float64))
    site.deliver(integers_of(grid.type), site.apply(integers, on_grid, "integers"))


def is_plain(grid: LinearGrid) -> bool:
    """Whether the integers are the real numbers themselves."""
    return bool(np.all(grid.scale == 1) and np.all(grid.zero_point == 0))


def reals_of(grid: LinearGrid) -> Affine:
    """From integers to the real numbers they stand for."""
    return Affine(grid.scale, _ONE, np.asarray(-grid.zero_point * grid.scale))


def _grid(site: Site, kind: IntegerType, shape: tuple[int, ...]) -> LinearGrid:
    if site.integer("block_size", 0):
        raise UnsupportedOperatorError(
            f"it quantizes in blocks of {site.integer('block_size', 0)}",
            hint="quantize per tensor or per channel (block_size = 0)",
        )
    return read_grid(site, 1, 2, kind, shape, site.integer("axis", 1))


def _result_type(site: Site) -> IntegerType:
    """The type of a quantizer: that of its zero point, or its attribute, or uint8."""
    stated = site.integer("output_dtype", 0)
    return integer_type(site, 2) or (named_type(onnx_ir.DataType(stated)) if stated else INTEGER_TYPES["UINT8"])


def _operand_type(site: Site) -> IntegerType:
    """The type of integers that are to be scaled; the widest where nothing says what it is."""
    return integer_type(site, 2) or integer_type(site, 0) or INTEGER_TYPES["INT32"]
