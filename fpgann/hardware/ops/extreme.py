# SPDX-License-Identifier: Apache-2.0
"""Element-wise maximum and minimum: comparators."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, aligned_nodes, build_spatial, tree
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.extreme import Extreme
from fpgann.kernel.constant_multiplication import MatrixBuilder


@BUILDERS.register(Extreme)
def build_extreme(builder: DesignBuilder, node: Node) -> None:
    """A tree of comparators per element."""
    op = node.op
    assert isinstance(op, Extreme)
    alignment = op.alignment
    assert alignment is not None

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        aligned = np.broadcast_arrays(*aligned_nodes(matrix, operands, alignment))
        columns = zip(*(nodes.reshape(-1).tolist() for nodes in aligned), strict=True)
        values = [
            tree(list(column), lambda a, b: matrix.builder.extreme(a, b, greatest=op.greatest)) for column in columns
        ]
        return np.array(values, np.int64).reshape(aligned[0].shape)

    build_spatial(builder, node, compute)
