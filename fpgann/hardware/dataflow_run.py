# SPDX-License-Identifier: Apache-2.0
"""Networks of maps at work: in which cycles maps leave them, and whether they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from fpgann.hardware.dataflow import (
    CHANNEL_FIELDS,
    COUNT,
    KIND,
    LAST_READ,
    LINK_FIELDS,
    LONG_AGO,
    MOVED,
    NOTED,
    NOTED_AT,
    OFFERED_AT,
    PLACE,
    PROCESS_FIELDS,
    READS,
    READS_AT,
    SOURCE,
    SOURCES_END,
    STALLS_AT,
    STEPPED,
    TAKEN,
    TAKEN_AT,
    TARGET,
    TARGETS_END,
    Ints,
    Kind,
    Network,
    settle,
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

Stall: TypeAlias = Callable[[], int]


@dataclass(frozen=True)
class Pipeline:
    """What has passed a pipeline.

    Args:
        accepted: cycles in which items entered.
        reads: of each output, cycles in which they left its FIFO.
    """

    accepted: Ints
    reads: tuple[Ints, ...]

    def fewest_places(self, output: int) -> int:
        """Places with which nothing would have come later, however many there were."""
        gone = np.searchsorted(self.reads[output], self.accepted)
        return max(1, int((np.arange(1, len(gone) + 1) - gone).max(initial=1)))


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
    stall: Stall | None = None,
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
    builder = _Builder(maps, stall)
    for port in inputs:
        beats, entering = builder.beats(port), builder.channel(port.stream)
        builder.add(Kind.SOURCE, [], [beats], [maps * port.beats], stalled=maps * port.beats)
        builder.add(Kind.COLLECTING, [beats], [entering], [port.beats_per_token])
    pipelines: dict[str, int] = {}
    for actor in actors:
        if isinstance(actor, TokenStage | Fifo):
            pipelines[actor.name] = len(builder.kinds)
        builder.add_actor(actor)
    leaving: list[tuple[int, int]] = []
    for port in outputs:
        beats = builder.beats(port)
        builder.add(Kind.SPREADING, [builder.channel(port.stream)], [beats], [port.beats_per_token])
        builder.add(Kind.SINK, [beats], [], [], stalled=maps * port.beats)
        leaving.append((beats, port.beats))
    network = builder.network()
    settle(network, *builder.neighbours())
    if any(network.channels[beats, TAKEN] < maps * count for beats, count in leaving):
        return None
    ends = []
    for beats, count in leaving:
        last = network.channels[beats, TAKEN_AT] + count * np.arange(1, maps + 1) - 1
        ends.append(tuple(network.cycles[last].tolist()))
    return Run(tuple(ends), {name: _passed(network, process) for name, process in pipelines.items()})


def _passed(network: Network, process: int) -> Pipeline:
    """The record of a pipeline."""

    def part(start: int, count: int) -> Ints:
        return network.cycles[start : start + count]

    own = network.processes[process]
    links = network.links[own[TARGET] : own[TARGETS_END]]
    return Pipeline(part(own[NOTED_AT], own[NOTED]), tuple(part(link[READS_AT], link[READS]) for link in links))


@dataclass
class _Builder:
    """Processes and channels, as lists that grow.

    Args:
        maps: how many will pass.
        stall: cycles by which ends are late.
    """

    maps: int
    stall: Stall | None
    kinds: list[int] = field(default_factory=list)
    _parameters: list[list[int]] = field(default_factory=list)
    _ends: list[tuple[list[int], list[int]]] = field(default_factory=list)
    _noted: list[int] = field(default_factory=list)
    _stalls: list[Ints] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)
    _used: int = 0

    def channel(self, stream: TokenStream) -> int:
        """The channel of a stream."""
        if stream.name not in self._known:
            self._known[stream.name] = self._new(self.maps * stream.tokens)
        return self._known[stream.name]

    def beats(self, port: TokenPort) -> int:
        """A channel for the beats of an interface."""
        return self._new(self.maps * port.beats)

    def _new(self, tokens: int) -> int:
        self._sizes.append(tokens)
        return len(self._sizes) - 1

    def add(
        self,
        kind: Kind,
        sources: Sequence[int],
        targets: Sequence[int],
        parameters: Sequence[int],
        *,
        noted: int = 0,
        stalled: int = 0,
    ) -> None:
        """A process between channels.

        Args:
            kind: what it does.
            sources: channels that it reads.
            targets: channels that it writes.
            parameters: as `Kind` says.
            noted: how many cycles it has to remember.
            stalled: how often it can be late.
        """
        self.kinds.append(int(kind))
        self._parameters.append(list(parameters))
        self._ends.append((list(sources), list(targets)))
        self._noted.append(noted)
        delays = [] if self.stall is None else [self.stall() for _ in range(stalled)]
        self._stalls.append(np.array(delays, np.int64))

    def add_actor(self, actor: Actor) -> None:
        """The process of an actor."""
        sources, targets = ([self.channel(stream) for stream in side] for side in (actor.sources, actor.targets))
        items = self._sizes[(sources or targets)[0]]
        match actor:
            case Draw():
                self.add(Kind.DRAWING, sources, targets, [items])
            case WindowBuffer(geometry=geometry):
                rows, columns = (size + gap for size, gap in zip(geometry.sizes, geometry.gaps, strict=True))
                first_row, first_column = (
                    gap - front + reach
                    for gap, front, reach in zip(geometry.gaps, geometry.fronts, geometry.reach, strict=True)
                )
                walk = [rows, columns, *geometry.gaps, *geometry.strides, *geometry.counts]
                self.add(Kind.WINDOWING, sources, targets, [*walk, first_row * columns + first_column])
            case TokenStage(core=core, places=places):
                timing = [core.latency_cycles, core.interval_cycles, places]
                self.add(Kind.PIPELINE, sources, targets, timing, noted=items)
            case Fork():
                self.add(Kind.FORKING, sources, targets, [])
            case Fifo(places=places):
                self.add(Kind.PIPELINE, sources, targets, [0, 1, places], noted=items)
            case Regroup(gathers=gathers, factor=factor):
                self.add(Kind.COLLECTING if gathers else Kind.SPREADING, sources, targets, [factor])
            case Accumulate(factor=factor):
                self.add(Kind.COLLECTING, sources, targets, [factor])
            case Expand(columns=columns, factors=factors):
                rows = items // columns
                self.add(Kind.EXPANDING, sources, targets, [columns, *factors], noted=rows)

    def network(self) -> Network:
        """All of it before the first cycle."""
        channels = np.zeros((len(self._sizes), CHANNEL_FIELDS), np.int64)
        for row, size in zip(channels, self._sizes, strict=True):
            row[OFFERED_AT], row[TAKEN_AT] = self._room(size), self._room(size)
        processes = np.zeros((len(self.kinds), PROCESS_FIELDS), np.int64)
        links: list[tuple[int, int, int]] = []
        delays: list[tuple[int, Ints]] = []
        for row, kind, own, ends, noted, stalls in zip(
            processes, self.kinds, self._parameters, self._ends, self._noted, self._stalls, strict=True
        ):
            row[KIND], row[COUNT : COUNT + len(own)] = kind, own
            row[PLACE], row[STEPPED], row[MOVED] = 0, LONG_AGO, LONG_AGO
            if kind == Kind.EXPANDING:
                row[LAST_READ] = LONG_AGO
            for side, first, end in ((0, SOURCE, SOURCES_END), (1, TARGET, TARGETS_END)):
                row[first] = len(links)
                is_read = kind == Kind.PIPELINE and side == 1
                links += [(channel, self._room(self._sizes[channel] if is_read else 0), 0) for channel in ends[side]]
                row[end] = len(links)
            row[NOTED_AT], row[STALLS_AT] = self._room(noted), self._room(len(stalls)) if len(stalls) else -1
            delays += [(int(row[STALLS_AT]), stalls)] if len(stalls) else []
        cycles = np.zeros(self._used, np.int64)
        for start, stalls in delays:
            cycles[start : start + len(stalls)] = stalls
        return Network(processes, channels, np.array(links, np.int64).reshape(-1, LINK_FIELDS), cycles)

    def _room(self, cycles: int) -> int:
        """Where a list of so many cycles begins."""
        self._used += cycles
        return self._used - cycles

    def neighbours(self) -> tuple[Ints, Ints]:
        """Of each process, those at the other ends of its channels, one process after another; where each begins."""
        users: dict[int, set[int]] = {}
        for process, (sources, targets) in enumerate(self._ends):
            for channel in (*sources, *targets):
                users.setdefault(channel, set()).add(process)
        found = [
            sorted({other for channel in (*sources, *targets) for other in users[channel]} - {process})
            for process, (sources, targets) in enumerate(self._ends)
        ]
        return _flat(found), _starts([len(others) for others in found])


def _flat(lists: Sequence[Sequence[int]]) -> Ints:
    return np.array([item for each in lists for item in each], np.int64)


def _starts(sizes: Sequence[int]) -> Ints:
    """Where lists of these sizes begin, one behind another, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(sizes, np.int64))])
