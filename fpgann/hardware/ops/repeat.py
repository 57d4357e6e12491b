# SPDX-License-Identifier: Apache-2.0
"""Steps that hardware keeps: registers for states and slices around a pipeline that computes one step."""

from __future__ import annotations

from dataclasses import replace

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import RecurrentKernel
from fpgann.hardware.names import identifier
from fpgann.hardware.options import HardwareOptions, Strategy
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Graph, Node
from fpgann.ir.ops.repeat import Repeat


@BUILDERS.register(Repeat)
def build_repeat(builder: DesignBuilder, node: Node) -> None:
    """With states, the pipeline of a step waits for those of the one before, so a step takes its latency."""
    from fpgann.hardware.lowering import build_design

    op = node.op
    assert isinstance(op, Repeat)
    body = op.body()
    core = build_design(body, _options_of(builder, body), identifier(f"{node.name}_step", "step"))
    starts = tuple(elements[0] for elements in builder.elements(node))
    kernel = RecurrentKernel(core, starts, op.states, op.scanned, op.steps, None if op.is_stacked else op.delivered)
    builder.add_stage(
        [node],
        kernel,
        builder.graph.types[node.output].codes.range,
        latency_cycles=kernel.latency_cycles,
        interval_cycles=kernel.interval_cycles,
        strategy=Strategy.FOLDED,
    )


def _options_of(builder: DesignBuilder, body: Graph) -> HardwareOptions:
    """The user's options, of layers those in the body."""
    keys = {builder.options.key_of(inner.name) for inner in body.nodes} - {None}
    builder.used_options.update(key for key in keys if key is not None)
    return replace(builder.options, layers={key: o for key, o in builder.options.layers.items() if key in keys})
