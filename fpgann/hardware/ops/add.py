# SPDX-License-Identifier: Apache-2.0
"""Sums of computed tensors: adder trees."""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.requantize import Requantize
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.plane import Plane, fit_plane
from fpgann.numerics.integers import integers
from fpgann.numerics.scalar_map import ScalarMap


@BUILDERS.register(Add)
def build_add(builder: DesignBuilder, node: Node) -> None:
    """One adder tree per element; coefficients of the alignment join it."""
    op = node.op
    assert isinstance(op, Add)
    alignment = op.alignment
    assert alignment is not None
    plane = _plane(builder, node, alignment)
    if plane is not None:
        build_spatial(builder, node, lambda matrix, operands: _rounded(matrix, operands, plane), done=1)
        return

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


def _plane(builder: DesignBuilder, node: Node, alignment: Alignment) -> Plane | None:
    """The sum and the staircase behind it in one, if small factors suffice."""
    followers = builder.fused(node)
    if len(node.inputs) != 2 or not followers or node.inputs[0] == node.inputs[1]:
        return None
    if any(numbers.size > 1 for numbers in (*alignment.coefficients, *alignment.constants)):
        return None
    factors = tuple(int(f.reshape(-1)[0]) for f in alignment.coefficients)
    if all(factor & (factor - 1) == 0 for factor in map(abs, factors)):
        return None  # shifts are the cheapest already
    constant = sum(int(c.reshape(-1)[0]) for c in alignment.constants)
    x, y = (builder.graph.types[name].codes.range for name in node.inputs)
    staircase = followers[0].op
    assert isinstance(staircase, Requantize)
    if not isinstance(staircase.map, ScalarMap) or not staircase.map.invertible:
        return None
    return fit_plane((factors[0], factors[1]), constant, (x, y), staircase.map)


def _rounded(matrix: MatrixBuilder, operands: list[Nodes], plane: Plane) -> Nodes:
    x, y = np.broadcast_arrays(*operands)
    factors = integers(list(plane.factors))
    netlist = matrix.builder
    sums = [
        matrix.product([a, b], factors, plane.offset)
        for a, b in zip(x.reshape(-1).tolist(), y.reshape(-1).tolist(), strict=True)
    ]
    values = [netlist.clamp(netlist.floor_shift(n, plane.shift), plane.low, plane.high) for n in sums]
    return np.array(values, np.int64).reshape(x.shape)
