# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of the report's page, templates/report/report.html.j2: all that stands there, as final text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpgann.report.charts import (
    RESOURCES,
    DiagramView,
    HistogramView,
    TimelineView,
    moves_maps,
    view_diagram,
    view_histogram,
    view_timeline,
)
from fpgann.report.compared import SynthesisView, view_synthesis
from fpgann.report.recipe import Pair, Recipe, view_recipe
from fpgann.report.text import coordinate, duration, percent, rate, shown, sizes, small, whole

PAGE_TEMPLATE = "report/report.html.j2"
"""The template."""
HISTOGRAM_LAYERS = 60
"""Layers whose histograms are shown, those with the most saturation first: a page must stay small."""

DRIFT_STEPS = 32
"""Steps of a recurrence that are shown."""


@dataclass(frozen=True, slots=True)
class FigureView:
    """A key figure; `tone` is a class of the style sheet."""

    label: str
    value: str
    note: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class BarView:
    """A number with a bar; `share` is the bar's length in per cent."""

    kind: str
    label: str
    value: str
    share: str


@dataclass(frozen=True, slots=True)
class BarsView:
    """A layer with its bars."""

    name: str
    target: str
    detail: str
    bars: tuple[BarView, ...]


@dataclass(frozen=True, slots=True)
class HistogramsView:
    """The histograms of a layer."""

    name: str
    target: str
    charts: tuple[HistogramView, ...]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column of the table of layers."""

    title: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell of the table of layers."""

    text: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class RowView:
    """A layer in the table."""

    anchor: str
    name: str
    nodes: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """The page."""

    title: str
    subtitle: str
    figures: tuple[FigureView, ...]
    warnings: tuple[str, ...]
    diagram: DiagramView
    costs: tuple[BarsView, ...]
    estimates: str
    timeline: TimelineView
    timeline_note: str
    errors: tuple[BarsView, ...]
    errors_note: str
    drift: tuple[BarsView, ...]
    histograms: tuple[HistogramsView, ...]
    histograms_note: str
    columns: tuple[ColumnView, ...]
    rows: tuple[RowView, ...]
    totals: tuple[str, ...]
    synthesis: SynthesisView
    options: tuple[Pair, ...]
    recipe: Recipe
    footer: str


def view_page(
    report: Mapping[str, Any],
    *,
    synthesis: Mapping[str, Any] | None = None,
    simulation: Mapping[str, Any] | None = None,
) -> PageView:
    """The page of a build.

    Args:
        report: contents of report.json.
        synthesis: contents of synth.json, if there is one.
        simulation: contents of simulate.json, if there is one.
    """
    layers, total = report["layers"], report["total"]
    streams = "AXI4-Stream" if report["options"].get("io") == "stream" else "parallel ports"
    compared = [layer for layer in layers if layer["error"] is not None]
    charted, left_out = _charted(layers)
    return PageView(
        title=shown(report["model"]),
        subtitle=f"{len(layers)} layers, {whole(total['weights'])} weights, {streams}",
        figures=(*_figures(report), *_verdicts(simulation, synthesis)),
        warnings=tuple(shown(warning, 600) for warning in report["warnings"]),
        diagram=view_diagram(report),
        costs=_costs(report),
        estimates=report["estimates"],
        timeline=view_timeline(report),
        timeline_note=_timeline_note(report),
        errors=_errors(compared),
        errors_note=_errors_note(report, len(layers) - len(compared)),
        drift=_drift(report["drift"]),
        histograms=tuple(_histograms(number, layers[number]) for number in charted),
        histograms_note=f"{left_out} layers with less saturation are left out; report.json has them."
        if left_out
        else "",
        columns=tuple(ColumnView(title, title not in _WORDS) for title in _COLUMNS),
        rows=tuple(_row(number, layer) for number, layer in enumerate(layers)),
        totals=tuple(whole(total[key]) for key in ("latency_cycles", "ii", "lut", "ff", "dsp", "bram36", "weights")),
        synthesis=view_synthesis(synthesis),
        options=tuple(Pair(key.replace("_", " "), value) for key, value in _chosen(report["options"])),
        recipe=view_recipe(report),
        footer=f"fpgann {report['fpgann']}; model sha256 {report['source']['sha256']}",
    )


def _figures(report: Mapping[str, Any]) -> tuple[FigureView, ...]:
    measured, total, period = report["accuracy"], report["total"], report["clock_period_ns"]
    clock = f"{rate(1e9 / period)}Hz"
    figures = []
    if measured["top1_agreement"] is not None:
        note = f"as onnxruntime, on {whole(measured['samples'])} {measured['data']} samples"
        tone = "good" if measured["top1_agreement"] == 1 else "plain"
        figures.append(FigureView("same ArgMax", percent(measured["top1_agreement"]), note, tone))
    sqnr = "exact" if measured["sqnr_db"] is None else f"{measured['sqnr_db']:.1f} dB"
    error = f"largest error {small(measured['max_abs_error'])}, RMSE {small(measured['rmse'])}"
    figures.append(FigureView("signal to noise", sqnr, error))
    latency, interval = total["latency_cycles"], total["ii"]
    figures += [
        FigureView("latency", whole(latency), f"cycles: {duration(latency * period)} at {clock}"),
        FigureView("throughput", f"{rate(1e9 / (period * interval))}/s", f"one inference each {_cycles(interval)}"),
    ]
    return (*figures, *(_resource(report, key, title) for key, title in RESOURCES))


def _resource(report: Mapping[str, Any], key: str, title: str) -> FigureView:
    """How much of a resource is needed, of how much if the device is known, and how sure that is."""
    total, device = report["total"], report.get("device") or {}
    error, capacity = total.get(f"{key}_error"), device.get(key)
    notes = [f"{percent(total[key] / capacity)} of {shown(device['name'])}"] if capacity else []
    notes += [f"estimate for {shown(report['family'])}" + (f" ± {percent(error)}" if error else "")]
    tone = "bad" if capacity and total[key] > capacity else "plain"
    return FigureView(title, whole(total[key]), "; ".join(notes), tone)


def _cycles(count: int) -> str:
    return "cycle" if count == 1 else f"{whole(count)} cycles"


def _verdicts(simulation: Mapping[str, Any] | None, synthesis: Mapping[str, Any] | None) -> list[FigureView]:
    figures = []
    if simulation is not None:
        exact = simulation["bit_exact"]
        note = f"{whole(simulation['vectors'])} vectors in {shown(simulation['simulator'])}"
        figures.append(FigureView("simulation", "bit-exact" if exact else "differs", note, "good" if exact else "bad"))
    if synthesis is not None and synthesis["fmax_mhz"]:
        note = f"placed and routed for {shown(synthesis['family'])}"
        figures.append(FigureView("highest clock", f"{synthesis['fmax_mhz']:.4g} MHz", note))
    return figures


def _costs(report: Mapping[str, Any]) -> tuple[BarsView, ...]:
    columns = (*RESOURCES, ("latency_cycles", "cycles"))
    rows = [(shown(layer["name"], 60), f"#layer-{n}", layer) for n, layer in enumerate(report["layers"])]
    if "streams" in report:
        rows.append(("AXI4-Stream", "", report["streams"]))
    if any(report["rest"][key] for key, _ in RESOURCES):
        rows.append(("between the layers", "", {**report["rest"], "latency_cycles": 0}))
    most = {key: max((row[key] for _, _, row in rows), default=0) or 1 for key, _ in columns}

    def bars(row: Mapping[str, Any]) -> tuple[BarView, ...]:
        return tuple(
            BarView(key.split("_")[0], title, whole(row[key]), coordinate(100 * row[key] / most[key]))
            for key, title in columns
        )

    return tuple(BarsView(name, target, str(row.get("op", "")), bars(row)) for name, target, row in rows)


def _timeline_note(report: Mapping[str, Any]) -> str:
    if moves_maps(report):
        return "Layers work side by side, token by token: bars are the cycles that each needs for all tokens."
    if "streams" not in report:
        return ""
    cycles = report["streams"]["latency_cycles"]
    return f"AXI4-Stream adds {_cycles(cycles)} of latency for gathering a packet, the FIFO and sending the result."


def _errors(layers: Sequence[Mapping[str, Any]]) -> tuple[BarsView, ...]:
    """SQNR as a bar: none for an exact layer, which has no noise."""
    best = max((layer["error"]["sqnr_db"] or 0.0 for layer in layers), default=0.0) or 1.0
    found = []
    for layer in layers:
        error = layer["error"]
        exact, ratio = error["max_abs_error"] == 0, error["sqnr_db"]
        share = 100.0 if exact else max(0.0, 100 * (ratio or 0.0) / best)
        text = "exact" if exact else "–" if ratio is None else f"{ratio:.1f} dB"
        bars = (
            BarView("exact" if exact else "sqnr", "SQNR", text, coordinate(share)),
            BarView("none", "largest error", small(error["max_abs_error"]), "0"),
            BarView("none", "RMSE", small(error["rmse"]), "0"),
        )
        found.append(BarsView(shown(layer["name"], 60), "", layer["out_type"], bars))
    return tuple(found)


def _drift(states: Sequence[Mapping[str, Any]]) -> tuple[BarsView, ...]:
    """The RMSE of every state behind its steps, some of them where they are many."""
    found = []
    for state in states:
        steps = state["steps"]
        most = max(step["rmse"] for step in steps) or 1.0
        shares = [(i, steps[i]["rmse"]) for i in range(0, len(steps), -(-len(steps) // DRIFT_STEPS))]
        bars = (BarView("sqnr", f"step {i + 1}", small(rmse), coordinate(100 * rmse / most)) for i, rmse in shares)
        found.append(BarsView(shown(state["state"], 60), "", state["type"], tuple(bars)))
    return tuple(found)


def _errors_note(report: Mapping[str, Any], missing: int) -> str:
    measured = report["accuracy"]
    note = (
        f"Every result of the hardware against the model in float64, on {whole(measured['samples'])} "
        f"{measured['data']} samples; errors add up from the input on."
    )
    return f"{note} {missing} layers compute what the model has no name for." if missing else note


def _charted(layers: Sequence[Mapping[str, Any]]) -> tuple[list[int], int]:
    """Layers whose histograms are shown, in the order of the data, and how many others have some."""

    def saturation(number: int) -> float:
        found = layers[number]["result_histogram"]
        return 0.0 if found is None else float(found["outside"])

    having = [n for n, layer in enumerate(layers) if layer["result_histogram"] or layer["weight_histogram"]]
    kept = sorted(having, key=lambda number: -saturation(number))[:HISTOGRAM_LAYERS]
    return sorted(kept), len(having) - len(kept)


def _histograms(number: int, layer: Mapping[str, Any]) -> HistogramsView:
    kinds = (("weights", layer["weight_histogram"]), ("results", layer["result_histogram"]))
    charts = tuple(view_histogram(title, found) for title, found in kinds if found is not None)
    return HistogramsView(shown(layer["name"], 60), f"#layer-{number}", charts)


_COLUMNS = (
    *("op", "strategy", "reuse", "cycles", "II", "LUT", "FF", "DSP", "BRAM36", "weights", "bits"),
    *("in", "out", "shape", "SQNR"),
)
_WORDS = ("op", "strategy", "in", "out", "shape")


def _row(number: int, layer: Mapping[str, Any]) -> RowView:
    keys = ("reuse_factor", "latency_cycles", "ii", "lut", "ff", "dsp", "bram36", "weights", "weight_bits")
    figures = tuple(CellView(whole(layer[key]), numeric=True) for key in keys)
    error = layer["error"]
    ratio = None if error is None else error["sqnr_db"]
    exact = error is not None and error["max_abs_error"] == 0
    sqnr = "exact" if exact else "–" if ratio is None else f"{ratio:.1f} dB"
    return RowView(
        anchor=f"layer-{number}",
        name=shown(layer["name"]),
        nodes=", ".join(shown(name) for name in layer["nodes"][1:]),
        cells=(
            _words(layer["op"]),
            _words(layer["strategy"]),
            *figures,
            _words(layer["in_type"]),
            _words(layer["out_type"]),
            _words(sizes(layer["shape"])),
            CellView(sqnr, numeric=True),
        ),
    )


def _words(text: str) -> CellView:
    return CellView(shown(text), numeric=False)


def _chosen(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options that say something, as text."""

    def text(value: Any) -> str:
        if isinstance(value, Mapping):
            return "; ".join(f"{shown(str(key))}: {text(inner)}" for key, inner in value.items() if inner is not None)
        if isinstance(value, list):
            return "×".join(map(str, value))
        return f"{value:g}" if isinstance(value, float) else shown(str(value))

    return [(key, text(value)) for key, value in options.items() if value not in (None, False, {}, [])]
