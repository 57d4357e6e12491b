# SPDX-License-Identifier: Apache-2.0
"""Convolutions with everything side by side: the stages compute what the graph says, however they are built."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpgann.errors import ConfigError, VerificationError
from fpgann.hardware import build_design
from fpgann.hardware.design import FoldedKernel, UnrolledKernel
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.hardware.validate import check_design
from fpgann.hardware.wiring import WiringKernel
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.windows import Windows
from fpgann.kernel import matrix_product
from fpgann.kernel.constant_multiplication import MatrixBuilder, check_product
from fpgann.kernel.netlist import NetlistBuilder
from fpgann.numerics.interval import CodeRange
from fpgann.reference import run_codes
from tests.unit.ir.ops.test_windows import plain
from tests.unit.reference.graphs import ends_and_random
from tests.unit.reference.test_compiled_windows import convolution

PADDED = plain(3, 3, pads=(1, 1, 0, 1), strides=(2, 1))
SHAPE = (1, 4, 3, 4)


def options(strategy: Strategy) -> HardwareOptions:
    return HardwareOptions(LayerOptions(strategy))


def checked(graph: Graph, strategy: Strategy) -> list[object]:
    """The kernels of a design that was compared with the reference."""
    design = build_design(graph, options(strategy))
    check_design(design, run_codes(graph, ends_and_random(graph)))
    return [stage.kernel for stage in design.stages]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("strategy", "kernel"), [(Strategy.UNROLLED, UnrolledKernel), (Strategy.FOLDED, FoldedKernel)])
def test_convolutions(groups, strategy, kernel):
    graph = convolution(replace(PADDED, groups=groups), SHAPE, 2, 3)
    wires, layer = checked(graph, strategy)[:2]
    assert isinstance(wires, WiringKernel)
    assert isinstance(layer, kernel)


def test_windows_of_one_element_are_no_stage():
    kernels = checked(convolution(plain(1, 1), SHAPE, 2, 3), Strategy.UNROLLED)
    assert not any(isinstance(kernel, WiringKernel) for kernel in kernels)


def test_one_plan_serves_all_positions(monkeypatch):
    planned = []
    plan = matrix_product.plan_product

    def counted(*arguments, **named):
        planned.append(arguments)
        return plan(*arguments, **named)

    monkeypatch.setattr("fpgann.kernel.constant_multiplication.plan_product", counted)
    checked(convolution(replace(PADDED, groups=2), SHAPE, 4, 3), Strategy.UNROLLED)
    assert len(planned) == 2  # one a group


def test_weights_in_groups_cannot_be_loaded():
    graph = convolution(replace(PADDED, groups=2), SHAPE, 2, 3)
    (layer,) = (node for node in graph.nodes if isinstance(node.op, Dense))
    object.__setattr__(layer.op, "loadable", True)
    with pytest.raises(ConfigError, match="in groups cannot be loaded"):
        build_design(graph, options(Strategy.FOLDED))


@pytest.mark.parametrize("fault", ["fill", "pad", "groups"])
def test_twins(fault):
    graph = convolution(replace(PADDED, groups=2), SHAPE, 2, 3)
    (node,) = (node for node in graph.nodes if isinstance(node.op, Windows))
    wrong = {
        "fill": replace(node.op, fill=1),
        "pad": replace(node.op, pads=(0, 1, 1, 1)),
        "groups": replace(node.op, groups=1),
    }
    nodes = tuple(replace(n, op=wrong[fault]) if n is node else n for n in graph.nodes)
    broken = build_design(replace(graph, nodes=nodes), options(Strategy.UNROLLED))
    with pytest.raises(VerificationError, match="the reference says"):
        check_design(broken, run_codes(graph, ends_and_random(graph)))


def test_blocks_are_proven_apart():
    """A sum that takes an input of another block is found, though probing all blocks at once would not tell."""
    weights, bias = np.array([[3], [5]]), np.zeros(2, np.int64)
    for second, is_right in (([2, 3], True), ([2, 1], False)):
        netlist = NetlistBuilder([CodeRange(-4, 3)] * 4)
        matrix = MatrixBuilder(netlist)
        values = [matrix.product([0, 1], weights[:, 0], 0), matrix.product(second, weights[:, 0], 0)]
        arguments = (netlist.build(values), np.tile(weights, 2), bias, "layer")
        if is_right:
            check_product(*arguments, blocks=2)
        else:
            with pytest.raises(VerificationError, match="mixes its blocks"):
                check_product(*arguments, blocks=2)


def test_a_wrong_weight_in_any_block_is_found():
    netlist = NetlistBuilder([CodeRange(-4, 3)] * 4)
    matrix = MatrixBuilder(netlist)
    values = [matrix.product([0, 1], np.array([3, 5]), 0), matrix.product([2, 3], np.array([3, 7]), 0)]
    with pytest.raises(VerificationError, match="output 1 differs"):
        check_product(netlist.build(values), np.array([[3, 3], [5, 5]]), np.zeros(2, np.int64), "layer", blocks=2)
