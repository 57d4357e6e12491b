# SPDX-License-Identifier: Apache-2.0
"""Sums, maxima and minima over axes: trees."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial, tree
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.kernel.constant_multiplication import MatrixBuilder


@BUILDERS.register(Reduce)
def build_reduce(builder: DesignBuilder, node: Node) -> None:
    """One tree per element of the result."""
    op = node.op
    assert isinstance(op, Reduce)
    shape = builder.graph.types[node.output].shape

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        (x,) = operands
        kept = [axis for axis in range(-x.ndim, 0) if axis not in op.axes]
        rows = np.transpose(x, [*kept, *op.axes]).reshape(int(np.prod(shape)), -1)
        return np.array([_reduced(matrix, row, op.reduction) for row in rows.tolist()], np.int64)

    build_spatial(builder, node, compute)


def _reduced(matrix: MatrixBuilder, row: list[int], reduction: Reduction) -> int:
    if reduction is Reduction.SUM:
        return matrix.product(row, np.ones(len(row), np.int64), 0)
    greatest = reduction is Reduction.MAXIMUM
    return tree(row, lambda a, b: matrix.builder.extreme(a, b, greatest=greatest))
