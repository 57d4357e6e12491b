# SPDX-License-Identifier: Apache-2.0
"""Sums of computed tensors: adder trees."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.add import Add
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.numerics.integers import integers


@BUILDERS.register(Add)
def build_add(builder: DesignBuilder, node: Node) -> None:
    """One adder tree per element; coefficients of the alignment join it."""
    op = node.op
    assert isinstance(op, Add)
    alignment = op.alignment
    assert alignment is not None

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        shape = np.broadcast_shapes(*(nodes.shape for nodes in operands))
        columns = [np.broadcast_to(nodes, shape).reshape(-1) for nodes in operands]
        factors = [np.broadcast_to(f, shape).reshape(-1) for f in alignment.coefficients]
        constants = np.sum([np.broadcast_to(c, shape).astype(object).reshape(-1) for c in alignment.constants], axis=0)
        values = [
            matrix.product([int(c[i]) for c in columns], integers([int(f[i]) for f in factors]), int(constants[i]))
            for i in range(int(np.prod(shape)))
        ]
        return np.array(values, np.int64).reshape(shape)

    build_spatial(builder, node, compute)
