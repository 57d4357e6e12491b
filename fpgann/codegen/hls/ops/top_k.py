# SPDX-License-Identifier: Apache-2.0
"""The greatest or least elements along an axis."""

from __future__ import annotations

from fpgann.codegen.hls.loops import nest, place, strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, joined
from fpgann.ir.ops.top_k import TopK


@EMITTERS.register(TopK)
def write_top_k(writer: LayerWriter, op: TopK) -> None:
    """Every element counts those that come before it, and so knows its own place."""
    writer.begin()
    code, shape = writer.code, writer.operand_shape(0)
    axis = len(shape) + op.axis
    strides, result = strides_of(shape), strides_of(writer.shape)
    others = [1 if position == axis else size for position, size in enumerate(shape)]
    outer = nest(others, [strides, result])
    source, kind = writer.operand(0), writer.operand_array(0).kind
    with writer.outer_loops(outer.loops):
        code.line(f"int order[{op.count}] = {{}};")
        code.pragma("ARRAY_PARTITION variable=order complete")
        with writer.outer_loops([("entry", shape[axis])]):
            code.let(kind, "element", f"{source}[{joined(outer.places[0], place([('entry', strides[axis])]))}]")
            code.line("int rank = 0;")
            with writer.element_loops([("other", shape[axis])]):
                code.let(kind, "rival", f"{source}[{joined(outer.places[0], place([('other', strides[axis])]))}]")
                code.let("bool", "is_better", f"rival {'>' if op.greatest else '<'} element")
                code.line("rank += is_better || (rival == element && other < entry) ? 1 : 0;")
            with code.braces(f"if (rank < {op.count})"):
                code.line("order[rank] = entry;")
        with writer.element_loops([("rank", op.count)]):
            value = f"fpgann::narrow<{writer.acc_kind}>(order[rank])"
            if not op.positions:
                taken = "order[rank]" if strides[axis] == 1 else f"order[rank] * {strides[axis]}"
                value = f"{source}[{joined(outer.places[0], taken)}]"
            writer.store(joined(outer.places[1], place([("rank", result[axis])])), value)
