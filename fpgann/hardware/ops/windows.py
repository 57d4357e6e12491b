# SPDX-License-Identifier: Apache-2.0
"""Sliding windows with everything side by side: wires."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.tables import BUILDERS
from fpgann.hardware.wiring import Wire, WiringKernel
from fpgann.ir import Node
from fpgann.ir.ops.windows import Windows
from fpgann.reference.tables import ON_CODES

_PADDED = -1


@BUILDERS.register(Windows)
def build_windows(builder: DesignBuilder, node: Node) -> None:
    """A stage of wires, or nothing where each window sees one element and none is left out."""
    op = node.op
    assert isinstance(op, Windows)
    shape = builder.graph.types[node.inputs[0]].shape
    elements = np.arange(prod(shape)).reshape(1, *shape)
    seen = ON_CODES[Windows](replace(op, fill=_PADDED), elements).reshape(-1)
    if np.array_equal(seen, elements.reshape(-1)):
        builder.alias(node)
        return
    padded = Wire(None, constant=int(op.fill))
    pool = [*map(Wire, range(elements.size)), padded]  # the last is at index -1
    wires = tuple(pool[element] for element in seen.tolist())
    builder.add_stage([node], WiringKernel(wires), builder.graph.types[node.output].codes.range, latency_cycles=0)
