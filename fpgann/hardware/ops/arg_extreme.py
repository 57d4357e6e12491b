# SPDX-License-Identifier: Apache-2.0
"""Positions of maxima and minima: a tree of comparators that carries the position along."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder


@BUILDERS.register(ArgExtreme)
def build_arg_extreme(builder: DesignBuilder, node: Node) -> None:
    """One tree per element of the result."""
    op = node.op
    assert isinstance(op, ArgExtreme)

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        rows = np.moveaxis(operands[0], op.axis, -1)
        flat = rows.reshape(-1, rows.shape[-1]).tolist()
        return np.array([_position(matrix.builder, row, op) for row in flat], np.int64)

    build_spatial(builder, node, compute)


def _position(netlist: NetlistBuilder, row: list[int], op: ArgExtreme) -> int:
    entries = [(value, netlist.constant(position)) for position, value in enumerate(row)]
    while len(entries) > 1:
        pairs = [_better(netlist, *pair, op) for pair in zip(entries[::2], entries[1::2], strict=False)]
        entries = pairs + entries[2 * len(pairs) :]
    return entries[0][1]


def _better(
    netlist: NetlistBuilder, first: tuple[int, int], second: tuple[int, int], op: ArgExtreme
) -> tuple[int, int]:
    """The entry that wins; of equal ones the first, or the last where that is asked."""
    (a, at_a), (b, at_b) = first, second
    if op.last:
        (a, at_a), (b, at_b) = second, first
    wins = netlist.not_below(a, b) if op.greatest else netlist.not_below(b, a)
    return netlist.extreme(a, b, greatest=op.greatest), netlist.choose(wins, at_a, at_b)
