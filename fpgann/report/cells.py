# SPDX-License-Identifier: Apache-2.0
"""synth.json: what synthesis, placement and routing found, beside the estimates of report.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from fpgann.eda.placement import Placement
from fpgann.eda.synthesis import Cells, Synthesis

ESTIMATED = ("lut", "ff", "dsp", "bram36")


def describe_synthesis(
    report: Mapping[str, Any],
    synthesis: Synthesis,
    modules: Sequence[Sequence[str]],
    placement: Placement | None,
    bitstream: str | None,
) -> dict[str, Any]:
    """Contents of synth.json.

    Args:
        report: report.json of the build.
        synthesis: what Yosys found.
        modules: of each layer of the report, in its order; layers without one are wires.
        placement: what nextpnr found, if it ran.
        bitstream: path of the bitstream in the build, if there is one.

    Returns:
        Every figure of the design, the estimates beside them in `estimate`, and how far these are off in `deviation`
        (0.1: ten per cent too high; null where nothing was found but something estimated). `layers` has the same of
        each layer; `rest` what lies between them: delays, and interfaces.
    """
    family = synthesis.family
    nothing = dict.fromkeys(synthesis.total.figures(family), 0)
    layers = []
    for layer, names in zip(report["layers"], modules, strict=True):
        found = [synthesis.modules[name] for name in names if name in synthesis.modules]
        cells = reduce(add, found) if found else None
        figures = nothing if cells is None else cells.figures(family)
        beside = _beside(figures, layer, family.name)
        layers.append({"name": layer["name"], "op": layer["op"], **beside, "cells": _types(cells)})
    rest = synthesis.rest.figures(family)
    return {
        "tool": synthesis.tool,
        "family": family.name,
        **_beside(synthesis.total.figures(family), report["total"], family.name),
        "fmax_mhz": None if placement is None else placement.fmax_mhz,
        "cells": _types(synthesis.total),
        "layers": layers,
        "rest": {**_beside(rest, report["rest"], family.name), "cells": _types(synthesis.rest)},
        "place_and_route": None if placement is None else placement.to_json(),
        "bitstream": bitstream,
    }


def _beside(figures: Mapping[str, float], estimated: Mapping[str, Any], family: str) -> dict[str, Any]:
    estimate = {key: estimated["estimates"][family][key] for key in ESTIMATED}
    deviation = {key: _deviation(estimate[key], figures[key]) for key in ESTIMATED}
    return {**figures, "estimate": estimate, "deviation": deviation}


def _deviation(estimate: float, found: float) -> float | None:
    if estimate == found:
        return 0.0
    return round(estimate / found - 1, 4) if found else None


def _types(cells: Cells | None) -> dict[str, int]:
    return {} if cells is None else dict(sorted(cells.types.items()))
