# SPDX-License-Identifier: Apache-2.0
"""Transpose: wires."""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.tables import BUILDERS
from fpgann.hardware.wiring import Wire, WiringKernel
from fpgann.ir import Node
from fpgann.ir.ops.transpose import Transpose


@BUILDERS.register(Transpose)
def build_transpose(builder: DesignBuilder, node: Node) -> None:
    """A stage of wires, or nothing where the order of elements stays."""
    op = node.op
    assert isinstance(op, Transpose)
    shape = builder.graph.types[node.inputs[0]].shape
    order = np.arange(prod(shape)).reshape(shape).transpose(op.permutation).reshape(-1)
    if np.array_equal(order, np.arange(order.size)):
        builder.alias(node)
        return
    codes = builder.streams[node.inputs[0]].codes
    builder.add_stage([node], WiringKernel(tuple(Wire(int(i)) for i in order)), codes, latency_cycles=0)
