# SPDX-License-Identifier: Apache-2.0
"""Positions of maxima and minima."""

from __future__ import annotations

from fpgann.codegen.hls.loops import place, strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, joined
from fpgann.ir.ops.arg_extreme import ArgExtreme


@EMITTERS.register(ArgExtreme)
def write_arg_extreme(writer: LayerWriter, op: ArgExtreme) -> None:
    """One comparison after another; of equal elements the first wins, or the last."""
    writer.begin()
    shape = writer.operand_shape(0)
    strides = strides_of(shape)
    size, stride = shape[op.axis], strides[op.axis]
    outer = writer.over([[0 if axis == len(shape) + op.axis else s for axis, s in enumerate(strides)]])
    kind = writer.operand_array(0).kind
    with writer.outer_loops(outer.loops):
        source = writer.operand(0)
        writer.code.line(f"{kind} best = {source}[{outer.places[0]}];")
        writer.code.line("int position = 0;")
        with writer.element_loops([("entry", size)]):
            element = f"{source}[{joined(outer.places[0], place([('entry', stride)]))}]"
            writer.code.let(kind, "element", element)
            writer.code.let("bool", "wins", f"element {'>' if op.greatest else '<'}{'=' if op.last else ''} best")
            writer.code.line("best = wins ? element : best;")
            writer.code.line("position = wins ? entry : position;")
        writer.store(outer.places[-1], f"fpgann::narrow<{writer.acc_kind}>(position)")
