# SPDX-License-Identifier: Apache-2.0
"""Ways through a network that part and meet again: on which of them tokens have to wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Expand,
    Regroup,
    TokenStage,
    TokenStream,
    WindowBuffer,
)

Delay: TypeAlias = tuple[float, int]  # maps that have to enter before something leaves, cycles


def shorter_ways(actors: Sequence[Actor]) -> list[TokenStream]:
    """Streams behind a parting whose tokens come to a meeting before those of another way.

    Args:
        actors: the network, in the order of the data.
    """
    reader = {stream.name: number for number, actor in enumerate(actors) for stream in actor.sources}
    delays = [_delay(actor) for actor in actors]
    found = []
    for number, actor in enumerate(actors):
        if len(actor.targets) < 2:
            continue
        ways = [_meetings(actors, reader, delays, target, number) for target in actor.targets]
        for way, target in zip(ways, actor.targets, strict=True):
            if any(_is_shorter(way[m], m, ways, way) for m in way):
                found.append(target)
    return found


def _is_shorter(delay: Delay, meeting: int, ways: list[dict[int, Delay]], own: dict[int, Delay]) -> bool:
    """Whether another way to the same meeting takes longer; of equal ones all but the last wait."""
    later = [way for way in ways if way is not own and meeting in way]
    if any(way[meeting] > delay for way in later):
        return True
    position = next(i for i, way in enumerate(ways) if way is own)
    return any(way is not own and meeting in way and way[meeting] == delay for way in ways[position + 1 :])


def _meetings(
    actors: Sequence[Actor], reader: dict[str, int], delays: list[Delay], start: TokenStream, origin: int
) -> dict[int, Delay]:
    """Actors with several sources that can be reached, with the longest delay on the way there."""
    reached: dict[int, Delay] = {}
    if start.name not in reader:
        return {}
    reached[reader[start.name]] = (0.0, 0)
    for number in range(origin + 1, len(actors)):
        if number not in reached:
            continue
        maps, cycles = reached[number]
        behind = (maps + delays[number][0], cycles + delays[number][1])
        for target in actors[number].targets:
            if target.name in reader:
                following = reader[target.name]
                reached[following] = max(reached.get(following, behind), behind)
    return {number: delay for number, delay in reached.items() if len(actors[number].sources) > 1}


def _delay(actor: Actor) -> Delay:
    """How much of a map has to enter before the first token leaves."""
    match actor:
        case WindowBuffer(geometry=geometry):
            rows, columns = (s + g for s, g in zip(geometry.sizes, geometry.gaps, strict=True))
            ends = [r - f for r, f in zip(geometry.reach, geometry.fronts, strict=True)]
            return max(0, ends[0] * columns + ends[1]) / (rows * columns), 2
        case Regroup(gathers=True) | Accumulate():
            return 1 / actor.target.tokens, 1
        case Expand():
            return 0.0, 2
        case TokenStage(core=core):
            return 0.0, core.latency_cycles + 2
    return 0.0, 1
