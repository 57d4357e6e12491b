# SPDX-License-Identifier: Apache-2.0
"""Where the boxes of a network diagram go: columns from left to right, few crossings, no line through a box.

Sugiyama's method for acyclic graphs: a column for each box by its longest path, an empty place in every column that a
line crosses, an order within the columns by the mean place of the neighbours, then heights by the same means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

BOX_WIDTH, BOX_HEIGHT = 178.0, 80.0
COLUMN_PITCH = BOX_WIDTH + 52.0
_LINE_HEIGHT, _GAP, _MARGIN = 14.0, 20.0, 12.0
_SWEEPS = 6

Place: TypeAlias = tuple[str, int]
"""A box, or the place in a column that the lines leaving a box pass."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A finished layout, in pixels.

    Args:
        width: of the whole.
        height: of the whole.
        boxes: box -> its upper left corner.
        lines: (source, target) -> points of the line; between each two of them it runs level or as a smooth step.
    """

    width: float
    height: float
    boxes: Mapping[str, tuple[float, float]]
    lines: Mapping[tuple[str, str], tuple[tuple[float, float], ...]]


def lay_out(reads: Mapping[str, Sequence[str]]) -> Layout:
    """Place boxes.

    Args:
        reads: box -> boxes whose results it reads, each of them earlier in the mapping.
    """
    column = _columns(reads)
    before, columns = _places(reads, column)
    after: dict[Place, list[Place]] = {}
    for place, sources in before.items():
        for source in sources:
            after.setdefault(source, []).append(place)
    for sweep in range(_SWEEPS):
        _order(columns if sweep % 2 == 0 else columns[::-1], before if sweep % 2 == 0 else after)
    middles = _heights(columns, column, before, after)
    boxes = {box: (_MARGIN + column[box] * COLUMN_PITCH, middles[box, column[box]] - BOX_HEIGHT / 2) for box in reads}
    lines = {(source, box): _line(source, box, column, middles) for box, sources in reads.items() for source in sources}
    width = 2 * _MARGIN + BOX_WIDTH + COLUMN_PITCH * max(column.values(), default=0)
    height = max((y for _, y in boxes.values()), default=0.0) + BOX_HEIGHT
    lowest = max((y for line in lines.values() for _, y in line), default=0.0) + _LINE_HEIGHT
    return Layout(width, max(height, lowest) + _MARGIN, boxes, lines)


def _columns(reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The longest path to each box; boxes that read nothing stand close to their first reader."""
    column: dict[str, int] = {}
    for box, sources in reads.items():
        column[box] = 1 + max((column[source] for source in sources), default=-1)
    for box, sources in reads.items():
        readers = [column[other] for other, theirs in reads.items() if box in theirs]
        if not sources and readers:
            column[box] = min(readers) - 1
    return column


def _places(
    reads: Mapping[str, Sequence[str]], column: Mapping[str, int]
) -> tuple[dict[Place, list[Place]], list[list[Place]]]:
    """For each place those it is connected to in the column before, and the places of each column."""
    before: dict[Place, list[Place]] = {(box, column[box]): [] for box in reads}
    for box, sources in reads.items():
        for source in dict.fromkeys(sources):
            for passed in range(column[source] + 1, column[box]):
                before[source, passed] = [(source, passed - 1)]
            before[box, column[box]].append((source, column[box] - 1))
    columns: list[list[Place]] = [[] for _ in range(1 + max(column.values(), default=0))]
    for place in before:
        columns[place[1]].append(place)
    return before, columns


def _order(columns: list[list[Place]], neighbours: Mapping[Place, list[Place]]) -> None:
    """Sort each column by the mean place of the neighbours in the one before; those without stay where they are."""
    rank: dict[Place, int] = {}
    for places in columns:
        now = {place: index for index, place in enumerate(places)}

        def mean(place: Place, now: Mapping[Place, int] = now) -> float:
            found = [rank[other] for other in neighbours.get(place, []) if other in rank]
            return sum(found) / len(found) if found else float(now[place])

        places.sort(key=mean)
        rank.update({place: index for index, place in enumerate(places)})


def _heights(
    columns: list[list[Place]],
    column: Mapping[str, int],
    before: Mapping[Place, list[Place]],
    after: Mapping[Place, list[Place]],
) -> dict[Place, float]:
    """The middle of every place: as close to its neighbours as order and size allow."""

    def half(place: Place) -> float:
        return (BOX_HEIGHT if column[place[0]] == place[1] else _LINE_HEIGHT) / 2

    middles: dict[Place, float] = {}
    for places in columns:
        position = 0.0
        for place in places:
            middles[place] = position + half(place)
            position += 2 * half(place) + _GAP
    for sweep in range(_SWEEPS):
        neighbours = before if sweep % 2 == 0 else after
        for places in columns if sweep % 2 == 0 else columns[::-1]:
            wanted = []
            for place in places:
                found = [middles[other] for other in neighbours.get(place, [])]
                wanted.append(sum(found) / len(found) if found else middles[place])
            middles.update(zip(places, _apart(wanted, [half(place) for place in places]), strict=True))
    top = min((middle - half(place) for place, middle in middles.items()), default=0.0) - _MARGIN
    return {place: middle - top for place, middle in middles.items()}


def _apart(wanted: list[float], halves: list[float]) -> list[float]:
    """Positions in this order that do not overlap: the mean of pushing down and pushing up."""
    down, up = list(wanted), list(wanted)
    for index in range(1, len(wanted)):
        down[index] = max(down[index], down[index - 1] + halves[index - 1] + _GAP + halves[index])
    for index in range(len(wanted) - 2, -1, -1):
        up[index] = min(up[index], up[index + 1] - halves[index + 1] - _GAP - halves[index])
    return [(low + high) / 2 for low, high in zip(down, up, strict=True)]


def _line(
    source: str, box: str, column: Mapping[str, int], middles: Mapping[Place, float]
) -> tuple[tuple[float, float], ...]:
    start, end = column[source], column[box]
    points = [(_MARGIN + start * COLUMN_PITCH + BOX_WIDTH, middles[source, start])]
    for passed in range(start + 1, end):
        left, y = _MARGIN + passed * COLUMN_PITCH, middles[source, passed]
        points += [(left, y), (left + BOX_WIDTH, y)]
    points.append((_MARGIN + end * COLUMN_PITCH, middles[box, end]))
    return tuple(points)
