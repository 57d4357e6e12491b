# SPDX-License-Identifier: Apache-2.0
"""Comparisons."""

from __future__ import annotations

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, aligned_elements
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.numerics.interval import CodeRange

_SIGNS = {
    Relation.GREATER: "left > right",
    Relation.GREATER_EQUAL: "left >= right",
    Relation.EQUAL: "left == right",
    Relation.NOT_EQUAL: "left != right",
}


@EMITTERS.register(Compare)
def write_compare(writer: LayerWriter, op: Compare) -> None:
    """1 where the relation holds."""
    assert op.alignment is not None
    kind = type_of(CodeRange.hull(op.alignment.ranges([array.codes for array in writer.layer.operands])))
    with aligned_elements(writer, op.alignment) as (elements, place):
        for name, element in zip(("left", "right"), elements, strict=True):
            writer.code.let(kind, name, f"fpgann::narrow<{kind}>({element})")
        writer.code.let(writer.acc_kind, "holds", f"fpgann::choose<{writer.acc_kind}>({_SIGNS[op.relation]}, 1, 0)")
        writer.store(place, "holds")
