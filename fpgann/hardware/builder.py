# SPDX-License-Identifier: Apache-2.0
"""The design while it grows, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping

from fpgann.hardware.design import Kernel, Stage, Stream
from fpgann.hardware.names import PORT_SUFFIXES, STREAM_SUFFIXES, TOP_NAMES, Namespace
from fpgann.hardware.neurons import Share
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.ir import Graph, Node
from fpgann.ir.ops.requantize import Requantize
from fpgann.kernel.constant_multiplication import Plans
from fpgann.numerics.interval import CodeRange


class DesignBuilder:
    """The design as it grows.

    Args:
        graph: graph of codes.
        options: the user's choices.
        shares: layers that share their neurons, by name.
    """

    def __init__(self, graph: Graph, options: HardwareOptions, shares: Mapping[str, Share] | None = None) -> None:
        self.graph = graph
        self.options = options
        self.shares = shares or {}
        self._names = Namespace(TOP_NAMES)
        self.streams: dict[str, Stream] = {}
        self.stages: list[Stage] = []
        self.done: set[str] = set()
        self.used_options: set[str] = set()
        self.plans: Plans = {}  # of matrices: the steps of a recurrence have the same

    def claim_port(self, name: str, prefix: str) -> str:
        """The name of a data port of the top entity."""
        return self._names.claim(name, "data", prefix=prefix, suffixes=PORT_SUFFIXES)

    def claim_stream(self, name: str, fallback: str) -> str:
        """The name of a stream, which is that of the stage that drives it."""
        return self._names.claim(name, fallback, suffixes=STREAM_SUFFIXES)

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
        key = self.options.key_of(node.name)
        if key is None:
            return self.options.default
        self.used_options.add(key)
        return self.options.layers[key]

    def sources(self, node: Node) -> tuple[Stream, ...]:
        """The streams a node reads, each once, in the order of its operands."""
        return tuple({self.streams[name].name: self.streams[name] for name in node.inputs}.values())

    def elements(self, node: Node) -> list[list[int]]:
        """For each operand of a node, the positions of its elements among those of all its sources."""
        starts: dict[str, int] = {}
        total = 0
        for stream in self.sources(node):
            starts[stream.name] = total
            total += stream.elements
        streams = [self.streams[name] for name in node.inputs]
        return [list(range(starts[s.name], starts[s.name] + s.elements)) for s in streams]

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
        name = self.claim_stream(first.name, "layer")
        sources = self.sources(first)
        start = max(stream.delay_cycles for stream in sources)
        waits = tuple(start - stream.delay_cycles for stream in sources)
        value = last.output
        elements = self.graph.types[value].size
        target = Stream(name, value, elements, codes, start + latency_cycles)
        layers = tuple(node.name for node in nodes)
        self.stages.append(
            Stage(
                name, layers, first.op.name, kernel, sources, waits, target, latency_cycles, interval_cycles, strategy
            )
        )
        self.streams[value] = target
        self.done.update(layers)

    def alias(self, node: Node) -> None:
        """A node that changes nothing in hardware: its value is its operand's stream."""
        self.streams[node.output] = self.streams[node.inputs[0]]
        self.done.add(node.name)
