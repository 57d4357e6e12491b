# SPDX-License-Identifier: Apache-2.0
"""Stages whose every operation is a circuit of its own, with the staircases that follow them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeAlias

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import UnrolledKernel
from fpgann.ir import Node
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.requantize import Requantize
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder
from fpgann.kernel.pipelining import pipeline
from fpgann.kernel.requantize import choose_form
from fpgann.kernel.staircase_logic import fits_netlist, staircase_nodes
from fpgann.numerics.integers import IntArray

Nodes: TypeAlias = IntArray  # netlist nodes in the shape of a tensor
Compute: TypeAlias = Callable[[MatrixBuilder, list[Nodes]], Nodes]


def channels_of_elements(op: Requantize, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The channel of each element of a row-major tensor."""
    count = op.map.channels
    if count == 1:
        return (0,) * prod(shape)
    inner = prod(shape[op.axis :]) // shape[op.axis]
    return tuple((element // inner) % count for element in range(prod(shape)))


def build_spatial(builder: DesignBuilder, node: Node, compute: Compute, *, done: int = 0) -> None:
    """Add one stage for a node and the staircases behind it that are plain arithmetic.

    Args:
        builder: the design.
        node: the node.
        compute: from a netlist and the nodes of every operand, in its shape, to the nodes of the result.
        done: how many of the staircases behind the node `compute` applies itself.
    """
    netlist = NetlistBuilder([stream.codes for stream in builder.sources(node) for _ in range(stream.elements)])
    matrix = MatrixBuilder(netlist)
    operands = [
        np.array(elements, np.int64).reshape(builder.graph.types[name].shape)
        for elements, name in zip(builder.elements(node), node.inputs, strict=True)
    ]
    values = [int(n) for n in compute(matrix, operands).reshape(-1)]
    followers = builder.fused(node)
    nodes = [node, *followers[:done]]
    for follower in followers[done:]:
        assert isinstance(follower.op, Requantize)
        form = choose_form(follower.op.map, builder.graph.types[nodes[-1].output].codes.range)
        if not fits_netlist(form):
            break
        channels = channels_of_elements(follower.op, builder.graph.types[follower.output].shape)
        values = [
            staircase_nodes(matrix, value, form, channel) for value, channel in zip(values, channels, strict=True)
        ]
        nodes.append(follower)
    pipelined = pipeline(netlist.build(values), builder.options.adders_per_stage)
    codes = builder.graph.types[nodes[-1].output].codes.range
    builder.add_stage(nodes, UnrolledKernel(pipelined), codes, latency_cycles=pipelined.latency_cycles)


def aligned_nodes(matrix: MatrixBuilder, operands: list[Nodes], alignment: Alignment) -> list[Nodes]:
    """Operands in their common unit."""
    return [
        _scaled(matrix, nodes, coefficients, constants)
        for nodes, coefficients, constants in zip(operands, alignment.coefficients, alignment.constants, strict=True)
    ]


def centred_nodes(matrix: MatrixBuilder, operands: list[Nodes], zeros: tuple[int, ...]) -> list[Nodes]:
    """Operands with their zero points taken away."""
    one = np.ones((), np.int64)
    return [_scaled(matrix, nodes, one, np.array(-zero)) for nodes, zero in zip(operands, zeros, strict=True)]


def tree(nodes: list[int], combine: Callable[[int, int], int]) -> int:
    """Combine neighbours until one is left."""
    while len(nodes) > 1:
        pairs = [combine(a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=False)]
        nodes = pairs + nodes[2 * len(pairs) :]
    return nodes[0]


def _scaled(matrix: MatrixBuilder, nodes: Nodes, coefficients: IntArray, constants: IntArray) -> Nodes:
    factors, addends = (np.broadcast_to(a, nodes.shape).reshape(-1).tolist() for a in (coefficients, constants))
    values = [
        node if factor == 1 and addend == 0 else matrix.product([node], np.array([factor], object), int(addend))
        for node, factor, addend in zip(nodes.reshape(-1).tolist(), factors, addends, strict=True)
    ]
    return np.array(values, np.int64).reshape(nodes.shape)
