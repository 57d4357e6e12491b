# SPDX-License-Identifier: Apache-2.0
"""When every token of a network of maps passes: a model of the circuits that is exact to the cycle, compiled.

A stream has two lists: the cycle in which each token is first offered (valid), and the one in which it is taken (valid
and ready). What an entity of hdl/ does with valid and ready are equations between such cycles: each is a maximum of
earlier ones and constants, so they can be solved token by token, in any order, without a step for every cycle. Where
no more tokens pass though some are left, the network hangs.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fpgann.kernel.compiled import compiled

UNBOUNDED = 1 << 40
Ints = npt.NDArray[np.int64]
LONG_AGO = -(1 << 30)  # after a reset buffers walk over the padding in front of the first map


class Kind(enum.IntEnum):
    """What a process does; behind it, its parameters.

    SOURCE: offers `count` items, each as soon as the last one is taken, or as many cycles later as it is stalled.
    DRAWING: offers `count` items, each as soon as the last one is taken, the first one long ago.
    SINK: takes everything at once, or as many cycles later as it is stalled.
    COLLECTING: one item out of `count`; the first of the next ones enters as the result leaves.
    SPREADING: `count` items out of one; the next one enters as the last of them leaves.
    FORKING: offers an item to all, and has it taken when all have.
    PIPELINE: a join, a pipeline of `latency` and `interval` without backpressure, and FIFOs of `places` behind it in
        which each result has a place from the start.
    WINDOWING: walks over the places of a map and its padding; takes tokens on its way, and windows leave where they
        end: rows and columns with their gaps, gaps, strides, counts (each down, then across), the first place.
    EXPANDING: rows of `columns` tokens in a memory of two, each read `down` times, each token `across` times.
    """

    SOURCE = 0
    DRAWING = 1
    SINK = 2
    COLLECTING = 3
    SPREADING = 4
    FORKING = 5
    PIPELINE = 6
    WINDOWING = 7
    EXPANDING = 8


_SOURCE, _DRAWING, _SINK, _COLLECTING, _SPREADING, _FORKING, _PIPELINE, _WINDOWING, _EXPANDING = range(9)
KIND, COUNT = 0, 1  # of a process; behind its kind, its parameters
LATENCY, INTERVAL, PLACES = range(1, 4)
ROWS, COLUMNS, GAP_DOWN, GAP_ACROSS, STRIDE_DOWN, STRIDE_ACROSS, COUNT_DOWN, COUNT_ACROSS, FIRST = range(1, 10)
LENGTH, DOWN, ACROSS = range(1, 4)
PLACE, STEPPED, MOVED, IS_HELD = range(10, 14)  # how far a walk is
LAST_READ = 10
SOURCE, SOURCES_END, TARGET, TARGETS_END = range(14, 18)  # its links
NOTED_AT, NOTED, STALLS_AT = range(18, 21)  # what it remembers, how much so far; how late it is, -1 for never
PROCESS_FIELDS = 21
OFFERED_AT, TAKEN_AT, OFFERED, TAKEN = range(4)  # of a channel: where its cycles are, and how many so far
CHANNEL_FIELDS = 4
CHANNEL, READS_AT, READS = range(3)  # of a link; when the FIFO behind a pipeline was read
LINK_FIELDS = 3


class Network(NamedTuple):
    """Processes between channels; few arrays, since each costs time in every call.

    Args:
        processes: shape (processes, PROCESS_FIELDS); links that a process reads and writes are neighbours.
        channels: shape (channels, CHANNEL_FIELDS).
        links: which channels processes read and write, shape (links, LINK_FIELDS).
        cycles: all lists of cycles. Of a channel, when tokens were first offered, and when they were taken; what
            processes remember: when a pipeline accepted items, when an expansion released rows.
    """

    processes: Ints
    channels: Ints
    links: Ints
    cycles: Ints


@compiled
def _source(net: Network, process: int) -> int:
    """The channel that a process reads, or the first of them."""
    return int(net.links[net.processes[process, SOURCE], CHANNEL])


@compiled
def _target(net: Network, process: int) -> int:
    """The channel that a process writes, or the first of them."""
    return int(net.links[net.processes[process, TARGET], CHANNEL])


@compiled
def _offer(net: Network, channel: int, cycle: int) -> None:
    net.cycles[net.channels[channel, OFFERED_AT] + net.channels[channel, OFFERED]] = cycle
    net.channels[channel, OFFERED] += 1


@compiled
def _take(net: Network, channel: int, cycle: int) -> None:
    net.cycles[net.channels[channel, TAKEN_AT] + net.channels[channel, TAKEN]] = cycle
    net.channels[channel, TAKEN] += 1


@compiled
def _last_taken(net: Network, channel: int) -> int:
    """The cycle in which the last token was taken; long ago where none was."""
    count = net.channels[channel, TAKEN]
    return int(net.cycles[net.channels[channel, TAKEN_AT] + count - 1]) if count else LONG_AGO


@compiled
def _stall(net: Network, process: int, number: int) -> int:
    first = net.processes[process, STALLS_AT]
    return int(net.cycles[first + number]) if first >= 0 else 0


@compiled
def _end(net: Network, process: int) -> bool:
    """A source, random numbers, or a sink."""
    kind, moved = net.processes[process, KIND], False
    if kind == _SINK:
        channel = _source(net, process)
        while net.channels[channel, TAKEN] < net.channels[channel, OFFERED]:
            number = net.channels[channel, TAKEN]
            _take(net, channel, net.cycles[net.channels[channel, OFFERED_AT] + number] + _stall(net, process, number))
            moved = True
        return moved
    channel = _target(net, process)
    number = net.channels[channel, OFFERED]
    if number < net.processes[process, COUNT] and number == net.channels[channel, TAKEN]:
        first = LONG_AGO if kind == _DRAWING else 0
        _offer(net, channel, (_last_taken(net, channel) + 1 if number else first) + _stall(net, process, number))
        moved = True
    return moved


@compiled
def _collect(net: Network, process: int) -> bool:
    entering, out = (
        _source(net, process),
        _target(net, process),
    )
    count, moved = net.processes[process, COUNT], False
    while net.channels[entering, TAKEN] < net.channels[entering, OFFERED]:
        number = net.channels[entering, TAKEN]
        word, index = number // count, number % count
        if index == 0 and word > net.channels[out, TAKEN]:
            break
        free = net.cycles[net.channels[out, TAKEN_AT] + word - 1] if index == 0 and word > 0 else LONG_AGO
        cycle = max(net.cycles[net.channels[entering, OFFERED_AT] + number], free)
        _take(net, entering, cycle)
        if index == count - 1:
            _offer(net, out, cycle + 1)
        moved = True
    return moved


@compiled
def _spread(net: Network, process: int) -> bool:
    entering, out = (
        _source(net, process),
        _target(net, process),
    )
    count, moved = net.processes[process, COUNT], False
    while net.channels[out, OFFERED] == net.channels[out, TAKEN]:
        number = net.channels[out, OFFERED]
        word = number // count
        if number % count > 0:
            _offer(net, out, _last_taken(net, out) + 1)
        elif word == net.channels[entering, OFFERED]:
            break
        else:
            cycle = max(net.cycles[net.channels[entering, OFFERED_AT] + word], _last_taken(net, out))
            _take(net, entering, cycle)
            _offer(net, out, cycle + 1)
        moved = True
    return moved


@compiled
def _fork(net: Network, process: int) -> bool:
    entering, moved = _source(net, process), False
    first, end = net.processes[process, TARGET], net.processes[process, TARGETS_END]
    while True:
        number = net.channels[entering, TAKEN]
        if net.channels[net.links[first, CHANNEL], OFFERED] == number < net.channels[entering, OFFERED]:
            for link in range(first, end):
                _offer(net, net.links[link, CHANNEL], net.cycles[net.channels[entering, OFFERED_AT] + number])
            moved = True
        if net.channels[net.links[first, CHANNEL], OFFERED] <= number:
            return moved
        cycle = LONG_AGO
        for link in range(first, end):
            if net.channels[net.links[link, CHANNEL], TAKEN] == number:
                return moved
            cycle = max(cycle, _last_taken(net, net.links[link, CHANNEL]))
        _take(net, entering, cycle)
        moved = True


@compiled
def _accept(net: Network, process: int) -> bool:
    """The next item enters a pipeline."""
    number, start = net.processes[process, NOTED], net.processes[process, NOTED_AT]
    cycle = net.cycles[start + number - 1] + net.processes[process, INTERVAL] if number else LONG_AGO
    for link in range(net.processes[process, SOURCE], net.processes[process, SOURCES_END]):
        channel = net.links[link, CHANNEL]
        if net.channels[channel, OFFERED] == number:
            return False
        cycle = max(cycle, net.cycles[net.channels[channel, OFFERED_AT] + number])
    before = number - net.processes[process, PLACES]
    if before >= 0:
        for link in range(net.processes[process, TARGET], net.processes[process, TARGETS_END]):
            if net.links[link, READS] <= before:
                return False
            cycle = max(cycle, net.cycles[net.links[link, READS_AT] + before] + 1)
    net.cycles[start + number] = cycle
    net.processes[process, NOTED] += 1
    for link in range(net.processes[process, SOURCE], net.processes[process, SOURCES_END]):
        _take(net, net.links[link, CHANNEL], cycle)
    return True


@compiled
def _read(net: Network, process: int) -> bool:
    """Results leave the FIFOs behind a pipeline."""
    moved = False
    for link in range(net.processes[process, TARGET], net.processes[process, TARGETS_END]):
        out, first = net.links[link, CHANNEL], net.links[link, READS_AT]
        while (
            net.links[link, READS] < net.processes[process, NOTED]
            and net.channels[out, TAKEN] == net.links[link, READS]
        ):
            number = net.links[link, READS]
            cycle = net.cycles[net.processes[process, NOTED_AT] + number] + net.processes[process, LATENCY] + 1
            if number:
                cycle = max(cycle, _last_taken(net, out), net.cycles[first + number - 1] + 1)
            net.cycles[first + number] = cycle
            number += 1
            net.links[link, READS] = number
            _offer(net, out, cycle + 1)
            moved = True
    return moved


@compiled
def _step(net: Network, process: int) -> bool:
    """A walk goes to its place, and takes a token there if one lies there."""
    if net.processes[process, IS_HELD]:
        return False
    p, entering = net.processes[process], _source(net, process)
    place = net.processes[process, PLACE] % (p[ROWS] * p[COLUMNS])
    row, column = place // p[COLUMNS], place % p[COLUMNS]
    is_inside = row >= p[GAP_DOWN] and column >= p[GAP_ACROSS]
    before = row < p[GAP_DOWN] or (row == p[GAP_DOWN] and column < p[GAP_ACROSS])
    cycle = max(net.processes[process, STEPPED] + 1, net.processes[process, MOVED])
    if is_inside or (before and place >= p[FIRST]):
        token = net.channels[entering, TAKEN]
        if token == net.channels[entering, OFFERED]:
            return False
        cycle = max(cycle, net.cycles[net.channels[entering, OFFERED_AT] + token])
    net.processes[process, STEPPED], net.processes[process, IS_HELD] = cycle, 1
    if is_inside:
        _take(net, entering, cycle)
    return True


@compiled
def _move(net: Network, process: int) -> bool:
    """A walk leaves its place; a window that ends there is offered."""
    out = _target(net, process)
    if not net.processes[process, IS_HELD] or net.channels[out, TAKEN] < net.channels[out, OFFERED]:
        return False
    cycle = max(net.processes[process, STEPPED] + 1, _last_taken(net, out))
    net.processes[process, MOVED], net.processes[process, IS_HELD] = cycle, 0
    p = net.processes[process]
    reached = net.processes[process, PLACE] - p[FIRST]
    if reached >= 0:
        place = reached % (p[ROWS] * p[COLUMNS])
        row, column = place // p[COLUMNS], place % p[COLUMNS]
        in_row = column % p[STRIDE_ACROSS] == 0 and column // p[STRIDE_ACROSS] < p[COUNT_ACROSS]
        if in_row and row % p[STRIDE_DOWN] == 0 and row // p[STRIDE_DOWN] < p[COUNT_DOWN]:
            _offer(net, out, cycle + 1)
    net.processes[process, PLACE] += 1
    return True


@compiled
def _store(net: Network, process: int) -> bool:
    """A token enters the memory of an expansion; the row that is read keeps its places until it is released."""
    entering = _source(net, process)
    number = net.channels[entering, TAKEN]
    if number == net.channels[entering, OFFERED]:
        return False
    row, free = number // net.processes[process, LENGTH] - 1, LONG_AGO
    if row >= 1:
        if net.processes[process, NOTED] < row:
            return False
        free = net.cycles[net.processes[process, NOTED_AT] + row - 1] + 1
    _take(net, entering, max(net.cycles[net.channels[entering, OFFERED_AT] + number], free))
    return True


@compiled
def _repeat(net: Network, process: int) -> bool:
    """A token leaves the memory of an expansion."""
    entering, out = (
        _source(net, process),
        _target(net, process),
    )
    columns, down, across = net.processes[process, LENGTH], net.processes[process, DOWN], net.processes[process, ACROSS]
    number = net.channels[out, OFFERED]
    if net.channels[out, TAKEN] < number:
        return False
    length = columns * down * across
    place = number % length
    token = number // length * columns + place % (columns * across) // across
    if token >= net.channels[entering, TAKEN]:
        return False
    stored = net.cycles[net.channels[entering, TAKEN_AT] + token] + 1
    cycle = max(stored, net.processes[process, LAST_READ] + 1, _last_taken(net, out))
    net.processes[process, LAST_READ] = cycle
    _offer(net, out, cycle + 1)
    if place == length - 1:
        net.cycles[net.processes[process, NOTED_AT] + net.processes[process, NOTED]] = cycle
        net.processes[process, NOTED] += 1
    return True


@compiled
def _advance(net: Network, process: int) -> bool:
    """Pass on whatever can be; whether anything was."""
    kind, moved = net.processes[process, KIND], False
    if kind <= _SINK:
        return _end(net, process)
    if kind == _COLLECTING:
        return _collect(net, process)
    if kind == _SPREADING:
        return _spread(net, process)
    if kind == _FORKING:
        return _fork(net, process)
    while True:
        if kind == _PIPELINE:
            first, second = _read(net, process), _accept(net, process)
        elif kind == _WINDOWING:
            first, second = _move(net, process), _step(net, process)
        else:
            first, second = _store(net, process), _repeat(net, process)
        if not (first or second):
            return moved
        moved = True


@compiled
def settle(net: Network, neighbours: Ints, neighbour_start: Ints) -> None:
    """Let all go on until none can: what a process does wakes those at the other ends of its channels.

    Args:
        net: the network; it changes.
        neighbours: of each process, those that share a channel with it, one process after another.
        neighbour_start: where those of each process begin; one entry more than processes.
    """
    count = len(net.processes)
    waking, is_waking = np.arange(count), np.ones(count, np.bool_)
    first, waiting = 0, count
    while waiting > 0:
        process = waking[first]
        first, waiting = (first + 1) % count, waiting - 1
        is_waking[process] = False
        if _advance(net, process):
            for link in range(neighbour_start[process], neighbour_start[process + 1]):
                other = neighbours[link]
                if not is_waking[other]:
                    is_waking[other] = True
                    waking[(first + waiting) % count] = other
                    waiting += 1
