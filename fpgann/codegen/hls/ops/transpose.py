# SPDX-License-Identifier: Apache-2.0
"""Permutation of axes."""

from __future__ import annotations

from fpgann.codegen.hls.loops import strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.ir.ops.transpose import Transpose


@EMITTERS.register(Transpose)
def write_transpose(writer: LayerWriter, op: Transpose) -> None:
    """Element by element."""
    writer.begin()
    strides = strides_of(writer.operand_shape(0))
    nest = writer.over([[strides[axis] for axis in op.permutation]])
    with writer.element_loops(nest.loops):
        writer.store(nest.places[-1], f"{writer.operand(0)}[{nest.places[0]}]")
