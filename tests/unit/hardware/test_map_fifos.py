# SPDX-License-Identifier: Apache-2.0
"""FIFOs of networks of maps: no traffic makes tokens wait for each other for ever, and no place is for nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from math import ceil

import pytest

from fpgann.hardware.dataflow_run import run
from fpgann.hardware.map_fifos import is_as_early, maps_to_fill
from fpgann.hardware.maps import build_maps
from fpgann.hardware.options import HardwareOptions
from fpgann.hardware.token_graph import Fifo, MapDesign
from tests.unit.hardware.maps import residual
from tests.unit.hardware.random_maps import random_graph, random_options

FEW, MANY = range(8), range(8, 200)


def hangs(maps: MapDesign, seed: int) -> bool:
    """Whether tokens wait for ever under beats that come and are taken late at random."""
    rng = random.Random(seed)
    longest = rng.choice((1, 3, 40))
    found = run(
        maps.inputs,
        maps.outputs,
        maps.actors,
        maps.settling_maps + 3,
        stall=lambda: rng.randint(0, longest) if rng.random() < 0.5 else 0,
    )
    return found is None


def loose(maps: MapDesign) -> list[str]:
    """FIFOs that could be shallower by more than a tenth, and maps would leave as early."""
    count = 2 * maps_to_fill(maps.inputs, maps.outputs, maps.actors)
    aim = run(maps.inputs, maps.outputs, maps.actors, count)
    assert aim is not None
    found = []
    for fifo in (actor for actor in maps.actors if isinstance(actor, Fifo) and actor.places > 1):
        fewer = max(1, ceil(fifo.places / 1.1) - 1)
        actors = [replace(actor, places=fewer) if actor is fifo else actor for actor in maps.actors]
        tried = run(maps.inputs, maps.outputs, actors, count)
        if tried is not None and is_as_early(tried.output_ends, aim.output_ends):
            found.append(f"{fifo.name}: {fewer} of {fifo.places} places do")
    return found


def judge(seeds: range) -> tuple[int, list[str]]:
    """How many FIFOs there are, and which are too deep; all networks let maps through."""
    count, found = 0, []
    for seed in seeds:
        maps = build_maps(random_graph(seed), random_options(seed))
        assert not any(hangs(maps, 3 * seed + traffic) for traffic in range(3)), f"graph {seed} hangs"
        count += sum(isinstance(actor, Fifo) for actor in maps.actors)
        found += [f"graph {seed}: {text}" for text in loose(maps)]
    return count, found


def test_random_networks() -> None:
    count, found = judge(FEW)
    assert count > 10
    assert not found


@pytest.mark.slow
def test_many_random_networks() -> None:
    count, found = judge(MANY)
    assert count > 400
    assert not found, "\n".join(found)


def test_a_network_without_places_hangs() -> None:
    """The judge notices: a residual block whose short way holds one token."""
    maps = build_maps(residual(), random_options(0))
    shallow = [replace(a, places=1) if isinstance(a, Fifo) else a for a in maps.actors]
    assert not hangs(maps, 1)
    assert hangs(replace(maps, actors=tuple(shallow)), 1)


def test_places_for_nothing_are_noticed() -> None:
    maps = build_maps(residual(), random_options(0))
    deeper = [replace(a, places=2 * a.places) if isinstance(a, Fifo) else a for a in maps.actors]
    assert len(loose(replace(maps, actors=tuple(deeper)))) == sum(isinstance(a, Fifo) for a in maps.actors)


def test_long_names_differ() -> None:
    """Names that are cut to the same beginning: FIFOs, forks and streams of layers keep apart."""
    graph = residual()
    wanted = {node.name: f"{'a_name_' * 10}{number}" for number, node in enumerate(graph.nodes)}
    nodes = [replace(node, name=wanted[node.name]) for node in graph.nodes]
    maps = build_maps(replace(graph, nodes=tuple(nodes)), HardwareOptions())
    names = [actor.name for actor in maps.actors]
    assert any(isinstance(actor, Fifo) for actor in maps.actors)
    assert len(set(names)) == len(names)
    inside = [stream.name for actor in maps.actors for stream in actor.targets]
    assert len(set(inside)) == len(inside)
