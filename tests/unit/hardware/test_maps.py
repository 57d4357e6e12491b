# SPDX-License-Identifier: Apache-2.0
"""Networks of maps: what becomes of a graph, that every pipeline computes its tokens, FIFOs, cycles, options."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from fpgann import reference
from fpgann.cosim.vectors import corner_and_random
from fpgann.errors import ConfigError, ResourceBudgetError, VerificationError
from fpgann.hardware import HardwareOptions, LayerOptions, Strategy
from fpgann.hardware.dataflow_run import run
from fpgann.hardware.devices import find_device
from fpgann.hardware.map_budget import check_map_fit
from fpgann.hardware.map_partition import has_maps
from fpgann.hardware.map_validate import all_stages, check_maps
from fpgann.hardware.maps import build_maps, build_maps_within
from fpgann.hardware.token_graph import Accumulate, Expand, Fifo, Fork, MapDesign, Regroup, TokenStage, WindowBuffer
from fpgann.ir import Graph
from tests.unit.hardware.maps import MapBuilder, generator, lenet, residual

GRAPHS = {"lenet": lenet, "residual": residual, "generator": generator}


def kinds(maps: MapDesign) -> Counter[type]:
    return Counter(type(actor) for actor in maps.actors)


def build(graph: Graph, **options: object) -> MapDesign:
    return build_maps(graph, HardwareOptions(**options))


@pytest.mark.parametrize("name", GRAPHS)
def test_every_pipeline_computes_its_tokens(name: str) -> None:
    graph = GRAPHS[name]()
    assert has_maps(graph)
    maps = build(graph)
    values = reference.run_codes(graph, corner_and_random(graph, 6))
    check_maps(maps, values)
    stage = all_stages(maps).stages[0]
    values[stage.target.value] = values[stage.target.value] + 1
    with pytest.raises(VerificationError, match="element 0 is"):
        check_maps(maps, values)


def test_lenet_is_a_chain() -> None:
    maps = build(lenet())
    assert kinds(maps) == {WindowBuffer: 4, TokenStage: 5, Regroup: 1}
    (entering,), (leaving,) = maps.inputs, maps.outputs
    assert (entering.shape, entering.permutation) == ((1, 10, 10, 2), (0, 3, 1, 2))
    assert (entering.beats, entering.elements_per_beat, entering.beat_bits) == (100, 2, 16)
    assert (leaving.permutation, leaving.beats) == (None, 5)


def test_joined_ways_have_a_fork_and_a_fifo() -> None:
    maps = build(residual())
    assert kinds(maps)[Fork] == 2
    assert kinds(maps)[Accumulate] == 1
    waiting = [a for a in maps.actors if isinstance(a, Fifo) and a.name.endswith("_waiting")]
    assert len(waiting) == 2
    for number, fifo in enumerate(maps.actors):
        if fifo in waiting:
            shallow = [Fifo(a.name, a.source, a.target, 1) if a is fifo else a for a in maps.actors]
            assert run(maps.inputs, maps.outputs, shallow, 2) is None, f"FIFO {number} is not needed"


def test_a_generator_is_enlarged() -> None:
    maps = build(generator())
    factors = [(actor.factors, actor.parts) for actor in maps.actors if isinstance(actor, Expand)]
    assert factors == [((2, 2), 4), ((2, 2), 1)]
    assert maps.outputs[0].permutation == (0, 3, 1, 2)
    assert maps.outputs[0].stream.tokens == 8 * 12


def test_unrolled_pipelines_take_a_place_a_cycle() -> None:
    m = MapBuilder()
    maps = build(m.graph(y=m.conv(m.input(1, 8, 8, 1), 2, pads=(1, 1, 1, 1))))
    assert maps.interval_cycles == 9 * 9
    assert maps.settling_maps == 0


def test_layers_take_the_time_of_the_slowest() -> None:
    maps = build(lenet(), default=LayerOptions(strategy=Strategy.FOLDED))
    times = [actor.targets[0].tokens * actor.core.interval_cycles for actor in maps.cores]
    assert max(times) == 64 * 18
    assert maps.interval_cycles >= max(times)
    faster = build_maps(lenet(), HardwareOptions(default=LayerOptions(strategy=Strategy.FOLDED)), target_cycles=300)
    assert faster.interval_cycles < maps.interval_cycles


def test_rows_wait_in_front_of_windows_where_that_is_faster() -> None:
    """Without the FIFO a pipeline idles while the other one has windows of the padding, or none."""
    m = MapBuilder()
    x = m.conv(m.conv(m.input(1, 6, 6, 3), 3, pads=(1, 1, 1, 1)), 3, pads=(1, 1, 1, 1))
    maps = build(m.graph(y=m.dense(m.flatten(x), 2)), default=LayerOptions(strategy=Strategy.FOLDED, reuse_factor=27))
    (fifo,) = (actor for actor in maps.actors if isinstance(actor, Fifo))
    assert fifo.places <= 6
    assert maps.interval_cycles == 36 * 27
    (place,) = (number for number, actor in enumerate(maps.actors) if actor is fifo)
    following = maps.actors[place + 1]
    assert isinstance(following, WindowBuffer)
    without = [*maps.actors[:place], replace(following, source=fifo.source), *maps.actors[place + 2 :]]
    slower = run(maps.inputs, maps.outputs, without, 3)
    assert slower is not None
    assert slower.ends[2] - slower.ends[1] > maps.interval_cycles


def test_stream_width() -> None:
    assert build(lenet(), stream_width_bits=32).inputs[0].elements_per_beat == 2
    assert build(lenet(), stream_width_bits=8).inputs[0].beats == 200
    with pytest.raises(ConfigError, match="no whole number of bytes"):
        build(lenet(), stream_width_bits=12)


def test_options_of_a_layer() -> None:
    maps = build(lenet(), layers={"dense": LayerOptions(Strategy.FOLDED, reuse_factor=6)})
    assert maps.cores[0].core.interval_cycles == 6
    with pytest.raises(ConfigError, match="there is no layer 'dens' that takes options"):
        build(lenet(), layers={"dens": LayerOptions()})


def test_whatever_is_no_map_works_on_whole_tensors() -> None:
    """A transposition of positions has no circuit of its own."""
    m = MapBuilder()
    x = m.transpose(m.conv(m.input(1, 4, 4, 1), 2), 0, 2, 1, 3)
    graph = m.graph(y=m.conv(x, 2, kernel=(2, 2)))
    maps = build(graph)
    assert kinds(maps)[Regroup] == 2
    check_maps(maps, reference.run_codes(graph, corner_and_random(graph, 4)))


def test_throughput_that_cannot_be_reached() -> None:
    options = HardwareOptions()
    within = build_maps_within(lenet(), options, None, 200)
    assert within.interval_cycles <= 200
    with pytest.raises(ConfigError, match=r"an inference takes 1.. cycles, 50 are wanted"):
        build_maps_within(lenet(), options, None, 50)


def test_a_network_that_does_not_fit() -> None:
    maps = build(lenet(), default=LayerOptions(strategy=Strategy.FOLDED))
    check_map_fit(maps, find_device("xc7a35t"))
    with pytest.raises(ResourceBudgetError, match=r"the design needs .* LUTs"):
        check_map_fit(maps, replace(find_device("ice40hx1k"), lut=300))
