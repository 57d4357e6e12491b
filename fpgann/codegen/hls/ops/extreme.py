# SPDX-License-Identifier: Apache-2.0
"""Element-wise maximum and minimum."""

from __future__ import annotations

from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, aligned_elements
from fpgann.ir.ops.extreme import Extreme
from fpgann.numerics.interval import CodeRange


@EMITTERS.register(Extreme)
def write_extreme(writer: LayerWriter, op: Extreme) -> None:
    """One comparison after another."""
    assert op.alignment is not None
    ranges = op.alignment.ranges([array.codes for array in writer.layer.operands])
    kind, choose = type_of(CodeRange.hull(ranges)), "larger_of" if op.greatest else "smaller_of"
    with aligned_elements(writer, op.alignment) as (elements, place):
        writer.code.let(kind, "best0", f"fpgann::narrow<{kind}>({elements[0]})")
        for position, element in enumerate(elements[1:]):
            writer.code.let(kind, f"best{position + 1}", f"fpgann::{choose}<{kind}>(best{position}, {element})")
        last = f"fpgann::narrow<{writer.acc_kind}>(best{len(elements) - 1})"
        writer.store(place, last)
