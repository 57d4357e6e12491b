# SPDX-License-Identifier: Apache-2.0
"""Networks of maps that are made to fit a device: as fast as it allows, with balanced layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fpgann import reference
from fpgann.cosim.vectors import corner_and_random
from fpgann.errors import ResourceBudgetError
from fpgann.hardware import HardwareOptions, LayerOptions, Strategy
from fpgann.hardware.design import FoldedKernel
from fpgann.hardware.devices import Device, find_device
from fpgann.hardware.map_budget import cost_of_maps
from fpgann.hardware.map_fit import fitted_maps
from fpgann.hardware.map_validate import check_maps
from fpgann.hardware.maps import build_maps
from fpgann.hardware.token_graph import MapDesign
from fpgann.ir import Graph
from tests.unit.hardware.maps import MapBuilder

FOLDED = HardwareOptions(default=LayerOptions(strategy=Strategy.FOLDED))


def wide() -> Graph:
    """Layers with more weights than are unrolled where there is time."""
    m = MapBuilder("wide")
    x = m.conv(m.input(1, 6, 6, 4), 12, pads=(1, 1, 1, 1))
    x = m.conv(m.conv(x, 12, groups=12, pads=(1, 1, 1, 1)), 20, kernel=(1, 1))
    return m.graph(y=m.dense(m.flatten(m.pooled(x)), 3))


def device(dsp: int, lut: int) -> Device:
    return replace(find_device("xc7a35t"), dsp=dsp, lut=lut)


def busy(maps: MapDesign) -> float:
    kernels = [(a.targets[0].tokens, s.kernel) for a in maps.cores for s in a.core.stages]
    folded = [(tokens, kernel) for tokens, kernel in kernels if isinstance(kernel, FoldedKernel)]
    products = sum(tokens * kernel.multiplications for tokens, kernel in folded)
    return products / (maps.interval_cycles * sum(kernel.multiplier_count for _, kernel in folded))


def test_the_faster_the_larger_the_device() -> None:
    graph, found = wide(), []
    for dsp, lut in ((12, 3500), (12, 4500), (200, 20000)):
        options, maps = fitted_maps(graph, FOLDED, None, device(dsp, lut))
        assert device(dsp, lut).fits(cost_of_maps(maps, "xc7"))
        assert build_maps(graph, options).interval_cycles == maps.interval_cycles
        check_maps(maps, reference.run_codes(graph, corner_and_random(graph, 4)))
        found.append(maps.interval_cycles)
    assert found == sorted(found, reverse=True)
    assert found[0] > 2 * found[-1]


def test_a_device_that_just_holds_the_slowest() -> None:
    """There is no room for what the estimate may be wrong by; the options lead there all the same."""
    graph = wide()
    slowest = cost_of_maps(build_maps(graph, FOLDED, target_cycles=1 << 40), "xc7")
    options, maps = fitted_maps(graph, FOLDED, None, device(200, slowest.lut))
    assert build_maps(graph, options).interval_cycles == maps.interval_cycles


def test_layers_wait_for_none() -> None:
    _, maps = fitted_maps(wide(), FOLDED, None, device(200, 20000), cycles=2000)
    assert busy(maps) > 0.8


def test_not_faster_than_wanted() -> None:
    _, maps = fitted_maps(wide(), FOLDED, None, device(200, 20000), cycles=2000)
    assert 1500 < maps.interval_cycles <= 2000


def test_choices_of_the_user_stay() -> None:
    layers = {"dense": LayerOptions(Strategy.FOLDED, reuse_factor=100)}
    options, maps = fitted_maps(wide(), HardwareOptions(layers=layers), None, device(200, 20000))
    assert options.layers["dense"] == layers["dense"]
    assert maps.cores[0].core.interval_cycles in range(90, 101)


def test_a_device_that_is_too_small() -> None:
    with pytest.raises(ResourceBudgetError, match="folded as far as they go"):
        fitted_maps(wide(), FOLDED, None, device(0, 100))
