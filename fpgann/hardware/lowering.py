# SPDX-License-Identifier: Apache-2.0
"""Build the stages of a design from a graph of codes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from math import prod

import fpgann.hardware.ops  # noqa: F401  registers the builders
from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import Design, Port, Stream
from fpgann.hardware.names import identifier
from fpgann.hardware.neurons import Share
from fpgann.hardware.noise import whole_noise
from fpgann.hardware.options import HardwareOptions
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense


def build_design(
    graph: Graph,
    options: HardwareOptions,
    name: str | None = None,
    shares: Mapping[str, Share] | None = None,
) -> Design:
    """Lower a graph of codes to hardware.

    Args:
        graph: graph of codes.
        options: the user's choices.
        name: wanted name of the top entity; the graph's name by default.
        shares: layers that share their neurons, by name.

    Raises:
        UnsupportedOperatorError: an operator has no hardware.
        ConfigError: options name a layer that does not exist.
    """
    builder = DesignBuilder(graph, options, shares)
    top = identifier(name or graph.name, "model")
    ports = {v.name: builder.claim_port(v.name, "in_") for v in graph.inputs if v.name not in options.noise}
    delivered_ports = {delivered: builder.claim_port(delivered, "out_") for delivered in graph.outputs}
    inputs, noise = [], []
    for value in graph.inputs:
        codes = value.type.codes.range
        stream = Stream(builder.claim_stream(value.name, "input"), value.name, prod(value.type.shape), codes, 0)
        builder.streams[value.name] = stream
        if value.name in options.noise:
            noise.append(whole_noise(value.name, options.noise[value.name], value.type.shape))
        else:
            inputs.append(Port(ports[value.name], value.name, stream))
    for node in graph.nodes:
        if node.name in builder.done:
            continue
        build = BUILDERS.get(type(node.op))
        if build is None:
            raise UnsupportedOperatorError("it has no hardware yet", where=f"node '{node.name}' ({node.op.name})")
        build(builder, node)
    _refuse_unknown_layers(builder)
    streams = {delivered: builder.streams[value] for delivered, value in graph.outputs.items()}
    latency = max(1, *(stream.delay_cycles for stream in streams.values()))
    outputs = tuple(
        Port(delivered_ports[delivered], delivered, stream, latency - stream.delay_cycles)
        for delivered, stream in streams.items()
    )
    interval = max((stage.interval_cycles for stage in builder.stages), default=1)
    stages = tuple(builder.stages)
    return Design(top, tuple(inputs), outputs, stages, latency, interval, builder.streams, tuple(noise))


def _refuse_unknown_layers(builder: DesignBuilder) -> None:
    unknown = sorted(set(builder.options.layers) - builder.used_options)
    if not unknown:
        return
    layers = [stage.layers[0] for stage in builder.stages if stage.op == Dense.name]
    near = difflib.get_close_matches(unknown[0], layers, 1, 0.5)
    shown = ", ".join(f"'{name}'" for name in layers[:8]) + (", ..." if len(layers) > 8 else "")
    hint = f"did you mean '{near[0]}'?" if near else f"layers with options are {shown or 'none'}"
    raise ConfigError(f"there is no layer '{unknown[0]}' that takes options", where="layer options", hint=hint)
