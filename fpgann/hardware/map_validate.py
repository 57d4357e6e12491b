# SPDX-License-Identifier: Apache-2.0
"""Networks of maps as one list of stages, and translation validation: every pipeline computes what the graph says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fpgann.hardware.design import Design, Port, Stage, StepKernel, Stream
from fpgann.hardware.token_graph import MapDesign, TokenPort, TokenStage
from fpgann.hardware.validate import check_design
from fpgann.numerics.integers import IntArray

_CHECKED_TOKENS = 1024  # of each pipeline, among those of all samples


def all_stages(maps: MapDesign) -> Design:
    """The stages of all pipelines, for those who count or list them; streams are named after their pipeline."""
    stages = [_renamed(stage, actor.name) for actor in maps.cores for stage in actor.core.stages]
    streams = {name: s for actor in maps.cores for name, s in actor.core.streams.items()}
    inputs, outputs = (tuple(_port(port) for port in side) for side in (maps.inputs, maps.outputs))
    cycles = maps.latency_cycles, maps.interval_cycles
    return Design(maps.name, inputs, outputs, tuple(stages), *cycles, streams, maps.noise)


def _renamed(stage: Stage, pipeline: str) -> Stage:
    def renamed(stream: Stream) -> Stream:
        return replace(stream, name=f"{pipeline}_{stream.name}")

    sources = tuple(renamed(source) for source in stage.sources)
    return replace(stage, name=f"{pipeline}_{stage.name}", sources=sources, target=renamed(stage.target))


def _port(port: TokenPort) -> Port:
    stream = port.stream
    elements = stream.tokens * stream.elements
    return Port(port.name, port.model_name, Stream(stream.name, stream.value, elements, stream.codes, 0))


def check_maps(maps: MapDesign, values: Mapping[str, IntArray]) -> None:
    """Compare every stage of every pipeline with the reference, on some tokens of samples of all values.

    Args:
        maps: the network.
        values: the reference's codes of every graph value, shape (samples, *shape).

    Raises:
        VerificationError: a stage differs; the message names the layer and the element.
    """
    rng = np.random.default_rng(0)
    for actor in maps.cores:
        tokens = actor.targets[0].tokens
        total = tokens * len(values[actor.targets[0].value])
        if any(isinstance(stage.kernel, StepKernel) for stage in actor.core.stages):  # whole sequences
            chosen = np.arange(min(total, tokens * -(-_CHECKED_TOKENS // tokens)))
        elif total <= _CHECKED_TOKENS:
            chosen = np.arange(total)
        else:
            chosen = rng.choice(total, _CHECKED_TOKENS, replace=False)
        check_design(actor.core, _tokens(actor, values, tokens, chosen))


def _tokens(actor: TokenStage, values: Mapping[str, IntArray], tokens: int, chosen: IntArray) -> dict[str, IntArray]:
    """Codes of every value of a pipeline, for some tokens, shape (tokens, elements)."""
    found = {}
    for name, stream in actor.core.streams.items():
        rows = values[name].reshape(-1, stream.elements)
        own = len(rows) // len(values[name])  # as many as the pipeline has, or one that all of these see
        found[name] = rows[chosen if own == tokens else chosen // tokens]
    return found
