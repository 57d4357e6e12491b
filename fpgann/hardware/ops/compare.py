# SPDX-License-Identifier: Apache-2.0
"""Comparisons."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, aligned_nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder


@BUILDERS.register(Compare)
def build_compare(builder: DesignBuilder, node: Node) -> None:
    """One or two comparators per element."""
    op = node.op
    assert isinstance(op, Compare)
    alignment = op.alignment
    assert alignment is not None

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        x, y = np.broadcast_arrays(*aligned_nodes(matrix, operands, alignment))
        pairs = zip(x.reshape(-1).tolist(), y.reshape(-1).tolist(), strict=True)
        values = [_relation(matrix.builder, a, b, op.relation) for a, b in pairs]
        return np.array(values, np.int64).reshape(x.shape)

    build_spatial(builder, node, compute)


def _relation(netlist: NetlistBuilder, a: int, b: int, relation: Relation) -> int:
    match relation:
        case Relation.GREATER_EQUAL:
            return netlist.not_below(a, b)
        case Relation.GREATER:
            return _negated(netlist, netlist.not_below(b, a))
        case Relation.EQUAL:
            return netlist.extreme(netlist.not_below(a, b), netlist.not_below(b, a), greatest=False)
        case Relation.NOT_EQUAL:
            return _negated(netlist, _relation(netlist, a, b, Relation.EQUAL))


def _negated(netlist: NetlistBuilder, bit: int) -> int:
    return netlist.choose(bit, netlist.constant(0), netlist.constant(1))
