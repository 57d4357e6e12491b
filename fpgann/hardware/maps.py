# SPDX-License-Identifier: Apache-2.0
"""Build the network of a graph with maps: actors, streams between them, FIFOs where ways differ, cycles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.hardware.lowering import build_design
from fpgann.hardware.map_drafts import Border, Cluster, Key, Shell, WindowShell
from fpgann.hardware.map_fifos import timing, with_fifos
from fpgann.hardware.map_folding import core_options
from fpgann.hardware.map_moves import Enlargement, Extract
from fpgann.hardware.map_partition import Partition, token_graph
from fpgann.hardware.map_ports import plan_ports
from fpgann.hardware.names import MAP_SUFFIXES, MAP_TOP_NAMES, Namespace, identifier
from fpgann.hardware.noise import Noise
from fpgann.hardware.options import HardwareOptions
from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Draw,
    Expand,
    Fork,
    MapDesign,
    Regroup,
    TokenPort,
    TokenStage,
    TokenStream,
    WindowBuffer,
)
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reduce import Reduction
from fpgann.numerics.interval import CodeRange

_ATTEMPTS = 8


def build_maps(
    graph: Graph, options: HardwareOptions, name: str | None = None, *, target_cycles: int | None = None
) -> MapDesign:
    """Lower a graph of codes with maps to a network of actors.

    Args:
        graph: graph of codes.
        options: the user's choices.
        name: wanted name of the top entity; the graph's name by default.
        target_cycles: cycles from one inference to the next to aim at.

    Raises:
        UnsupportedOperatorError: an operator has no hardware.
        ConfigError: options name a layer that does not exist, or a stream width that does not fit.
    """
    sketch = sketch_maps(graph, options, name, target_cycles=target_cycles)
    inputs, outputs = sketch.inputs, sketch.outputs
    actors = with_fifos(inputs, outputs, list(sketch.actors))
    latency, interval, settling = timing(inputs, outputs, actors)
    streams = _streams(inputs, outputs, actors)
    return MapDesign(sketch.name, inputs, outputs, tuple(actors), latency, interval, settling, streams)


def sketch_maps(
    graph: Graph, options: HardwareOptions, name: str | None = None, *, target_cycles: int | None = None
) -> MapDesign:
    """The same without FIFOs where ways differ, and without cycles: which pipelines there are."""
    top = identifier(name or graph.name, "model")
    partition = Partition(graph)
    _name_outputs(partition)
    builder = _Network(partition, top, core_options(partition, options, target_cycles), options.noise)
    inputs, outputs = plan_ports(
        partition, builder.entering(), builder.leaving(), options.stream_width_bits, options.noise
    )
    return MapDesign(top, inputs, outputs, tuple(builder.actors), 0, 0, 0, _streams(inputs, outputs, builder.actors))


def _streams(
    inputs: Sequence[TokenPort], outputs: Sequence[TokenPort], actors: Sequence[Actor]
) -> dict[str, TokenStream]:
    streams = {stream.name: stream for actor in actors for stream in (*actor.sources, *actor.targets)}
    return streams | {port.stream.name: port.stream for port in (*inputs, *outputs)}


def build_maps_within(graph: Graph, options: HardwareOptions, name: str | None, cycles: int) -> MapDesign:
    """The same, with as many multipliers as it takes for an inference to need at most so many cycles.

    Raises:
        ConfigError: no reuse factors lead there.
    """
    aim = cycles
    for _ in range(_ATTEMPTS):
        maps = build_maps(graph, options, name, target_cycles=aim)
        if maps.interval_cycles <= cycles:
            return maps
        aim = min(aim - 1, aim * cycles // maps.interval_cycles)
        if aim < 1:
            break
    hint = "choose a lower one, wider streams (--stream-width), or unroll more layers"
    found = f"an inference takes {maps.interval_cycles} cycles, {cycles} are wanted"
    raise ConfigError(f"cannot be reached: {found}", where="--target-throughput", hint=hint)


def _name_outputs(partition: Partition) -> None:
    """Tell each pipeline which of its values others read."""
    for key in _reads(partition):
        for draft in partition.drafts:
            if isinstance(draft, Cluster) and key.root in draft.values and key == Key(key.root, draft.tokens):
                draft.outputs.append(key)


def _reads(partition: Partition) -> Counter[Key]:
    """How many readers each stream has."""
    reads: Counter[Key] = Counter()
    for draft in partition.drafts:
        reads.update(draft.inputs.values() if isinstance(draft, Cluster) else [draft.source])
    reads.update(border.key for border in partition.outputs)
    return reads


@dataclass(slots=True)
class _Ends:
    """Streams of a key that have no reader yet."""

    free: list[TokenStream]


class _Network:
    """Actors and streams as they come about."""

    def __init__(
        self, partition: Partition, top: str, options: Mapping[int, HardwareOptions], noise: Mapping[str, int]
    ) -> None:
        self.partition = partition
        self.top = top
        self.actors: list[Actor] = []
        self._reads = _reads(partition)
        self._names = Namespace(MAP_TOP_NAMES)
        self._ends: dict[Key, _Ends] = {}
        self._entering: dict[str, TokenStream] = {}
        for border in partition.inputs:
            if not self._reads[border.key]:
                hint = "remove it from the model"
                raise UnsupportedOperatorError("nothing reads it", where=f"input '{border.name}'", hint=hint)
            stream = self._stream(border.key, border.name, self._encoding(border.key))
            if border.name in noise:
                self._draw(border, stream, noise[border.name])
            else:
                self._entering[border.name] = stream
            self._offer(border.key, stream)
        for number, draft in enumerate(partition.drafts):
            if isinstance(draft, Cluster):
                self._stage(draft, options[number])
            else:
                self._shell(draft)

    def entering(self) -> list[TokenStream]:
        """The streams of the graph's inputs."""
        return list(self._entering.values())

    def leaving(self) -> list[TokenStream]:
        """The streams of the graph's outputs."""
        return [self._take(border.key) for border in self.partition.outputs]

    def _encoding(self, key: Key) -> CodeRange:
        return self.partition.types[key.root].codes.range

    def _stream(self, key: Key, wanted: str, codes: CodeRange) -> TokenStream:
        name = self._names.claim(wanted, "stream", suffixes=MAP_SUFFIXES)
        size = self.partition.types[key.root].size
        value = key.root if key.root in self.partition.graph.types and key.repeats == 1 else ""
        return TokenStream(name, value, key.tokens * key.repeats, size // key.tokens, codes)

    def _offer(self, key: Key, stream: TokenStream) -> None:
        """Make a stream known to its readers, by a fork if there are several."""
        count = self._reads[key]
        if count < 2:
            self._ends[key] = _Ends([stream])
            return
        targets = tuple(
            replace(stream, name=self._names.claim(f"{stream.name}_to_{i}", "stream", suffixes=MAP_SUFFIXES))
            for i in range(1, count + 1)
        )
        name = self._names.claim(f"{stream.name}_copies", "stream", suffixes=MAP_SUFFIXES)
        self.actors.append(Fork(name, stream, targets))
        self._ends[key] = _Ends(list(targets))

    def _draw(self, border: Border, stream: TokenStream, seed: int) -> None:
        axes = border.permutation or tuple(range(len(border.shape)))
        noise = Noise(border.name, seed, stream.tokens, stream.elements, border.shape, axes)
        self.actors.append(Draw(stream.name, stream, noise))

    def _take(self, key: Key) -> TokenStream:
        return self._ends[key].free.pop(0)

    def _stage(self, cluster: Cluster, options: HardwareOptions) -> None:
        layers = [node.name for node, _ in cluster.nodes]
        named = next((node.name for node, _ in cluster.nodes if isinstance(node.op, Dense)), layers[0])
        sources = tuple(self._take(key) for key in cluster.inputs.values())
        targets = tuple(
            self._stream(key, named if len(cluster.outputs) == 1 else key.root, self._encoding(key))
            for key in cluster.outputs
        )
        graph = token_graph(self.partition, cluster, named)
        core = build_design(graph, options, f"{self.top}_{targets[0].name}")
        order = {port.model_name: number for number, port in enumerate(core.outputs)}
        targets = tuple(sorted(targets, key=lambda t: order[t.value]))
        self.actors.append(TokenStage(targets[0].name, tuple(layers), sources, targets, graph, core))
        for key in cluster.outputs:
            self._offer(key, next(t for t in targets if t.value == key.root))

    def _shell(self, shell: Shell) -> None:
        what, source = shell.what, self._take(shell.source)
        wanted = shell.layers[0] if shell.layers else f"{source.name}_{'regrouped' if what is None else 'repeated'}"
        codes = source.codes if what is None else self._encoding(shell.target)
        target = self._stream(shell.target, wanted, codes)
        name, layers = target.name, shell.layers
        match what:
            case None:
                actor: Actor = Regroup(name, source, target)
            case WindowShell(geometry=geometry, groups=groups, fill=fill):
                actor = WindowBuffer(name, layers, source, target, geometry, groups, fill)
            case Extract(geometry=geometry, fill=fill):
                actor = WindowBuffer(name, layers, source, target, geometry, 1, fill)
            case Enlargement(columns=columns, factors=factors, elements=parts):
                elements = tuple(element for part in parts for element in part)
                actor = Expand(name, layers, source, target, columns, factors, len(parts), elements)
            case Reduction():
                actor = Accumulate(name, layers, source, target, what)
        self.actors.append(actor)
        self._offer(shell.target, target)
