# SPDX-License-Identifier: Apache-2.0
"""Products of computed tensors: one multiplier per element."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial, centred_nodes
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.multiply import Multiply
from fpgann.kernel.constant_multiplication import MatrixBuilder


@BUILDERS.register(Multiply)
def build_multiply(builder: DesignBuilder, node: Node) -> None:
    """Zero points are subtracted first."""
    op = node.op
    assert isinstance(op, Multiply)
    codes = builder.graph.types[node.output].codes.range

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        x, y = np.broadcast_arrays(*centred_nodes(matrix, operands, op.zeros))
        pairs = zip(x.reshape(-1).tolist(), y.reshape(-1).tolist(), strict=True)
        values = [matrix.builder.multiply(a, b, codes=codes) for a, b in pairs]
        return np.array(values, np.int64).reshape(x.shape)

    build_spatial(builder, node, compute)
