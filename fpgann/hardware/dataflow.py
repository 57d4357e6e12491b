# SPDX-License-Identifier: Apache-2.0
"""When every token of a network of maps passes: a model of the circuits that is exact to the cycle.

A stream has two lists: the cycle in which each token is first offered (valid), and the one in which it is taken (valid
and ready). What an entity of hdl/ does with valid and ready are equations between such cycles: each is a maximum of
earlier ones and constants, so they can be solved token by token, in any order, without a step for every cycle. Where
no more tokens pass though some are left, the network hangs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Expand,
    Fifo,
    Fork,
    Regroup,
    TokenPort,
    TokenStage,
    TokenStream,
    WindowBuffer,
)

UNBOUNDED = 1 << 40
_LONG_AGO = -(1 << 30)  # after a reset buffers walk over the padding in front of the first map


@dataclass(slots=True)
class Channel:
    """The tokens of a stream: cycles in which they are offered and taken."""

    offered: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)


class Process(ABC):
    """An actor at work."""

    @abstractmethod
    def advance(self) -> bool:
        """Pass on whatever can be; whether anything was."""


class Source(Process):
    """Offers so many items, each as soon as the last one is taken."""

    def __init__(self, out: Channel, count: int) -> None:
        self.out, self.count = out, count

    def advance(self) -> bool:
        """Pass on what can be."""
        out, before = self.out, len(self.out.offered)
        while len(out.offered) < self.count and len(out.offered) == len(out.taken):
            out.offered.append(out.taken[-1] + 1 if out.taken else 0)
        return len(out.offered) > before


class Sink(Process):
    """Takes everything at once."""

    def __init__(self, entering: Channel) -> None:
        self.entering = entering

    def advance(self) -> bool:
        """Pass on what can be."""
        entering, before = self.entering, len(self.entering.taken)
        entering.taken += entering.offered[before:]
        return len(entering.taken) > before


class Collecting(Process):
    """One item out of `count`; the first of the next ones enters as the result leaves."""

    def __init__(self, entering: Channel, out: Channel, count: int) -> None:
        self.entering, self.out, self.count = entering, out, count

    def advance(self) -> bool:
        """Pass on what can be."""
        entering, out, before = self.entering, self.out, len(self.entering.taken)
        while len(entering.taken) < len(entering.offered):
            word, index = divmod(len(entering.taken), self.count)
            if index == 0 and word > len(out.taken):
                break
            free = out.taken[word - 1] if index == 0 and word else _LONG_AGO
            entering.taken.append(max(entering.offered[len(entering.taken)], free))
            if index == self.count - 1:
                out.offered.append(entering.taken[-1] + 1)
        return len(entering.taken) > before


class Spreading(Process):
    """`count` items out of one; the next one enters as the last of them leaves."""

    def __init__(self, entering: Channel, out: Channel, count: int) -> None:
        self.entering, self.out, self.count = entering, out, count

    def advance(self) -> bool:
        """Pass on what can be."""
        entering, out, before = self.entering, self.out, len(self.out.offered)
        while len(out.offered) == len(out.taken):
            word, index = divmod(len(out.offered), self.count)
            if index:
                out.offered.append(out.taken[-1] + 1)
                continue
            if word == len(entering.offered):
                break
            entering.taken.append(max(entering.offered[word], out.taken[-1] if out.taken else _LONG_AGO))
            out.offered.append(entering.taken[-1] + 1)
        return len(out.offered) > before


class Forking(Process):
    """Offers an item to all, and has it taken when all have."""

    def __init__(self, entering: Channel, outs: Sequence[Channel]) -> None:
        self.entering, self.outs = entering, outs

    def advance(self) -> bool:
        """Pass on what can be."""
        entering, before = self.entering, len(self.entering.taken) + len(self.outs[0].offered)
        while True:
            if len(self.outs[0].offered) == len(entering.taken) < len(entering.offered):
                for out in self.outs:
                    out.offered.append(entering.offered[len(entering.taken)])
            waiting = len(self.outs[0].offered) > len(entering.taken)
            if not waiting or any(len(out.taken) == len(entering.taken) for out in self.outs):
                break
            entering.taken.append(max(out.taken[-1] for out in self.outs))
        return len(entering.taken) + len(self.outs[0].offered) > before


class Pipeline(Process):
    """A join, a pipeline without backpressure, and FIFOs behind it in which each result has a place from the start."""

    def __init__(
        self,
        entering: Sequence[Channel],
        outs: Sequence[Channel],
        *,
        latency: int,
        interval: int,
        places: Sequence[int],
    ) -> None:
        self.entering, self.outs, self.places = entering, outs, places
        self.latency, self.interval = latency, interval
        self.accepted: list[int] = []
        self.reads: list[list[int]] = [[] for _ in outs]

    def advance(self) -> bool:
        """Pass on what can be."""
        before = len(self.accepted) + sum(map(len, self.reads))
        while self._read() | self._accept():
            pass
        return len(self.accepted) + sum(map(len, self.reads)) > before

    def _accept(self) -> bool:
        number = len(self.accepted)
        if any(len(channel.offered) == number for channel in self.entering):
            return False
        cycle = max(channel.offered[number] for channel in self.entering)
        if number:
            cycle = max(cycle, self.accepted[-1] + self.interval)
        for reads, places in zip(self.reads, self.places, strict=True):
            if number >= places:
                if len(reads) <= number - places:
                    return False
                cycle = max(cycle, reads[number - places] + 1)
        self.accepted.append(cycle)
        for channel in self.entering:
            channel.taken.append(cycle)
        return True

    def _read(self) -> bool:
        moved = False
        for out, reads in zip(self.outs, self.reads, strict=True):
            while len(reads) < len(self.accepted) and len(out.taken) == len(reads):
                cycle = self.accepted[len(reads)] + self.latency + 1
                if reads:
                    cycle = max(cycle, out.taken[-1], reads[-1] + 1)
                reads.append(cycle)
                out.offered.append(cycle + 1)
                moved = True
        return moved

    def fewest_places(self, output: int) -> int:
        """Places with which nothing would have come later, however many there were."""
        reads, needed, left = self.reads[output], 1, 0
        for number, cycle in enumerate(self.accepted):
            while left < len(reads) and reads[left] < cycle:
                left += 1
            needed = max(needed, number + 1 - left)
        return needed


class Windowing(Process):
    """Walks over the places of a map and its padding; takes tokens on its way, and windows leave where they end."""

    def __init__(self, entering: Channel, out: Channel, actor: WindowBuffer) -> None:
        self.entering, self.out = entering, out
        geometry = actor.geometry
        self.gaps, self.strides, self.counts = geometry.gaps, geometry.strides, geometry.counts
        self.rows, self.columns = (s + g for s, g in zip(geometry.sizes, geometry.gaps, strict=True))
        first_row, first_column = (
            gap - front + reach
            for gap, front, reach in zip(geometry.gaps, geometry.fronts, geometry.reach, strict=True)
        )
        self.first = first_row * self.columns + first_column
        self.place = 0  # counted from the reset on
        self.stepped = _LONG_AGO
        self.moved = _LONG_AGO
        self.is_held = False

    def advance(self) -> bool:
        """Pass on what can be."""
        before = self.place, self.is_held
        while self._move() | self._step():
            pass
        return (self.place, self.is_held) != before

    def _step(self) -> bool:
        if self.is_held:
            return False
        row, column = divmod(self.place % (self.rows * self.columns), self.columns)
        is_inside = row >= self.gaps[0] and column >= self.gaps[1]
        token, cycle = len(self.entering.taken), max(self.stepped + 1, self.moved)
        is_early = not is_inside and (row, column) < self.gaps and row * self.columns + column >= self.first
        if is_inside or is_early:
            if token == len(self.entering.offered):
                return False
            cycle = max(cycle, self.entering.offered[token])
        self.stepped, self.is_held = cycle, True
        if is_inside:
            self.entering.taken.append(cycle)
        return True

    def _move(self) -> bool:
        if not self.is_held or len(self.out.taken) < len(self.out.offered):
            return False
        cycle = self.stepped + 1
        if self.out.taken:
            cycle = max(cycle, self.out.taken[-1])
        self.moved, self.is_held = cycle, False
        if self._ends():
            self.out.offered.append(cycle + 1)
        self.place += 1
        return True

    def _ends(self) -> bool:
        """Whether a window ends at this place."""
        if self.place < self.first:
            return False
        row, column = divmod((self.place - self.first) % (self.rows * self.columns), self.columns)
        across, down = self.strides[1], self.strides[0]
        in_row = column % across == 0 and column // across < self.counts[1]
        return in_row and row % down == 0 and row // down < self.counts[0]


class Expanding(Process):
    """Rows in a memory of two, each read several times."""

    def __init__(self, entering: Channel, out: Channel, actor: Expand) -> None:
        self.entering, self.out = entering, out
        self.columns, self.factors = actor.columns, actor.factors
        self.releases: list[int] = []  # of each row: when its last token was read
        self.read = _LONG_AGO

    def advance(self) -> bool:
        """Pass on what can be."""
        before = len(self.entering.taken) + len(self.out.offered)
        while self._write() | self._read():
            pass
        return len(self.entering.taken) + len(self.out.offered) > before

    def _write(self) -> bool:
        entering, number = self.entering, len(self.entering.taken)
        if number == len(entering.offered):
            return False
        # the row that is read keeps its places until it is released
        row = number // self.columns - 1
        free = _LONG_AGO
        if row >= 1:
            if len(self.releases) < row:
                return False
            free = self.releases[row - 1] + 1
        entering.taken.append(max(entering.offered[number], free))
        return True

    def _read(self) -> bool:
        out, number = self.out, len(self.out.offered)
        if len(out.taken) < number:
            return False
        down, across = self.factors
        row, place = divmod(number, self.columns * down * across)
        column = place % (self.columns * across) // across
        token = row * self.columns + column
        if token >= len(self.entering.taken):
            return False
        cycle = max(self.entering.taken[token] + 1, self.read + 1)
        if out.taken:
            cycle = max(cycle, out.taken[-1])
        self.read = cycle
        out.offered.append(cycle + 1)
        if place == self.columns * down * across - 1:
            self.releases.append(cycle)
        return True


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


def run(inputs: Iterable[TokenPort], outputs: Iterable[TokenPort], actors: Iterable[Actor], maps: int) -> Run | None:
    """Let maps pass as fast as they can.

    Args:
        inputs: interfaces where they enter.
        outputs: interfaces where they leave.
        actors: the network.
        maps: how many.

    Returns:
        What has passed; None if the network hangs.
    """
    channels: dict[str, Channel] = {}

    def channel(stream: TokenStream) -> Channel:
        return channels.setdefault(stream.name, Channel())

    processes: list[Process] = []
    for port in inputs:
        beats = Channel()
        processes.append(Source(beats, maps * port.beats))
        processes.append(Collecting(beats, channel(port.stream), port.beats_per_token))
    pipelines: dict[str, Pipeline] = {}
    for actor in actors:
        process = _process(actor, [channel(s) for s in actor.sources], [channel(t) for t in actor.targets])
        processes.append(process)
        if isinstance(process, Pipeline):
            pipelines[actor.name] = process
    leaving: list[tuple[Channel, int]] = []
    for port in outputs:
        beats = Channel()
        processes += [Spreading(channel(port.stream), beats, port.beats_per_token), Sink(beats)]
        leaving.append((beats, port.beats))
    while sum(process.advance() for process in processes):
        pass
    if any(len(beats.taken) < maps * count for beats, count in leaving):
        return None
    ends = (tuple(beats.taken[(number + 1) * count - 1] for number in range(maps)) for beats, count in leaving)
    return Run(tuple(ends), pipelines)


def _process(actor: Actor, entering: list[Channel], outs: list[Channel]) -> Process:
    match actor:
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
