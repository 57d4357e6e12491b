# SPDX-License-Identifier: Apache-2.0
"""Products of computed tensors."""

from __future__ import annotations

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, centred
from fpgann.ir.ops.multiply import Multiply
from fpgann.numerics.interval import CodeRange


@EMITTERS.register(Multiply)
def write_multiply(writer: LayerWriter, op: Multiply) -> None:
    """One product per element; zero points are subtracted first."""
    writer.begin()
    loops = writer.elementwise()
    with writer.element_loops(loops.loops):
        places = loops.places
        ends = [
            centred(writer, index, f"{writer.operand(index)}[{places[index]}]", zero)
            for index, zero in enumerate(op.zeros)
        ]
        kind = type_of(CodeRange.hull([writer.codes, ends[0][1], ends[1][1]]))
        writer.code.let(kind, "product", f"fpgann::product<{kind}>({ends[0][0]}, {ends[1][0]})")
        writer.bind_product("product")
        writer.store(places[-1], f"fpgann::narrow<{writer.acc_kind}>(product)")
