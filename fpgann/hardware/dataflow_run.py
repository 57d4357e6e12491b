# SPDX-License-Identifier: Apache-2.0
"""Networks of maps at work: in which cycles maps leave them, and whether they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fpgann.hardware.dataflow import (
    Channel,
    Collecting,
    Drawing,
    Expanding,
    Forking,
    Pipeline,
    Process,
    Sink,
    Source,
    Spreading,
    Stall,
    Windowing,
)
from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Draw,
    Expand,
    Fifo,
    Fork,
    Regroup,
    TokenPort,
    TokenStage,
    TokenStream,
    WindowBuffer,
)


@dataclass(frozen=True)
class Run:
    """What has passed.

    Args:
        output_ends: of each output and each map, the cycle in which the last beat was taken; the first beat of the
            first input was taken in cycle 0.
        pipelines: the pipelines by the name of their actor.
    """

    output_ends: tuple[tuple[int, ...], ...]
    pipelines: Mapping[str, Pipeline]

    @property
    def ends(self) -> tuple[int, ...]:
        """Of each map, the cycle in which the last output was complete."""
        return tuple(max(cycles) for cycles in zip(*self.output_ends, strict=True))


def run(
    inputs: Iterable[TokenPort],
    outputs: Iterable[TokenPort],
    actors: Iterable[Actor],
    maps: int,
    *,
    stall: Stall = lambda: 0,
) -> Run | None:
    """Let maps pass as fast as they can.

    Args:
        inputs: interfaces where they enter.
        outputs: interfaces where they leave.
        actors: the network.
        maps: how many.
        stall: cycles by which a beat comes or is taken later than it could; asked for each.

    Returns:
        What has passed; None if the network hangs.
    """
    network = _Network()
    for port in inputs:
        beats = Channel()
        network.add(Source(beats, maps * port.beats, stall), [], [beats])
        entering = network.channel(port.stream)
        network.add(Collecting(beats, entering, port.beats_per_token), [beats], [entering])
    pipelines: dict[str, Pipeline] = {}
    for actor in actors:
        sources, targets = ([network.channel(stream) for stream in side] for side in (actor.sources, actor.targets))
        process = _process(actor, sources, targets, maps)
        network.add(process, sources, targets)
        if isinstance(process, Pipeline):
            pipelines[actor.name] = process
    leaving: list[tuple[Channel, int]] = []
    for port in outputs:
        beats, tokens = Channel(), network.channel(port.stream)
        network.add(Spreading(tokens, beats, port.beats_per_token), [tokens], [beats])
        network.add(Sink(beats, stall), [beats], [])
        leaving.append((beats, port.beats))
    network.settle()
    if any(len(beats.taken) < maps * count for beats, count in leaving):
        return None
    ends = (tuple(beats.taken[(number + 1) * count - 1] for number in range(maps)) for beats, count in leaving)
    return Run(tuple(ends), pipelines)


class _Network:
    """Processes, and which of them wait for each other."""

    def __init__(self) -> None:
        self._processes: list[Process] = []
        self._channels: dict[str, Channel] = {}
        self._ends: dict[int, list[int]] = {}
        self._touched: list[list[Channel]] = []

    def channel(self, stream: TokenStream) -> Channel:
        """The channel of a stream."""
        return self._channels.setdefault(stream.name, Channel())

    def add(self, process: Process, sources: list[Channel], targets: list[Channel]) -> None:
        """A process between channels."""
        for channel in (*sources, *targets):
            self._ends.setdefault(id(channel), []).append(len(self._processes))
        self._processes.append(process)
        self._touched.append([*sources, *targets])

    def settle(self) -> None:
        """Let all go on until none can: what a process does wakes those at the other ends of its channels."""
        neighbours = [
            sorted({end for channel in touched for end in self._ends[id(channel)]} - {number})
            for number, touched in enumerate(self._touched)
        ]
        waking = deque(range(len(self._processes)))
        is_waking = [True] * len(self._processes)
        while waking:
            number = waking.popleft()
            is_waking[number] = False
            if self._processes[number].advance():
                for neighbour in neighbours[number]:
                    if not is_waking[neighbour]:
                        is_waking[neighbour] = True
                        waking.append(neighbour)


def _process(actor: Actor, entering: list[Channel], outs: list[Channel], maps: int) -> Process:
    match actor:
        case Draw(target=target):
            return Drawing(outs[0], maps * target.tokens)
        case WindowBuffer():
            return Windowing(entering[0], outs[0], actor)
        case TokenStage(core=core):
            return Pipeline(
                entering,
                outs,
                latency=core.latency_cycles,
                interval=core.interval_cycles,
                places=(actor.places,) * len(outs),
            )
        case Fork():
            return Forking(entering[0], outs)
        case Fifo(places=places):
            return Pipeline(entering, outs, latency=0, interval=1, places=(places,))
        case Regroup(gathers=gathers, factor=factor):
            kind = Collecting if gathers else Spreading
            return kind(entering[0], outs[0], factor)
        case Accumulate(factor=factor):
            return Collecting(entering[0], outs[0], factor)
        case Expand():
            return Expanding(entering[0], outs[0], actor)
