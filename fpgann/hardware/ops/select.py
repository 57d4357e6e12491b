# SPDX-License-Identifier: Apache-2.0
"""Choice by a condition: multiplexers."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, aligned_nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.select import Select
from fpgann.kernel.constant_multiplication import MatrixBuilder


@BUILDERS.register(Select)
def build_select(builder: DesignBuilder, node: Node) -> None:
    """One multiplexer per element."""
    op = node.op
    assert isinstance(op, Select)
    alignment = op.alignment
    assert alignment is not None

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        condition, x, y = np.broadcast_arrays(operands[0], *aligned_nodes(matrix, operands[1:], alignment))
        triples = zip(*(nodes.reshape(-1).tolist() for nodes in (condition, x, y)), strict=True)
        values = [matrix.builder.choose(*triple) for triple in triples]
        return np.array(values, np.int64).reshape(x.shape)

    build_spatial(builder, node, compute)
