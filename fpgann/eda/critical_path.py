# SPDX-License-Identifier: Apache-2.0
"""The slowest path of a placed design, told in names of layers.

nextpnr flattens a hierarchical netlist and keeps the way down in the names of cells, `design.layer_stage.cell`; the
instances of layers are found in the netlist, and the longest such way that begins a cell's name tells its layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HARNESS = "(harness)"
BETWEEN = "(between layers)"


@dataclass(frozen=True, slots=True)
class Step:
    """Part of a path within one layer.

    Args:
        layer: its name.
        cells: logic cells on the way.
        logic_ns: delay in them, setup and clock-to-output included.
        routing_ns: delay of the nets that end in them.
    """

    layer: str
    cells: int
    logic_ns: float
    routing_ns: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        delays = {"logic_ns": round(self.logic_ns, 3), "routing_ns": round(self.routing_ns, 3)}
        return {"layer": self.layer, "cells": self.cells, **delays}


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """A path from register to register.

    Args:
        start: the cell where it starts.
        end: the cell where it ends.
        steps: layers on the way.
    """

    start: str
    end: str
    steps: tuple[Step, ...]

    @property
    def delay_ns(self) -> float:
        """From clock edge to clock edge."""
        return sum(step.logic_ns + step.routing_ns for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        steps = [step.to_json() for step in self.steps]
        return {"delay_ns": round(self.delay_ns, 3), "start": self.start, "end": self.end, "steps": steps}


def layer_paths(modules: Mapping[str, Any], top: str, layers: Mapping[str, str]) -> dict[str, str]:
    """Where the layers are in a hierarchical netlist.

    Args:
        modules: `modules` of what Yosys' write_json wrote.
        top: the top module.
        layers: module -> layer.

    Returns:
        Way down from the top, instances joined by dots -> layer.
    """

    def descend(module: str, path: str) -> Iterator[tuple[str, str]]:
        for name, cell in modules[module]["cells"].items():
            inner, way = cell["type"], f"{path}{name}"
            if inner in layers:
                yield way, layers[inner]
            if inner in modules and modules[inner]["cells"]:
                yield from descend(inner, f"{way}.")

    return dict(descend(top, ""))


def find_critical_path(report: Mapping[str, Any], paths: Mapping[str, str], inside: str = "") -> CriticalPath | None:
    """The slowest path between registers of one clock.

    Args:
        report: what nextpnr's --report wrote.
        paths: of the layers, from `layer_paths`.
        inside: instance of the design; what lies beside it belongs to the harness.
    """
    found = [p for p in report["critical_paths"] if p["from"] == p["to"] and p["path"]]
    if not found:
        return None
    path = max(found, key=lambda path: sum(part["delay"] for part in path["path"]))["path"]

    def layer_of(cell: str) -> str:
        ways = [way for way in paths if cell.startswith(f"{way}.")]
        if ways:
            return paths[max(ways, key=len)]
        return HARNESS if inside and not cell.startswith(f"{inside}.") else BETWEEN

    steps: list[Step] = []
    for part in path:
        cell, is_net = part["to"]["cell"], part["type"] == "routing"
        added = (0, 0.0, part["delay"]) if is_net else (part["type"] == "logic", part["delay"], 0.0)
        if not steps or steps[-1].layer != layer_of(cell):
            steps.append(Step(layer_of(cell), 0, 0.0, 0.0))
        last = steps[-1]
        steps[-1] = Step(last.layer, last.cells + added[0], last.logic_ns + added[1], last.routing_ns + added[2])
    return CriticalPath(path[0]["from"]["cell"], path[-1]["to"]["cell"], tuple(steps))
