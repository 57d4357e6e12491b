# SPDX-License-Identifier: Apache-2.0
"""FIFOs in a network of maps, and the cycles that it takes: both from the model of its dataflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from fpgann.errors import VerificationError
from fpgann.hardware.dataflow import UNBOUNDED
from fpgann.hardware.dataflow_run import Run, run
from fpgann.hardware.map_ways import shorter_ways
from fpgann.hardware.names import MAP_SUFFIXES, MAP_TOP_NAMES, Namespace
from fpgann.hardware.token_graph import Actor, Draw, Fifo, TokenPort, TokenStage, TokenStream, WindowBuffer

_FEWEST_MAPS = 3
_MOST_MAPS = 64
_EVENTS = 2_000_000  # tokens that runs of the model may move to find the fewest places of FIFOs


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a FIFO goes.

    Args:
        way: in front of what reads this stream.
        name: of the FIFO.
        places: how deep.
    """

    way: TokenStream
    name: str
    places: int


def with_fifos(inputs: tuple[TokenPort, ...], outputs: tuple[TokenPort, ...], actors: list[Actor]) -> list[Actor]:
    """Add FIFOs where tokens of a shorter way wait for those of a longer one, and where they make maps come faster.

    The depths of the first kind come from a run with FIFOs of any depth: its course is one that the finished network
    can take, and a network of such actors that can go on in one way does so in all, whatever stalls (their order of
    reading and writing does not depend on time).

    The second kind stands in front of windows: while a map ends and the next one begins, windows leave without new
    tokens, or tokens enter without windows. Rows that wait in a FIFO let the pipelines on both sides go on.

    Raises:
        VerificationError: even these do not let all maps through.
    """
    known = {stream.name for actor in actors for stream in (*actor.sources, *actor.targets)}
    known |= {actor.name for actor in actors}
    names = Namespace({*MAP_TOP_NAMES, *(f"{name}{suffix}" for name in known for suffix in MAP_SUFFIXES)})
    ways = [_Place(way, _named(names, f"{way.name}_waiting"), UNBOUNDED) for way in shorter_ways(actors)]
    maps = maps_to_fill(inputs, outputs, _inserted(actors, ways))
    buffers = _useful(inputs, outputs, _inserted(actors, ways), _buffers(actors, names), maps)
    found = _inserted(actors, [*ways, *buffers])
    measured = _passing(run(inputs, outputs, found, maps))
    deepest = {a.name: measured.pipelines[a.name].fewest_places(0) for a in found if isinstance(a, Fifo)}
    return _trimmed(inputs, outputs, _with_places(found, deepest), 2 * maps)


def _trimmed(
    inputs: tuple[TokenPort, ...], outputs: tuple[TokenPort, ...], actors: list[Actor], maps: int
) -> list[Actor]:
    """FIFOs with no more places than it takes to have the first map and the last one as early as with these.

    A FIFO can hold more than it has to: what could come later as well has come early. One after another, those of
    most bits first, they get the fewest places that do, found by bisection; where runs of the model take long, only
    so many are made, and the rest stay as they are.
    """
    fifos = [actor for actor in actors if isinstance(actor, Fifo)]
    effort = maps * sum(stream.tokens for actor in actors for stream in actor.targets)
    runs_left = max(1, _EVENTS // effort)
    aim = _passing(run(inputs, outputs, actors, maps)).output_ends
    for fifo in sorted(fifos, key=lambda fifo: -fifo.places * fifo.source.bits):
        low, high = 1, fifo.places
        while low < high and runs_left:
            middle, runs_left = (low + high) // 2, runs_left - 1
            found = run(inputs, outputs, _with_places(actors, {fifo.name: middle}), maps)
            if found is not None and is_as_early(found.output_ends, aim):
                high = middle
            else:
                low = middle + 1
        actors = _with_places(actors, {fifo.name: high})
    return actors


def is_as_early(ends: Sequence[Sequence[int]], aim: Sequence[Sequence[int]]) -> bool:
    """Whether the first map leaves as early, and the last one."""
    return all(own[0] <= wanted[0] and own[-1] <= wanted[-1] for own, wanted in zip(ends, aim, strict=True))


def _with_places(actors: Sequence[Actor], places: Mapping[str, int]) -> list[Actor]:
    """The network with other depths of FIFOs."""
    return [replace(a, places=places[a.name]) if isinstance(a, Fifo) and a.name in places else a for a in actors]


def maps_to_fill(inputs: Sequence[TokenPort], outputs: Sequence[TokenPort], actors: Sequence[Actor]) -> int:
    """As many maps as are on their way at once, and some more."""
    ends = _passing(run(inputs, outputs, actors, _FEWEST_MAPS)).ends
    inside = ends[0] // max(1, ends[-1] - ends[-2])
    return min(_MOST_MAPS, _FEWEST_MAPS + inside)


def _named(names: Namespace, wanted: str) -> str:
    """A name for a FIFO and the stream behind it, unlike all that the top entity calls by another."""
    return names.claim(wanted, "stream", suffixes=MAP_SUFFIXES)


def _buffers(actors: Sequence[Actor], names: Namespace) -> list[_Place]:
    """FIFOs in front of windows that slow pipelines read: as deep as rows come without windows."""
    slow = {
        stream.name
        for actor in actors
        if isinstance(actor, TokenStage) and actor.core.interval_cycles > 1
        for stream in actor.sources
    }
    found = []
    for actor in actors:
        if not isinstance(actor, WindowBuffer) or actor.target.name not in slow:
            continue
        geometry = actor.geometry
        idle = geometry.sizes[0] + geometry.gaps[0] - (geometry.counts[0] - 1) * geometry.strides[0] - 1
        rows = max(idle, geometry.strides[0] - 1)
        if rows > 0:
            name = _named(names, f"{actor.source.name}_rows")
            found.append(_Place(actor.source, name, rows * geometry.sizes[1]))
    return found


def _useful(
    inputs: tuple[TokenPort, ...],
    outputs: tuple[TokenPort, ...],
    actors: list[Actor],
    places: list[_Place],
    maps: int,
) -> list[_Place]:
    """The FIFOs without which maps would come more slowly."""

    def interval(chosen: list[_Place]) -> int:
        ends = _passing(run(inputs, outputs, _inserted(actors, chosen), maps)).ends
        return ends[-1] - ends[-2]

    if not places:
        return []
    best = interval(places)
    if interval([]) <= best:
        return []
    kept = places
    for place in places:
        fewer = [other for other in kept if other is not place]
        if interval(fewer) <= best:
            kept = fewer
    return kept


def _inserted(actors: Sequence[Actor], places: Sequence[_Place]) -> list[Actor]:
    """The network with FIFOs in front of readers."""
    found = list(actors)
    for place in places:
        delayed = replace(place.way, name=place.name)
        reader = next(i for i, actor in enumerate(found) if place.way in actor.sources)
        found[reader] = _reading(found[reader], place.way, delayed)
        found.insert(reader, Fifo(place.name, place.way, delayed, place.places))
    return found


def _reading(actor: Actor, old: TokenStream, new: TokenStream) -> Actor:
    """An actor that reads another stream in the place of one."""
    if isinstance(actor, TokenStage):
        return replace(actor, sources=tuple(new if stream is old else stream for stream in actor.sources))
    assert not isinstance(actor, Draw)  # which reads nothing
    return replace(actor, source=new)


def timing(inputs: tuple[TokenPort, ...], outputs: tuple[TokenPort, ...], actors: list[Actor]) -> tuple[int, int, int]:
    """Latency, interval, and after how many maps results come at that interval.

    Outputs that have nothing in common may run at different speeds: the slowest one counts.

    Raises:
        VerificationError: the network hangs.
    """
    maps = maps_to_fill(inputs, outputs, actors)
    latency = _passing(run(inputs, outputs, actors, 1)).ends[0]
    while True:
        maps = min(2 * maps, 2 * _MOST_MAPS)
        found = _passing(run(inputs, outputs, actors, maps))
        intervals = [[b - a for a, b in pairwise(ends)] for ends in found.output_ends]
        settling = max(map(_settling, intervals))
        if settling < maps - 2 or maps > _MOST_MAPS:
            return latency, max(of_output[-1] for of_output in intervals), settling


def _settling(intervals: Sequence[int]) -> int:
    """How many intervals pass before all that follow are equal."""
    return next(i for i in range(len(intervals)) if len(set(intervals[i:])) == 1)


def _passing(found: Run | None) -> Run:
    if found is None:
        hint = "this is a bug of fpgann, please report it"
        raise VerificationError("tokens wait for each other for ever", where="the network of maps", hint=hint)
    return found
