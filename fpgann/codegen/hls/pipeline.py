# SPDX-License-Identifier: Apache-2.0
"""The function of a pipeline: the layers that compute one token from one token of each source, for all tokens."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.literals import LINE_LENGTH
from fpgann.codegen.hls.map_plan import Channel
from fpgann.codegen.hls.plan import Plan
from fpgann.codegen.hls.region import ForkView, Region
from fpgann.codegen.render import render
from fpgann.hardware.names import printable
from fpgann.hardware.token_graph import TokenStage


@dataclass(frozen=True, slots=True)
class PipelineView:
    """Vocabulary of templates/hls/pipeline.h.j2."""

    guard: str
    comments: tuple[str, ...]
    includes: tuple[str, ...]
    forks: tuple[ForkView, ...]
    signature: tuple[str, ...]
    body: tuple[str, ...]


def render_pipeline(
    name: str, stage: TokenStage, plan: Plan, sources: Sequence[Channel], targets: Sequence[Channel]
) -> str:
    """The header of a pipeline.

    Args:
        name: C++ name.
        stage: the pipeline.
        plan: its layers.
        sources: streams that it reads.
        targets: streams that it drives.
    """
    tokens = targets[0].tokens
    results = [f"result{index}" for index in range(len(targets))]
    region = Region(plan, [array.name for array in plan.inputs], results, is_dataflow=not plan.unrolled)
    code = Block()
    with code.loop("number", tokens, "PIPELINE II=1" if plan.unrolled else "DATAFLOW"):
        for index, array in enumerate(plan.inputs):
            region.declare(code, array, array.name)
            code.call("fpgann::take_token", [f"from{index}", array.name])
        region.write(code)
        for index, result in enumerate(results):
            code.call("fpgann::give_token", [result, f"to{index}"])
    parameters = [f"{channel.kind} &from{index}" for index, channel in enumerate(sources)]
    parameters += [f"{channel.kind} &to{index}" for index, channel in enumerate(targets)]
    pace = "one token a cycle" if plan.unrolled else f"one token each {stage.core.interval_cycles} cycles"
    layers = f"Layers of the model, token by token: {printable(stage.layers)}."
    view = PipelineView(
        guard=f"PIPELINES_{name}_H".upper(),
        comments=(*textwrap.wrap(layers, LINE_LENGTH - 3), f"{tokens} tokens a map, {pace}."),
        includes=(
            "../fpgann/maps.h",
            "../types.h",
            *(f"../layers/{layer.name}.h" for layer in plan.layers),
        ),
        forks=tuple(region.forks),
        signature=tuple(signature(f"inline void {name}", parameters, " {")),
        body=("#pragma HLS INLINE off", *code.lines),
    )
    return render("hls/pipeline.h.j2", view)
