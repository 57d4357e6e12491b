# SPDX-License-Identifier: Apache-2.0
"""Matrix products of two computed tensors: multipliers and adder trees."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial, centred_nodes
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.kernel.constant_multiplication import MatrixBuilder


@BUILDERS.register(MatrixProduct)
def build_matrix_product(builder: DesignBuilder, node: Node) -> None:
    """One multiplier per product."""
    op = node.op
    assert isinstance(op, MatrixProduct)
    shape = builder.graph.types[node.output].shape

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        x, y = centred_nodes(matrix, operands, op.zeros)
        left = np.broadcast_to(x, (*shape[:-2], *x.shape[-2:])).reshape(-1, *x.shape[-2:])
        right = np.broadcast_to(y, (*shape[:-2], *y.shape[-2:])).reshape(-1, *y.shape[-2:])
        ones = np.ones(x.shape[-1], np.int64)
        values = [
            matrix.product([matrix.builder.multiply(a, b) for a, b in zip(row, column, strict=True)], ones, 0)
            for rows, columns in zip(left, right, strict=True)
            for row in rows.tolist()
            for column in columns.T.tolist()
        ]
        return np.array(values, np.int64).reshape(shape)

    build_spatial(builder, node, compute)
