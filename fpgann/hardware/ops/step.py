# SPDX-License-Identifier: Apache-2.0
"""Steps whose slices come one after another: registers for the states around a pipeline."""

from __future__ import annotations

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import StepKernel
from fpgann.hardware.names import identifier
from fpgann.hardware.ops.repeat import step_pipeline
from fpgann.hardware.options import Strategy
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.step import Step


@BUILDERS.register(Step)
def build_step(builder: DesignBuilder, node: Node) -> None:
    """The states stay in registers around the pipeline of a step."""
    op = node.op
    assert isinstance(op, Step)
    graph, core = step_pipeline(builder, op.repeat, identifier(f"{node.name}_step", "step"))
    kernel = StepKernel(graph, core, op.repeat.steps)
    builder.add_stage(
        [node],
        kernel,
        builder.graph.types[node.output].codes.range,
        latency_cycles=kernel.latency_cycles,
        interval_cycles=kernel.latency_cycles,
        strategy=Strategy.FOLDED,
    )
