# SPDX-License-Identifier: Apache-2.0
"""Elements taken at computed positions: trees of multiplexers."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.gather import Gather
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder
from fpgann.numerics.interval import CodeRange


@BUILDERS.register(Gather)
def build_gather(builder: DesignBuilder, node: Node) -> None:
    """One tree per element of the result."""
    assert isinstance(node.op, Gather)
    codes = builder.graph.types[node.inputs[1]].codes.range
    shape = builder.graph.types[node.output].shape

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        x, position = operands
        digits = {name: _digits(matrix.builder, name, codes) for name in np.unique(position).tolist()}
        places = np.broadcast_to(position, shape)
        size = x.shape[1]
        result = np.empty(shape, np.int64)
        for outer, row, inner in np.ndindex(*shape):
            column = x[outer, :, inner].tolist()
            candidates = [column[place % size] for place in range(codes.low, codes.high + 1)]
            result[outer, row, inner] = _chosen(matrix.builder, digits[int(places[outer, row, inner])], candidates)
        return result

    build_spatial(builder, node, compute)


def _digits(netlist: NetlistBuilder, position: int, codes: CodeRange) -> list[int]:
    """The bits of a position, counted from the least one that can occur; lowest first."""
    count = (codes.high - codes.low).bit_length()
    offset = netlist.add(position, netlist.constant(codes.low), subtract=True) if codes.low else position
    return [netlist.bit(offset, i) for i in range(count)]


def _chosen(netlist: NetlistBuilder, digits: list[int], candidates: list[int]) -> int:
    """The candidate whose number the bits are; candidates of one pair are told apart by the lowest bit."""
    for digit in digits:
        pairs = zip(candidates[::2], candidates[1::2], strict=False)
        chosen = [netlist.choose(digit, odd, even) for even, odd in pairs]
        candidates = chosen + candidates[2 * len(chosen) :]
    return candidates[0]
