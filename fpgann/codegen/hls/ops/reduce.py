# SPDX-License-Identifier: Apache-2.0
"""Sums, maxima and minima over axes."""

from __future__ import annotations

from fpgann.codegen.hls.literals import literal, type_of
from fpgann.codegen.hls.loops import nest, strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, joined
from fpgann.ir.ops.reduce import Reduce, Reduction

_COMBINE = {Reduction.SUM: "sum", Reduction.MAXIMUM: "larger_of", Reduction.MINIMUM: "smaller_of"}


@EMITTERS.register(Reduce)
def write_reduce(writer: LayerWriter, op: Reduce) -> None:
    """All elements along the axes, one after another."""
    writer.begin()
    shape, codes = writer.operand_shape(0), writer.operand_array(0).codes
    strides = strides_of(shape)
    rank = len(shape)
    reduced = [axis + rank for axis in op.axes]
    kept = [0 if axis in reduced else stride for axis, stride in enumerate(strides)]
    outer = writer.over([kept])
    inner = nest([shape[axis] for axis in reduced], [[strides[axis] for axis in reduced]], first=len(outer.loops))
    start = {Reduction.SUM: 0, Reduction.MAXIMUM: codes.low, Reduction.MINIMUM: codes.high}[op.reduction]
    reach = codes if op.reduction is not Reduction.SUM else codes.union(writer.codes)
    kind = type_of(reach)
    with writer.outer_loops(outer.loops):
        writer.code.line(f"{kind} total = fpgann::narrow<{kind}>({literal(start)});")
        with writer.element_loops(inner.loops):
            element = f"{writer.operand(0)}[{joined(outer.places[0], inner.places[0])}]"
            writer.code.line(f"total = fpgann::{_COMBINE[op.reduction]}<{kind}>(total, {element});")
        writer.store(outer.places[-1], f"fpgann::narrow<{writer.acc_kind}>(total)")
