# SPDX-License-Identifier: Apache-2.0
"""Views of the drawings of report.html: network diagram, timeline, histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpgann.report.layout import BOX_HEIGHT, BOX_WIDTH, lay_out
from fpgann.report.measured import Histogram
from fpgann.report.text import coordinate, percent, shown, sizes, small, whole

RESOURCES = (("lut", "LUT"), ("ff", "FF"), ("dsp", "DSP"), ("bram36", "BRAM"))
ITEMS = 3  # consecutive items in the timeline
_BOX_CHARACTERS = 24
_FIRST_LINE, _LINE_PITCH = 38, 16  # baselines below the name
_HISTOGRAM_WIDTH, _HISTOGRAM_HEIGHT = 240.0, 84.0
_MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class BoxTextView:
    """A line of text below the name in a box."""

    y: str
    text: str


@dataclass(frozen=True, slots=True)
class BoxView:
    """A layer, an input or an output in the diagram; `heat` are shares of the largest cost as CSS variables."""

    kind: str
    target: str
    x: str
    y: str
    name: str
    lines: tuple[BoxTextView, ...]
    tip: str
    heat: str


@dataclass(frozen=True, slots=True)
class LineView:
    """A stream in the diagram: an SVG path, and what it carries."""

    path: str
    tip: str


@dataclass(frozen=True, slots=True)
class DiagramView:
    """The network, in pixels."""

    width: str
    height: str
    box_width: str
    box_height: str
    boxes: tuple[BoxView, ...]
    lines: tuple[LineView, ...]


def view_diagram(report: Mapping[str, Any]) -> DiagramView:
    """Lay the network out.

    Args:
        report: contents of report.json.
    """
    inputs, outputs, layers = report["inputs"], report["outputs"], report["layers"]
    known = {entry["stream"] for entry in inputs} | {layer["entity"] for layer in layers}
    reads: dict[str, list[str]] = {entry["stream"]: [] for entry in inputs}
    reads |= {layer["entity"]: [name for name in layer["reads"] if name in known] for layer in layers}
    reads |= {_output(n): [e["stream"]] for n, e in enumerate(outputs) if e["stream"] in known}
    layout = lay_out(reads)
    boxes, carried = [], {}

    def box(key: str, kind: str, name: str, lines: Sequence[str], tip: str, target: str = "", heat: str = "") -> None:
        x, y = (coordinate(c) for c in layout.boxes[key])
        texts = tuple(BoxTextView(str(_FIRST_LINE + n * _LINE_PITCH), text) for n, text in enumerate(lines))
        boxes.append(BoxView(kind, target, x, y, shown(name, _BOX_CHARACTERS), texts, tip, heat))

    for entry in inputs:
        carried[entry["stream"]] = f"{sizes(entry['shape'])} of {entry['type']}"
        box(
            entry["stream"], "port", entry["name"], ["input", carried[entry["stream"]]], f"input {shown(entry['name'])}"
        )
    most = {
        key: max((layer[key] for layer in layers), default=0)
        for key in ("lut", "ff", "dsp", "bram36", "latency_cycles")
    }
    for number, layer in enumerate(layers):
        carried[layer["entity"]] = f"{sizes(layer['shape'])} of {layer['out_type']}"
        heat = ";".join(f"--{key.split('_')[0]}:{coordinate(layer[key] / (top or 1))}" for key, top in most.items())
        box(layer["entity"], "layer", layer["name"], _box_lines(layer), _box_tip(layer), f"#layer-{number}", heat)
    for number, entry in enumerate(outputs):
        if _output(number) in reads:
            texts = ["output", f"{sizes(entry['shape'])} of {entry['type']}"]
            box(_output(number), "port", entry["name"], texts, f"output {shown(entry['name'])}")
    lines = tuple(LineView(_path(points), carried[source]) for (source, _), points in layout.lines.items())
    return DiagramView(
        coordinate(layout.width),
        coordinate(layout.height),
        coordinate(BOX_WIDTH),
        coordinate(BOX_HEIGHT),
        tuple(boxes),
        lines,
    )


def _output(number: int) -> str:
    return f"output {number}"  # no identifier, so no stream


def _box_lines(layer: Mapping[str, Any]) -> list[str]:
    cost = [f"{whole(layer[key])} {title}" for key, title in RESOURCES if layer[key] and key != "ff"]
    folded = f", folded × {layer['reuse_factor']}" if layer["strategy"] == "folded" else ""
    return [f"{layer['op']}{folded}", " · ".join(cost) or "no logic", _timing(layer)]


def _timing(layer: Mapping[str, Any]) -> str:
    cycles = layer["latency_cycles"]
    return f"{cycles} cycle{'' if cycles == 1 else 's'}, II {layer['ii']}"


def _box_tip(layer: Mapping[str, Any]) -> str:
    cost = ", ".join(f"{whole(layer[key])} {title}" for key, title in RESOURCES)
    return f"{shown(layer['name'])}: {layer['in_type']} to {sizes(layer['shape'])} of {layer['out_type']}; {cost}"


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Level within a column, a smooth step between columns."""
    (x, y), rest = points[0], points[1:]
    parts = [f"M{coordinate(x)} {coordinate(y)}"]
    for next_x, next_y in rest:
        if next_y == y:
            parts.append(f"H{coordinate(next_x)}")
        else:
            middle = coordinate((x + next_x) / 2)
            parts.append(
                f"C{middle} {coordinate(y)} {middle} {coordinate(next_y)} {coordinate(next_x)} {coordinate(next_y)}"
            )
        x, y = next_x, next_y
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class SpanView:
    """An item in a layer: where it is on the time axis, in per cent."""

    item: int
    left: str
    width: str
    tip: str


@dataclass(frozen=True, slots=True)
class TickView:
    """A mark on the time axis."""

    left: str
    label: str


@dataclass(frozen=True, slots=True)
class TrackView:
    """The time of a layer."""

    name: str
    target: str
    spans: tuple[SpanView, ...]


@dataclass(frozen=True, slots=True)
class TimelineView:
    """When consecutive items are in which layer."""

    items: int
    tracks: tuple[TrackView, ...]
    ticks: tuple[TickView, ...]


def moves_maps(report: Mapping[str, Any]) -> bool:
    """Whether maps pass through the network token by token."""
    return report["options"].get("io") == "stream" and "streams" not in report


def view_timeline(report: Mapping[str, Any]) -> TimelineView:
    """When each layer starts and ends with consecutive items, at full speed; how long it is busy, where maps pass.

    Args:
        report: contents of report.json.
    """
    spans_of = "ii" if moves_maps(report) else "latency_cycles"
    layers = [(n, layer) for n, layer in enumerate(report["layers"]) if layer["latency_cycles"]]
    interval = report["total"]["ii"]
    end = max((layer["starts_cycle"] + layer[spans_of] for _, layer in layers), default=1)
    end += interval * (ITEMS - 1)
    tracks = []
    for number, layer in layers:
        spans = []
        for item in range(ITEMS):
            first = layer["starts_cycle"] + item * interval
            tip = f"{shown(layer['name'])}, item {item + 1}: cycles {first} to {first + layer[spans_of]}"
            left, width = coordinate(100 * first / end), coordinate(100 * layer[spans_of] / end)
            spans.append(SpanView(item + 1, left, width, tip))
        tracks.append(TrackView(shown(layer["name"], 40), f"#layer-{number}", tuple(spans)))
    step = _tick_step(end)
    ticks = tuple(TickView(coordinate(100 * cycle / end), whole(cycle)) for cycle in range(0, end + 1, step))
    return TimelineView(ITEMS, tuple(tracks), ticks)


def _tick_step(end: int) -> int:
    """Cycles between two marks: 1, 2 or 5 times a power of ten."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if end / (factor * step) <= _MOST_TICKS:
                return factor * step
        step *= 10


@dataclass(frozen=True, slots=True)
class HistogramView:
    """A histogram: SVG paths, the range of the type as a rectangle behind them, and what stands below."""

    title: str
    width: str
    height: str
    bars: str
    range_x: str
    range_width: str
    begins: bool
    ends: bool
    end_x: str
    low: str
    high: str
    note: str
    saturates: bool
    tip: str


def view_histogram(title: str, found: Histogram) -> HistogramView:
    """Draw a histogram.

    Args:
        title: what it shows.
        found: from report.json.
    """
    counts, low, span = found["counts"], found["low"], found["high"] - found["low"]
    width, top = _HISTOGRAM_WIDTH / len(counts), max(counts) or 1
    bars = []
    for index, count in enumerate(counts):
        if count:
            tall = max(1.0, (_HISTOGRAM_HEIGHT - 4) * count / top)
            x, wide = coordinate(index * width + 0.25), coordinate(width - 0.5)
            bars.append(f"M{x} {coordinate(_HISTOGRAM_HEIGHT)}v{coordinate(-tall)}h{wide}v{coordinate(tall)}")
    # the range reaches half a code beyond its first and last one, as bins do; too little to be seen
    begin = max(0.0, (found["range_low"] - low) / span) * _HISTOGRAM_WIDTH
    end = min(1.0, (found["range_high"] - low) / span) * _HISTOGRAM_WIDTH
    outside, at_low, at_high = found["outside"], found["at_low"], found["at_high"]
    unit = "" if found["unit"] == "value" else ", in codes"
    interval = f"{small(found['range_low'])} … {small(found['range_high'])}{unit}"
    notes = [f"type {interval}"]
    notes += [f"{percent(outside)} outside"] if outside else []
    notes += [f"{percent(at_high)} at the highest code"] if at_high else []
    tip = (
        f"{title}: {whole(found['count'])} numbers{unit}; the type reaches from {interval}; "
        f"{percent(outside)} outside, {percent(at_low)} at its lowest code, {percent(at_high)} at its highest"
    )
    return HistogramView(
        title=title,
        width=coordinate(_HISTOGRAM_WIDTH),
        height=coordinate(_HISTOGRAM_HEIGHT),
        bars="".join(bars),
        range_x=coordinate(begin),
        range_width=coordinate(max(0.0, end - begin)),
        begins=found["range_low"] >= low,
        ends=found["range_high"] <= found["high"],
        end_x=coordinate(end),
        low=small(found["range_low"] if 0 <= found["range_low"] - low < span / len(counts) else low),
        high=small(
            found["range_high"] if 0 <= found["high"] - found["range_high"] < span / len(counts) else low + span
        ),
        note="; ".join(notes),
        saturates=outside > 0,
        tip=tip,
    )
