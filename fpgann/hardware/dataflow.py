# SPDX-License-Identifier: Apache-2.0
"""When every token of a network of maps passes: a model of the circuits that is exact to the cycle.

A stream has two lists: the cycle in which each token is first offered (valid), and the one in which it is taken (valid
and ready). What an entity of hdl/ does with valid and ready are equations between such cycles: each is a maximum of
earlier ones and constants, so they can be solved token by token, in any order, without a step for every cycle. Where
no more tokens pass though some are left, the network hangs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fpgann.hardware.token_graph import Expand, WindowBuffer

UNBOUNDED = 1 << 40
Stall: TypeAlias = Callable[[], int]
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
    """Offers so many items, each as soon as the last one is taken, or as many cycles later as `stall` says."""

    def __init__(self, out: Channel, count: int, stall: Stall) -> None:
        self.out, self.count, self.stall = out, count, stall

    def advance(self) -> bool:
        """Pass on what can be."""
        out, before = self.out, len(self.out.offered)
        while len(out.offered) < self.count and len(out.offered) == len(out.taken):
            out.offered.append((out.taken[-1] + 1 if out.taken else 0) + self.stall())
        return len(out.offered) > before


class Drawing(Process):
    """Offers so many items, each as soon as the last one is taken, the first one long ago."""

    def __init__(self, out: Channel, count: int) -> None:
        self.out, self.count = out, count

    def advance(self) -> bool:
        """Pass on what can be."""
        out = self.out
        if len(out.offered) == self.count or len(out.offered) > len(out.taken):
            return False
        out.offered.append(out.taken[-1] + 1 if out.taken else _LONG_AGO)
        return True


class Sink(Process):
    """Takes everything at once, or as many cycles later as `stall` says."""

    def __init__(self, entering: Channel, stall: Stall) -> None:
        self.entering, self.stall = entering, stall

    def advance(self) -> bool:
        """Pass on what can be."""
        entering, before = self.entering, len(self.entering.taken)
        for offered in entering.offered[before:]:
            entering.taken.append(offered + self.stall())
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
        moved = False
        while self._read() | self._accept():
            moved = True
        return moved

    def _accept(self) -> bool:
        number = len(self.accepted)
        cycle = self.accepted[-1] + self.interval if number else _LONG_AGO
        for channel in self.entering:
            if len(channel.offered) == number:
                return False
            cycle = max(cycle, channel.offered[number])
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
