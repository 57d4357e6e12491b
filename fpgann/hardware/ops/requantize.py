# SPDX-License-Identifier: Apache-2.0
"""Staircases that stand alone: an input quantizer in hardware, or a table behind an adder graph."""

from __future__ import annotations

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import PointwiseKernel, Requantizer, UnrolledKernel
from fpgann.hardware.spatial import channels_of_elements
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.requantize import Requantize
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder
from fpgann.kernel.pipelining import pipeline
from fpgann.kernel.requantize import choose_form
from fpgann.kernel.staircase_logic import fits_netlist, staircase_nodes


@BUILDERS.register(Requantize)
def build_requantize(builder: DesignBuilder, node: Node) -> None:
    """Add one stage: logic where the form is arithmetic, a table or search per element else."""
    op = node.op
    assert isinstance(op, Requantize)
    source = builder.streams[node.inputs[0]]
    form = choose_form(op.map, source.codes)
    channels = channels_of_elements(op, builder.graph.types[node.output].shape)
    codes = builder.graph.types[node.output].codes.range
    if not fits_netlist(form):
        options = builder.options_of(node)
        requantizer = Requantizer(form, source.codes, codes, options.multipliers, options.memory)
        builder.add_stage(
            [node], PointwiseKernel(requantizer, channels), codes, latency_cycles=requantizer.latency_cycles
        )
        return
    netlist = NetlistBuilder([source.codes] * source.elements)
    matrix = MatrixBuilder(netlist)
    values = [staircase_nodes(matrix, netlist.input(e), form, channel) for e, channel in enumerate(channels)]
    pipelined = pipeline(netlist.build(values), builder.options.adders_per_stage)
    builder.add_stage([node], UnrolledKernel(pipelined), codes, latency_cycles=pipelined.latency_cycles)
