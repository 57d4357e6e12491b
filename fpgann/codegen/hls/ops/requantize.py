# SPDX-License-Identifier: Apache-2.0
"""Staircases that stand alone."""

from __future__ import annotations

from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.ir.ops.requantize import Requantize


@EMITTERS.register(Requantize)
def write_requantize(writer: LayerWriter, op: Requantize) -> None:
    """The staircase of its channel on every element."""
    writer.begin()
    inner_channels = op.map.channels if op.axis == -1 else 1
    loops = [("i", writer.layer.result.elements)]
    if inner_channels > 1:
        loops = [("i", writer.layer.result.elements // inner_channels), ("channel", inner_channels)]
    loops = [(variable, count) for variable, count in loops if count > 1]
    place = " + ".join(
        f"i * {inner_channels}" if variable == "i" and inner_channels > 1 else variable for variable, _ in loops
    )
    with writer.element_loops(loops):
        channel = "channel" if inner_channels > 1 else None
        writer.store(place or "0", f"{writer.operand(0)}[{place or '0'}]", channel=channel)
