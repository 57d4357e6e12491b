# SPDX-License-Identifier: Apache-2.0
"""Build the stages of a design from a graph of codes."""

from __future__ import annotations

from math import prod

import fpgann.hardware.ops  # noqa: F401  registers the builders
from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.hardware.design import Design, Kernel, Port, Stage, Stream
from fpgann.hardware.names import Namespace, identifier
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Graph, Node
from fpgann.ir.ops.requantize import Requantize
from fpgann.numerics.interval import CodeRange


class DesignBuilder:
    """The design as it grows.

    Args:
        graph: graph of codes.
        options: the user's choices.
    """

    def __init__(self, graph: Graph, options: HardwareOptions) -> None:
        self.graph = graph
        self.options = options
        self.names = Namespace()
        self.streams: dict[str, Stream] = {}
        self.stages: list[Stage] = []
        self.done: set[str] = set()
        self.used_options: set[str] = set()

    def fused(self, node: Node) -> list[Node]:
        """The requantizations that follow a node one after another, each its only reader."""
        chain: list[Node] = []
        reader = self.graph.only_reader(node.output)
        while reader is not None and isinstance(reader.op, Requantize):
            chain.append(reader)
            reader = self.graph.only_reader(reader.output)
        return chain

    def options_of(self, node: Node) -> LayerOptions:
        """The user's options for a layer."""
        for key in (node.name, identifier(node.name, "layer")):
            if key in self.options.layers:
                self.used_options.add(key)
                return self.options.layers[key]
        return self.options.default

    def add_stage(
        self,
        nodes: list[Node],
        kernel: Kernel,
        codes: CodeRange,
        *,
        latency_cycles: int,
        interval_cycles: int = 1,
        strategy: Strategy = Strategy.UNROLLED,
    ) -> None:
        """Add a stage that computes consecutive nodes; the last one's value becomes a stream."""
        first, last = nodes[0], nodes[-1]
        name = self.names.claim(first.name, "layer")
        source = self.streams[first.inputs[0]]
        value = last.output
        elements = self.graph.types[value].size
        target = Stream(name, value, elements, codes, source.delay_cycles + latency_cycles)
        layers = tuple(node.name for node in nodes)
        self.stages.append(
            Stage(name, layers, first.op.name, kernel, source, target, latency_cycles, interval_cycles, strategy)
        )
        self.streams[value] = target
        self.done.update(layers)

    def alias(self, node: Node) -> None:
        """A node that changes nothing in hardware: its value is its operand's stream."""
        self.streams[node.output] = self.streams[node.inputs[0]]
        self.done.add(node.name)


def build_design(graph: Graph, options: HardwareOptions, name: str | None = None) -> Design:
    """Lower a graph of codes to hardware.

    Args:
        graph: graph of codes.
        options: the user's choices.
        name: wanted name of the top entity; the graph's name by default.

    Raises:
        UnsupportedOperatorError: an operator has no hardware.
        ConfigError: options name a layer that does not exist.
    """
    builder = DesignBuilder(graph, options)
    top = builder.names.claim(name or graph.name, "model")
    ports = Namespace()
    inputs = []
    for value in graph.inputs:
        codes = value.type.codes.range
        stream = Stream(builder.names.claim(value.name, "input"), value.name, prod(value.type.shape), codes, 0)
        builder.streams[value.name] = stream
        inputs.append(Port(f"in_{ports.claim(value.name, 'data')}", value.name, stream))
    for node in graph.nodes:
        if node.name in builder.done:
            continue
        build = BUILDERS.get(type(node.op))
        if build is None:
            raise UnsupportedOperatorError("it has no hardware yet", where=f"node '{node.name}' ({node.op.name})")
        build(builder, node)
    unknown = set(options.layers) - builder.used_options
    if unknown:
        known = ", ".join(f"'{stage.layers[0]}'" for stage in builder.stages)
        raise ConfigError(f"there is no layer '{min(unknown)}'", where="layer options", hint=f"layers are {known}")
    streams = {delivered: builder.streams[value] for delivered, value in graph.outputs.items()}
    latency = max(1, max(stream.delay_cycles for stream in streams.values()))
    outputs = tuple(
        Port(f"out_{ports.claim(delivered, 'data')}", delivered, stream, latency - stream.delay_cycles)
        for delivered, stream in streams.items()
    )
    interval = max((stage.interval_cycles for stage in builder.stages), default=1)
    return Design(top, tuple(inputs), outputs, tuple(builder.stages), latency, interval, builder.streams)
