# SPDX-License-Identifier: Apache-2.0
"""Dense layers and, with windows in front of them, convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.loops import place
from fpgann.codegen.hls.ops.windows import gather
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange


@EMITTERS.register(Dense)
def write_dense(writer: LayerWriter, op: Dense) -> None:
    """Sums over the inputs, for every row of a tensor or every position of a window."""
    code = writer.code
    weight = op.weight.data
    inputs, outputs = int(weight.shape[0]) * op.groups, int(weight.shape[1])
    if not op.loadable:
        _write_weights(writer, weight)
        if op.bias is not None:
            writer.constant("bias", op.bias.data, "one an output")
    writer.begin()
    schedule = writer.layer.schedule
    is_array = not writer.unrolled and schedule.pe > 0 and op.groups == 1
    pe, simd = (schedule.pe, schedule.simd) if is_array else (outputs, 1)
    if not op.loadable:
        _store_weights(writer, pe, simd)
    entering = _entering(writer)
    code.line(f"using sum_t = {type_of(_sums(op, entering))};")
    code.line(f"using product_t = {type_of(_products(op, entering))};")
    windows = writer.layer.windows
    if windows is not None:
        assert isinstance(windows.op, Windows)
        shape = writer.graph.types[windows.inputs[0]].shape
        kind = type_of(entering)
        with gather(writer, windows.op, shape, (kind, "window")) as position:
            _row(writer, op, _Row("window", "", position, pe, simd))
        return
    rows = prod(writer.shape[:-1])
    if rows == 1:
        _row(writer, op, _Row(writer.operand(0), "", "0", pe, simd))
        return
    with code.loop("row", rows, *(("UNROLL",) if writer.unrolled else ())):
        _row(writer, op, _Row(writer.operand(0), f"row * {inputs}", "row", pe, simd))


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of inputs.

    Args:
        source: the array it lies in.
        start: where it starts there; empty for the beginning.
        number: which row of the result it becomes.
        pe: neurons side by side.
        simd: multipliers of a neuron.
    """

    source: str
    start: str
    number: str
    pe: int
    simd: int

    def at(self, terms: list[tuple[str, int]]) -> str:
        """An element of the row."""
        return f"{self.source}[{' + '.join(part for part in (self.start, place(terms)) if part)}]"


def _row(writer: LayerWriter, op: Dense, row: _Row) -> None:
    groups = int(op.weight.data.shape[1]) // row.pe
    if groups == 1:
        _sum(writer, op, row, "")
        return
    with writer.code.loop("group", groups):
        _sum(writer, op, row, f"group * {row.pe}")


def _sum(writer: LayerWriter, op: Dense, row: _Row, first: str) -> None:
    """The sums of neurons side by side; `first` is the output of the first of them."""
    code = writer.code
    inputs, outputs = (int(size) for size in op.weight.data.shape)
    output = f"{first} + neuron" if first else "neuron"
    code.line(f"sum_t sums[{row.pe}];")
    code.pragma("ARRAY_PARTITION variable=sums complete")
    with code.loop("neuron", row.pe, "UNROLL"):
        bias = "0" if op.bias is None else f"{writer.layer.name}_bias[{output}]"
        code.line(f"sums[neuron] = fpgann::narrow<sum_t>({bias});")
    if row.simd == 1:
        with code.loop("input", inputs, *writer.inner):
            _neurons(writer, op, row, "input", output)
    else:
        with code.loop("fold", inputs // row.simd, *writer.inner), code.loop("lane", row.simd, "UNROLL"):
            _neurons(writer, op, row, f"fold * {row.simd} + lane", output)
    with code.loop("neuron", row.pe, "UNROLL"):
        number = f"({row.number})" if " " in row.number else row.number
        start = "" if number == "0" else f"{number} * {outputs} + "
        code.let(writer.acc_kind, "total", f"fpgann::narrow<{writer.acc_kind}>(sums[neuron])")
        writer.store(f"{start}{output}", "total", channel=output)


def _neurons(writer: LayerWriter, op: Dense, row: _Row, tap: str, output: str) -> None:
    """Every neuron takes one input; with groups, each the input of its own group."""
    code = writer.code
    inputs, outputs = (int(size) for size in op.weight.data.shape)
    with code.loop("neuron", row.pe, "UNROLL"):
        if op.groups == 1:
            element = row.at([(tap, 1)])
        else:
            members = outputs // op.groups
            group = "neuron" if members == 1 else f"(neuron / {members})"
            element = row.at([(group, inputs), (tap, 1)])
        weight = _weight(writer, f"[{tap}][{output}]")
        code.let("product_t", "product", f"fpgann::product<product_t>({element}, {weight})")
        writer.bind_product("product")
        code.line("sums[neuron] = fpgann::sum<sum_t>(sums[neuron], product);")


def _write_weights(writer: LayerWriter, weight: IntArray) -> None:
    """The weights, or their indices in a code book; all types are signed, so index 0 is the least signed number."""
    values = writer.layer.schedule.values
    if not values:
        writer.constant("weights", weight, "input by output")
        return
    indices = np.searchsorted(np.array(values), weight) - _first_index(values)
    writer.constant("weights", indices, f"input by output: indices of the book, which begin at {-_first_index(values)}")
    writer.constant("book", np.array(values), "what weights can be")


def _first_index(values: Sequence[int]) -> int:
    """Minus the index that stands for the least value."""
    return 1 << max(0, (len(values) - 1).bit_length() - 1)


def _weight(writer: LayerWriter, place: str) -> str:
    """A weight as an expression."""
    name, values = writer.layer.name, writer.layer.schedule.values
    stored = f"{name}_weights{place}"
    return f"{name}_book[{stored} + {_first_index(values)}]" if values else stored


def _store_weights(writer: LayerWriter, pe: int, simd: int) -> None:
    name = f"{writer.layer.name}_weights"
    if writer.unrolled:
        writer.code.pragma(f"ARRAY_PARTITION variable={name} complete dim=0")
        return
    writer.store_constant(name)
    if writer.layer.schedule.values:
        writer.code.pragma(f"ARRAY_PARTITION variable={writer.layer.name}_book complete")
    for dim, factor in ((1, simd), (2, pe)):
        if factor > 1:
            writer.code.pragma(f"ARRAY_PARTITION variable={name} cyclic factor={factor} dim={dim}")


def _entering(writer: LayerWriter) -> CodeRange:
    """Codes of the inputs: of the windows if there are any."""
    windows = writer.layer.windows
    return writer.operand_array(0).codes if windows is None else writer.graph.types[windows.output].codes.range


def _products(op: Dense, codes: CodeRange) -> CodeRange:
    """Products, and what machine integers need to multiply."""
    if op.loadable:
        assert op.weight.encoding is not None
        weights = op.weight.encoding.range
    else:
        weights = CodeRange(int(op.weight.data.min()), int(op.weight.data.max()))
    weights = weights.union(CodeRange(-1, 0))
    return codes.times(weights).union(codes).union(weights)


def _sums(op: Dense, codes: CodeRange) -> CodeRange:
    """All partial sums, in whatever order the products are added."""
    products = _products(op, codes)
    if op.loadable:
        assert op.bias is not None
        assert op.bias.encoding is not None
        zero = CodeRange(0, 0)
        return products.scaled(op.weight.data.shape[0]).union(zero) + op.bias.encoding.range.union(zero)
    weight = op.weight.data
    at_low, at_high = weight.astype(object) * codes.low, weight.astype(object) * codes.high
    bias = np.zeros(weight.shape[1], object) if op.bias is None else op.bias.data.astype(object)
    least = np.minimum(np.minimum(at_low, at_high), 0).sum(axis=0) + np.minimum(bias, 0)
    greatest = np.maximum(np.maximum(at_low, at_high), 0).sum(axis=0) + np.maximum(bias, 0)
    return CodeRange(int(least.min()), int(greatest.max())).union(products)
