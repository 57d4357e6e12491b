# SPDX-License-Identifier: Apache-2.0
"""Sums of computed tensors."""

from __future__ import annotations

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, aligned_elements
from fpgann.ir.ops.add import Add
from fpgann.numerics.interval import CodeRange


@EMITTERS.register(Add)
def write_add(writer: LayerWriter, op: Add) -> None:
    """One sum per element, in the unit of the alignment."""
    assert op.alignment is not None
    ranges = [writer.codes, *op.alignment.ranges([array.codes for array in writer.layer.operands])]
    partial = type_of(CodeRange(sum(min(0, r.low) for r in ranges), sum(max(0, r.high) for r in ranges)))
    with aligned_elements(writer, op.alignment) as (elements, place):
        value = elements[0]
        for position, element in enumerate(elements[1:]):
            if position:
                writer.code.let(partial, f"sum{position}", value)
                value = f"sum{position}"
            value = f"fpgann::sum<{partial}>({value}, {element})"
        writer.code.let(writer.acc_kind, "total", f"fpgann::narrow<{writer.acc_kind}>({value})")
        writer.store(place, "total")
