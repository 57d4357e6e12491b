# SPDX-License-Identifier: Apache-2.0
"""Steps that hardware keeps: registers for states and slices around a pipeline that computes one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import Design, FoldedKernel, RecurrentKernel
from fpgann.hardware.names import identifier
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.hardware.sharing import plan_shares, split_parts
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Graph, Node
from fpgann.ir.ops.repeat import Repeat


@BUILDERS.register(Repeat)
def build_repeat(builder: DesignBuilder, node: Node) -> None:
    """With states, the pipeline of a step waits for those of the one before, so a step takes its latency."""
    op = node.op
    assert isinstance(op, Repeat)
    graph, core = step_pipeline(builder, op, identifier(f"{node.name}_step", "step"))
    starts = tuple(elements[0] for elements in builder.elements(node))
    kernel = RecurrentKernel(
        graph, core, starts, op.states, op.scanned, op.steps, None if op.is_stacked else op.delivered
    )
    builder.add_stage(
        [node],
        kernel,
        builder.graph.types[node.output].codes.range,
        latency_cycles=kernel.latency_cycles,
        interval_cycles=kernel.interval_cycles,
        strategy=Strategy.FOLDED,
    )


def step_pipeline(builder: DesignBuilder, op: Repeat, name: str) -> tuple[Graph, Design]:
    """A step and its pipeline. With states only one step is on its way: its folded layers share their neurons."""
    from fpgann.hardware.lowering import build_design

    body = op.body()
    own = build_design(body, _options_of(builder, body, {}), name)
    if op.states == 0 or not any(isinstance(stage.kernel, FoldedKernel) for stage in own.stages):
        return body, own
    split, parts = split_parts(body)
    options = _options_of(builder, split, parts)
    shares = plan_shares(build_design(split, options, name), options)
    return (split, build_design(split, options, name, shares)) if shares else (body, own)


def _options_of(builder: DesignBuilder, body: Graph, parts: Mapping[str, str]) -> HardwareOptions:
    """The user's options, of layers those in the body; parts of a layer have the options of the whole."""
    layers: dict[str, LayerOptions] = {}
    for inner in body.nodes:
        key = builder.options.key_of(parts.get(inner.name, inner.name))
        if key is not None:
            builder.used_options.add(key)
            layers[inner.name if inner.name in parts else key] = builder.options.layers[key]
    return replace(builder.options, layers=layers, noise={})
