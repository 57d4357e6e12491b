# SPDX-License-Identifier: Apache-2.0
"""Network diagrams: boxes do not overlap, and no line runs through a box that it does not belong to."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fpgann.report.layout import BOX_HEIGHT, BOX_WIDTH, Layout, lay_out


@st.composite
def networks(draw: st.DrawFn) -> dict[str, list[str]]:
    reads: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 14))):
        earlier = list(reads)
        reads[f"n{number}"] = draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if earlier else []
    return reads


def check(reads: dict[str, list[str]], layout: Layout) -> None:
    boxes = layout.boxes
    assert set(boxes) == set(reads)
    for one, (x, y) in boxes.items():
        assert 0 <= x <= layout.width - BOX_WIDTH
        assert 0 <= y <= layout.height - BOX_HEIGHT
        for other, (left, top) in boxes.items():
            assert one == other or x != left or abs(y - top) >= BOX_HEIGHT
    for (source, box), points in layout.lines.items():
        (x, y), (left, top) = boxes[source], boxes[box]
        assert points[0] == (x + BOX_WIDTH, y + BOX_HEIGHT / 2)
        assert points[-1] == (left, top + BOX_HEIGHT / 2)
        assert all(one[0] < other[0] for one, other in pairwise(points)), "from left to right"
        for px, py in points[1:-1]:
            assert 0 <= py <= layout.height
            assert not any(bx <= px <= bx + BOX_WIDTH and by < py < by + BOX_HEIGHT for bx, by in boxes.values())


@given(networks())
def test_nothing_overlaps(reads: dict[str, list[str]]) -> None:
    layout = lay_out(reads)
    assert set(layout.lines) == {(source, box) for box, sources in reads.items() for source in sources}
    check(reads, layout)


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["b"]})
    assert len({y for _, y in layout.boxes.values()}) == 1
    assert [x for x, _ in layout.boxes.values()] == sorted(x for x, _ in layout.boxes.values())


def test_a_skip_connection_passes_beside_the_box() -> None:
    layout = lay_out({"a": [], "b": ["a"], "c": ["a", "b"]})
    middle = layout.boxes["b"][1] + BOX_HEIGHT / 2
    assert all(abs(y - middle) > BOX_HEIGHT / 2 for _, y in layout.lines["a", "c"][1:-1])


def test_an_input_stands_next_to_its_reader() -> None:
    layout = lay_out({"a": [], "late": [], "b": ["a"], "c": ["b", "late"]})
    assert layout.boxes["late"][0] == layout.boxes["b"][0]


def test_nothing_at_all() -> None:
    assert lay_out({}).boxes == {}
