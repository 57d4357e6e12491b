# SPDX-License-Identifier: Apache-2.0
"""What hardware a graph of codes becomes, and what is refused before hours are spent on it."""

from __future__ import annotations

import pytest

from fpgann import building
from fpgann.building import choose_hardware, planned_hardware
from fpgann.config import CompileOptions
from fpgann.errors import ConfigError
from fpgann.hardware.map_validate import all_stages
from fpgann.hardware.maps import build_maps, sketch_maps
from fpgann.hardware.options import HardwareOptions
from tests.unit.hardware.maps import lenet, residual


def test_large_maps_are_planned_as_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, options = lenet(), CompileOptions()
    assert planned_hardware(graph, options).latency_cycles > 0
    monkeypatch.setattr(building, "_MOST_PLANNED", 10)
    streamed = planned_hardware(graph, options)
    expected = all_stages(sketch_maps(graph, options.hardware))
    assert [stage.layers for stage in streamed.stages] == [stage.layers for stage in expected.stages]
    assert {layer for s in streamed.stages for layer in s.layers} <= {node.name for node in graph.nodes}


def test_maps_that_no_device_holds_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_MOST_AT_ONCE", 10)
    with pytest.raises(ConfigError, match=r"too large to unroll: \d+ elements .* use --io stream"):
        choose_hardware(lenet(), CompileOptions(), None)


def test_a_sketch_is_the_network_without_fifos() -> None:
    graph = residual()
    sketch, built = sketch_maps(graph, HardwareOptions()), build_maps(graph, HardwareOptions())
    assert {actor.name for actor in sketch.actors} < {actor.name for actor in built.actors}
    assert [core.name for core in sketch.cores] == [core.name for core in built.cores]
