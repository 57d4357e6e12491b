# SPDX-License-Identifier: Apache-2.0
"""The order of a softmax: comparators."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial, tree
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder


@BUILDERS.register(KeepWinner)
def build_keep_winner(builder: DesignBuilder, node: Node) -> None:
    """The largest of each group, and a comparator and a multiplexer per element."""
    op = node.op
    assert isinstance(op, KeepWinner)

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        x, y = (np.moveaxis(nodes, op.axis, -1) for nodes in operands)
        rows = zip(x.reshape(-1, x.shape[-1]).tolist(), y.reshape(-1, y.shape[-1]).tolist(), strict=True)
        values = [_kept(matrix.builder, row, arguments, op.low) for row, arguments in rows]
        return np.moveaxis(np.array(values, np.int64).reshape(x.shape), -1, op.axis)

    build_spatial(builder, node, compute)


def _kept(netlist: NetlistBuilder, row: list[int], arguments: list[int], low: int) -> list[int]:
    def largest(nodes: list[int]) -> int:
        return tree(nodes, lambda a, b: netlist.extreme(a, b, greatest=True))

    greatest = largest(arguments)
    below = netlist.add(largest(row), netlist.constant(1), subtract=True)
    limit = netlist.extreme(below, netlist.constant(low), greatest=True)
    return [
        netlist.choose(netlist.not_below(y, greatest), x, netlist.extreme(x, limit, greatest=False))
        for x, y in zip(row, arguments, strict=True)
    ]
