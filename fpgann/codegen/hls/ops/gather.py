# SPDX-License-Identifier: Apache-2.0
"""Elements taken at computed positions."""

from __future__ import annotations

from fpgann.codegen.hls.loops import broadcast_strides, strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, joined
from fpgann.ir.ops.gather import Gather


@EMITTERS.register(Gather)
def write_gather(writer: LayerWriter, op: Gather) -> None:
    """One access per element; negative positions count from the end."""
    del op
    writer.begin()
    shape = writer.operand_shape(0)
    outer, _, inner = strides_of(shape)
    nest = writer.over([[outer, 0, inner], broadcast_strides(writer.operand_shape(1), writer.shape)])
    with writer.element_loops(nest.loops):
        writer.code.let("int", "position", f"fpgann::subscript({writer.operand(1)}[{nest.places[1]}])")
        place = "position"
        if writer.operand_array(1).codes.signed:
            writer.code.let("int", "place", f"position < 0 ? position + {shape[1]} : position")
            place = "place"
        taken = place if shape[2] == 1 else f"{place} * {shape[2]}"
        writer.store(nest.places[2], f"{writer.operand(0)}[{joined(nest.places[0], taken)}]")
