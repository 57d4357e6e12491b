# SPDX-License-Identifier: Apache-2.0
"""Choice by a condition."""

from __future__ import annotations

from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, aligned_elements
from fpgann.ir.ops.select import Select


@EMITTERS.register(Select)
def write_select(writer: LayerWriter, op: Select) -> None:
    """One of two elements."""
    assert op.alignment is not None
    with aligned_elements(writer, op.alignment, first=1) as (elements, place):
        condition, left, right = elements
        writer.code.let("bool", "chosen", f"{condition} != 0")
        writer.code.let(writer.acc_kind, "value", f"fpgann::choose<{writer.acc_kind}>(chosen, {left}, {right})")
        writer.store(place, "value")
