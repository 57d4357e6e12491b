# SPDX-License-Identifier: Apache-2.0
"""Elements change places: wires, and adders where codes must be brought to one unit."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, aligned_nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.hardware.wiring import Wire, WiringKernel
from fpgann.ir import Node
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.arrange import Arrange
from fpgann.kernel.constant_multiplication import MatrixBuilder


@BUILDERS.register(Arrange)
def build_arrange(builder: DesignBuilder, node: Node) -> None:
    """Wires where alignment is a shift at most."""
    op = node.op
    assert isinstance(op, Arrange)
    alignment = op.alignment
    assert alignment is not None
    shifts = _shifts(alignment)
    if shifts is None:
        build_spatial(builder, node, lambda matrix, operands: _arranged(matrix, operands, op, alignment))
        return
    pool = [
        Wire(element, shift)
        for elements, shift in zip(builder.elements(node), shifts, strict=True)
        for element in elements
    ]
    pool += [Wire(None, constant=int(constant)) for constant in op.constants.reshape(-1)]
    wires = tuple(pool[i] for i in op.index.reshape(-1).tolist())
    codes = builder.graph.types[node.output].codes.range
    source = builder.sources(node)[0]
    if wires == tuple(Wire(i) for i in range(source.elements)) and source.codes == codes:
        builder.alias(node)
        return
    builder.add_stage([node], WiringKernel(wires), codes, latency_cycles=0)


def _shifts(alignment: Alignment) -> list[int] | None:
    """The left shift of each operand, if that is all the alignment does."""
    shifts = []
    for coefficients, constants in zip(alignment.coefficients, alignment.constants, strict=True):
        factor = int(coefficients.reshape(-1)[0])
        if factor <= 0 or factor & (factor - 1) or np.any(coefficients != factor) or np.any(constants != 0):
            return None
        shifts.append(factor.bit_length() - 1)
    return shifts


def _arranged(matrix: MatrixBuilder, operands: list[Nodes], op: Arrange, alignment: Alignment) -> Nodes:
    constants = [matrix.builder.constant(int(constant)) for constant in op.constants.reshape(-1)]
    aligned = [nodes.reshape(-1) for nodes in aligned_nodes(matrix, operands, alignment)]
    pool = np.concatenate([*aligned, np.array(constants, np.int64)])
    return pool[op.index]
