# SPDX-License-Identifier: Apache-2.0
"""Matrix products of two computed tensors."""

from __future__ import annotations

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.loops import broadcast_strides, nest, place
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, centred, joined
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.numerics.interval import CodeRange


@EMITTERS.register(MatrixProduct)
def write_matrix_product(writer: LayerWriter, op: MatrixProduct) -> None:
    """Row by column."""
    writer.begin()
    left, right, shape = writer.operand_shape(0), writer.operand_shape(1), writer.shape
    rows, columns, depth = shape[-2], shape[-1], left[-1]
    leading = [*shape[:-2], 1, 1]
    strides = [broadcast_strides((*s[:-2], 1, 1), leading) for s in (left, right)]
    sizes = (rows * depth, depth * columns)
    scaled = [[s * size for s in row] for row, size in zip(strides, sizes, strict=True)]
    result = [s * rows * columns for s in broadcast_strides(leading, leading)]
    outer = nest(leading, [*scaled, result])
    with writer.outer_loops([*outer.loops, ("row", rows), ("column", columns)]):
        at = joined(outer.places[2], place([("row", columns), ("column", 1)]))
        elements = (
            f"{writer.operand(0)}[{joined(outer.places[0], place([('row', depth), ('inner', 1)]))}]",
            f"{writer.operand(1)}[{joined(outer.places[1], place([('inner', columns), ('column', 1)]))}]",
        )
        ends = [centred(writer, i, elements[i], zero) for i, zero in enumerate(op.zeros)]
        reach = ends[0][1].times(ends[1][1])
        sums = reach.scaled(depth).union(CodeRange.hull([writer.codes, reach, ends[0][1], ends[1][1]]))
        kind = type_of(sums.union(CodeRange(0, 0)))
        writer.code.line(f"{kind} total = fpgann::narrow<{kind}>(0);")
        with writer.element_loops([("inner", depth)]):
            writer.code.let(kind, "product", f"fpgann::product<{kind}>({ends[0][0]}, {ends[1][0]})")
            writer.bind_product("product")
            writer.code.line(f"total = fpgann::sum<{kind}>(total, product);")
        writer.store(at, f"fpgann::narrow<{writer.acc_kind}>(total)")
