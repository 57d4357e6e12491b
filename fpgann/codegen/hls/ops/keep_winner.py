# SPDX-License-Identifier: Apache-2.0
"""The order of a softmax."""

from __future__ import annotations

from fpgann.codegen.hls.literals import literal, type_of
from fpgann.codegen.hls.loops import nest, place, strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, joined
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.numerics.interval import CodeRange


@EMITTERS.register(KeepWinner)
def write_keep_winner(writer: LayerWriter, op: KeepWinner) -> None:
    """The largest of each group first; then losers stay one below the largest."""
    writer.begin()
    shape, code = writer.shape, writer.code
    strides = strides_of(shape)
    size, stride = shape[op.axis], strides[op.axis]
    outer = nest([1 if axis == len(shape) + op.axis else n for axis, n in enumerate(shape)], [strides])
    x, y = (writer.operand_array(index) for index in (0, 1))
    kind = type_of(x.codes.union(CodeRange(x.codes.low - 1, x.codes.high)).union(CodeRange(op.low, op.low)))
    with writer.outer_loops(outer.loops):
        element = joined(outer.places[0], place([("entry", stride)]))
        left, right = (f"{writer.operand(index)}[{element}]" for index in (0, 1))
        code.line(f"{x.kind} largest = {writer.operand(0)}[{outer.places[0]}];")
        code.line(f"{y.kind} greatest = {writer.operand(1)}[{outer.places[0]}];")
        with writer.element_loops([("entry", size)]):
            code.line(f"largest = fpgann::larger_of<{x.kind}>(largest, {left});")
            code.line(f"greatest = fpgann::larger_of<{y.kind}>(greatest, {right});")
        code.let(kind, "below", f"fpgann::difference<{kind}>(largest, 1)")
        code.let(kind, "limit", f"fpgann::larger_of<{kind}>(below, {literal(op.low)})")
        with writer.element_loops([("entry", size)]):
            code.let(kind, "kept", f"fpgann::narrow<{kind}>({left})")
            code.let(kind, "limited", f"fpgann::smaller_of<{kind}>(kept, limit)")
            writer.store(element, f"fpgann::choose<{writer.acc_kind}>({right} == greatest, kept, limited)")
