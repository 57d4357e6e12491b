# SPDX-License-Identifier: Apache-2.0
"""Dense layers: an adder graph, or an array of multiply-accumulate neurons."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from fpgann.errors import ConfigError
from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import FoldedKernel, Requantizer, UnrolledKernel
from fpgann.hardware.estimate_fabric import DEFAULT_FAMILY, FABRICS
from fpgann.hardware.estimate_staircases import requantizers as staircase_amounts
from fpgann.hardware.folding import nearest_reuse_factor, neurons_and_multipliers
from fpgann.hardware.neurons import Loadable
from fpgann.hardware.options import LayerOptions, Strategy, TernaryAdders
from fpgann.hardware.spatial import channels_of_elements
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.requantize import Requantize
from fpgann.kernel.constant_multiplication import MatrixBuilder, check_product
from fpgann.kernel.netlist import Netlist, NetlistBuilder
from fpgann.kernel.pipelining import pipeline
from fpgann.kernel.requantize import choose_form
from fpgann.kernel.retiming import pipeline_deep
from fpgann.kernel.staircase_logic import fits_netlist, rounding_constant, staircase_nodes
from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.interval import CodeRange

_CARRY_CELLS = {TernaryAdders.PORTABLE: None, TernaryAdders.CARRY4: 4, TernaryAdders.CARRY8: 8}
UNROLLED_WEIGHTS = 4096  # automatic strategy: nonzero weights up to which a layer is unrolled


@BUILDERS.register(Dense)
def build_dense(builder: DesignBuilder, node: Node) -> None:
    """Add the stages of a dense layer and of the staircases behind it."""
    op = node.op
    assert isinstance(op, Dense)
    options = builder.options_of(node)
    strategy = options.strategy
    if op.loadable and strategy is Strategy.UNROLLED:
        raise ConfigError(
            "weights that are loaded at run time need memories, an unrolled layer has none",
            where=f"layer '{node.name}'",
            hint="use --strategy folded, or leave its weights constant",
        )
    if op.loadable and op.groups > 1:
        raise ConfigError(
            "weights of a convolution in groups cannot be loaded at run time",
            where=f"layer '{node.name}'",
            hint="leave its weights constant",
        )
    if op.loadable:
        strategy = Strategy.FOLDED
    if strategy is Strategy.AUTO:
        rows = prod(builder.graph.types[node.output].shape[:-1])
        nonzero = int(np.count_nonzero(op.weight.data)) * rows
        strategy = Strategy.UNROLLED if nonzero <= UNROLLED_WEIGHTS else Strategy.FOLDED
    if strategy is Strategy.UNROLLED:
        _build_unrolled(builder, node, op)
    else:
        _build_folded(builder, node, op, options)


def _bias(op: Dense) -> IntArray:
    return np.zeros(op.weight.data.shape[1], np.int64) if op.bias is None else op.bias.data


def _build_unrolled(builder: DesignBuilder, node: Node, op: Dense) -> None:
    source, shape = builder.streams[node.inputs[0]], builder.graph.types[node.output].shape
    inputs, outputs = op.weight.data.shape
    rows = source.elements // (inputs * op.groups)
    nodes, forms = [node], []
    for follower in builder.fused(node):
        assert isinstance(follower.op, Requantize)
        form = choose_form(follower.op.map, builder.graph.types[nodes[-1].output].codes.range)
        if not fits_netlist(form):
            break
        nodes.append(follower)
        forms.append((form, channels_of_elements(follower.op, shape)))
    # the constant that rounding adds joins the bias
    constants = [rounding_constant(forms[0][0], c) for c in forms[0][1]] if forms else [0] * rows * outputs
    bias = integers(np.tile(_bias(op), rows).astype(object) + np.array(constants, dtype=object))
    parts = [np.ascontiguousarray(part) for part in np.split(op.weight.data, op.groups, axis=1)] * rows
    biases = np.split(bias, len(parts))

    def netlist_of(slack: int) -> Netlist:
        """The product and the staircases behind it, proven equal to the weights."""
        netlist = NetlistBuilder([source.codes] * source.elements)
        matrix = MatrixBuilder(netlist, builder.options.effort, builder.plans, slack)
        values: list[int] = []
        for i, (weights, part) in enumerate(zip(parts, biases, strict=True)):
            values += matrix.products(list(range(i * inputs, (i + 1) * inputs)), weights, part)
        check_product(netlist.build(values), np.tile(op.weight.data, rows), bias, node.name, blocks=len(parts))
        for position, (form, channels) in enumerate(forms):
            values = [
                staircase_nodes(matrix, value, form, channel, added=position == 0)
                for value, channel in zip(values, channels, strict=True)
            ]
        return netlist.build(values)

    per_stage, carry_cell = builder.options.adders_per_stage, _CARRY_CELLS[builder.options.ternary_adders]
    if carry_cell is None:
        pipelined = pipeline(netlist_of(0), per_stage)
    else:
        pipelined = pipeline_deep(netlist_of, per_stage)
    codes = builder.graph.types[nodes[-1].output].codes.range
    builder.add_stage(nodes, UnrolledKernel(pipelined, carry_cell), codes, latency_cycles=pipelined.latency_cycles)


def _build_folded(builder: DesignBuilder, node: Node, op: Dense, options: LayerOptions) -> None:
    source = builder.streams[node.inputs[0]]
    if op.groups > 1 and not _reads_own_inputs(op):
        op = replace(op, weight=replace(op.weight, data=op.full_weight()), groups=1)  # zeros between groups
    inputs, outputs = op.weight.data.shape
    codes = builder.graph.types[node.output].codes.range
    accumulator = _running_range(op, source.codes).union(codes)
    bound = (options.multipliers, options.memory)
    nodes, requantizers = [node], []
    for follower in builder.fused(node):
        assert isinstance(follower.op, Requantize)
        if follower.op.map.channels > 1 and follower.op.axis != -1:
            break  # its channels are not the outputs that a neuron computes one after another
        target = builder.graph.types[follower.output].codes.range
        requantizers.append(Requantizer(choose_form(follower.op.map, codes), codes, target, *bound))
        nodes.append(follower)
        codes = target
    kernel = with_neurons(
        FoldedKernel(
            op.weight.data,
            _bias(op),
            outputs,
            inputs,
            accumulator,
            tuple(requantizers),
            source.elements // (inputs * op.groups),
            _loadable_codes(op),
            *bound,
            parts=op.groups,
        ),
        inputs if options.reuse_factor is None else options.reuse_factor,
    )
    share = builder.shares.get(node.name)
    if share is not None:
        kernel = kernel.sharing(share)
    builder.add_stage(
        nodes,
        kernel,
        codes,
        latency_cycles=kernel.latency_cycles,
        interval_cycles=kernel.pause_cycles + kernel.steps,
        strategy=Strategy.FOLDED,
    )


def _reads_own_inputs(op: Dense) -> bool:
    """Whether neurons of a layer in groups have inputs of their own: if that costs fewer registers than multipliers."""
    return int(op.weight.data.shape[1]) <= op.groups * op.groups


def with_neurons(kernel: FoldedKernel, reuse_factor: int) -> FoldedKernel:
    """The same layer with as few multipliers as take at most so many cycles.

    Args:
        kernel: the layer.
        reuse_factor: cycles; where weights are loaded at run time, the next divisor below, so that all are in use.
    """
    inputs, outputs = kernel.inputs, kernel.outputs
    lane = 0
    if kernel.loadable is None:
        fabric = FABRICS[DEFAULT_FAMILY]
        lane = sum(staircase_amounts(r, [[0]], fabric, grouped=True).dsp for r in kernel.requantizers)
    else:
        reuse_factor = nearest_reuse_factor(inputs, outputs, reuse_factor)
    return kernel.folded(*neurons_and_multipliers(inputs, outputs, max(1, reuse_factor), lane_multipliers=lane))


def _loadable_codes(op: Dense) -> Loadable | None:
    if not op.loadable:
        return None
    assert op.weight.encoding is not None
    assert op.bias is not None
    assert op.bias.encoding is not None
    return Loadable(op.weight.encoding.range, op.bias.encoding.range)


def _running_range(op: Dense, codes: CodeRange) -> CodeRange:
    """All partial sums that a neuron can hold: bias plus any prefix of the products."""
    loadable = _loadable_codes(op)
    if loadable is not None:
        return op.loadable_range(codes).union(loadable.biases)
    weights = op.weight.data.astype(object)
    at_low, at_high = weights * codes.low, weights * codes.high
    bias = _bias(op).astype(object)
    low = np.cumsum(np.minimum(at_low, at_high), axis=0)
    high = np.cumsum(np.maximum(at_low, at_high), axis=0)
    lowest = int(min((low + bias).min(), bias.min()))
    highest = int(max((high + bias).max(), bias.max()))
    return CodeRange(lowest, highest)
