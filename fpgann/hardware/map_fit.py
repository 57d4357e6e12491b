# SPDX-License-Identifier: Apache-2.0
"""Choose reuse factors and kinds of multipliers so that a network of maps fits a device, as fast as that allows.

All layers get the same time for an inference, so that none waits for another. For a given time each takes as few
multipliers as it needs, in blocks or in LUTs, whichever costs less in shares of the device; what is used most becomes
dearer, so that no resource is filled while others lie idle. The shortest time that fits is found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fpgann.errors import ResourceBudgetError
from fpgann.hardware.design import FoldedKernel, Stage
from fpgann.hardware.devices import RESOURCES, Device
from fpgann.hardware.estimate import Resources, estimate
from fpgann.hardware.fit import price, without
from fpgann.hardware.map_budget import check_map_fit, cost_of_maps
from fpgann.hardware.maps import build_maps
from fpgann.hardware.ops.dense import with_neurons
from fpgann.hardware.options import HardwareOptions, LayerOptions, Multipliers, Strategy
from fpgann.hardware.token_graph import MapDesign
from fpgann.ir import Graph

_ROUNDS = 16  # of growing prices
_GROWTH = 1.3
_PRECISION = 256  # the time is found to one part in so many
_LONGEST = 1 << 40  # cycles: every layer folded as far as it goes
_ATTEMPTS = 8  # FIFOs are known once the network is built
_MARGIN = 1.02


@dataclass(frozen=True, slots=True)
class _Layer:
    """A folded layer whose multipliers are free to choose."""

    stage: Stage
    kernel: FoldedKernel
    tokens: int
    own: LayerOptions


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to build a layer, and what it costs."""

    options: LayerOptions
    cost: Resources


def fitted_maps(
    graph: Graph, options: HardwareOptions, name: str | None, device: Device, cycles: int | None = None
) -> tuple[HardwareOptions, MapDesign]:
    """The fastest network of a graph that fits a device.

    Args:
        graph: graph of codes.
        options: the user's choices; layers with a reuse factor or an unrolled kernel of their own keep it.
        name: wanted name of the top entity.
        device: the device.
        cycles: time of an inference that is short enough; None for the shortest.

    Returns:
        Options that lead to the network, and the network.

    Raises:
        ResourceBudgetError: nothing fits.
    """
    fitter = _Fitter(graph, options, name, device)
    time = fitter.shortest(cycles or 1)
    if time is not None:
        for _ in range(_ATTEMPTS):
            chosen = fitter.options_for(time)
            maps = None if chosen is None else build_maps(graph, chosen, name)
            if chosen is not None and maps is not None and device.fits(_at_most(cost_of_maps(maps, device.family))):
                return chosen, maps
            time = int(time * _MARGIN) + 1
    try:
        check_map_fit(fitter.slowest, device)
    except ResourceBudgetError as error:
        raise ResourceBudgetError(
            f"{error.message}, with all layers folded as far as they go", where=error.where, hint=error.hint
        ) from error
    return fitter.slowest_options, fitter.slowest


def _at_most(cost: Resources) -> Resources:
    """What an estimate stands for at most: its errors twice on top, so that synthesis finds room as well."""
    return replace(cost, lut=cost.lut + round(2 * cost.lut_error), ff=cost.ff + round(2 * cost.ff_error))


class _Fitter:
    """Times of an inference, and what layers cost that take so long.

    Args:
        graph: graph of codes.
        options: the user's choices.
        name: wanted name of the top entity.
        device: the device.
    """

    def __init__(self, graph: Graph, options: HardwareOptions, name: str | None, device: Device) -> None:
        self._options, self._device = options, device
        self.slowest = build_maps(graph, options, name, target_cycles=_LONGEST)
        self._layers: dict[str, _Layer] = {}
        self._rest = cost_of_maps(self.slowest, device.family)
        for actor in self.slowest.cores:
            for stage in actor.core.stages:
                key = options.key_of(stage.layers[0])
                own = options.default if key is None else options.layers[key]
                if isinstance(stage.kernel, FoldedKernel) and own.reuse_factor is None:
                    layer = _Layer(stage, stage.kernel, actor.targets[0].tokens, own)
                    self._layers[stage.layers[0]] = layer
                    self._rest = without(self._rest, estimate(stage, device.family))
        self._ways: dict[tuple[str, int, Multipliers], _Way] = {}

    def shortest(self, least: int) -> int | None:
        """The least number of cycles from a given one on for which a choice fits; None if there is none."""
        low = max([least, *(stream.tokens for stream in self.slowest.streams.values())])
        high = max([low, *(layer.tokens * layer.kernel.multiplications for layer in self._layers.values())])
        if self._choose(high) is None:
            return None
        while high - low > high // _PRECISION:
            middle = (low + high) // 2
            if self._choose(middle) is None:
                low = middle + 1
            else:
                high = middle
        return high

    def options_for(self, cycles: int) -> HardwareOptions | None:
        """Options that give every layer so many cycles for an inference."""
        chosen = self._choose(cycles)
        return None if chosen is None else self._with({name: way.options for name, way in chosen.items()})

    @property
    def slowest_options(self) -> HardwareOptions:
        """Options that fold every layer as far as it goes."""
        return self._with(
            {
                name: replace(layer.own, strategy=Strategy.FOLDED, reuse_factor=layer.kernel.multiplications)
                for name, layer in self._layers.items()
            }
        )

    def _with(self, layers: Mapping[str, LayerOptions]) -> HardwareOptions:
        replaced = {self._options.key_of(name) for name in layers}
        kept = {key: value for key, value in self._options.layers.items() if key not in replaced}
        return replace(self._options, layers={**kept, **layers})

    def _choose(self, cycles: int) -> Mapping[str, _Way] | None:
        offers = {name: self._offers(name, max(1, cycles // layer.tokens)) for name, layer in self._layers.items()}
        weights = dict.fromkeys(RESOURCES, 1.0)
        best: tuple[float, Mapping[str, _Way]] | None = None
        for _ in range(_ROUNDS):
            chosen = {
                name: min(ways, key=lambda way: price(way.cost, self._device, weights)) for name, ways in offers.items()
            }
            cost = sum((way.cost for way in chosen.values()), self._rest)
            shares = self._device.shares(_at_most(cost))
            scarcest = max(shares, key=lambda resource: shares[resource])
            if best is None or shares[scarcest] < best[0]:
                best = shares[scarcest], chosen
            weights[scarcest] *= _GROWTH
        return best[1] if best is not None and best[0] <= 1 else None

    def _offers(self, name: str, reuse_factor: int) -> list[_Way]:
        own = self._layers[name].own.multipliers
        kinds = (Multipliers.AUTO, Multipliers.LUT) if own is Multipliers.AUTO else (own,)
        return [self._way(name, reuse_factor, kind) for kind in kinds]

    def _way(self, name: str, reuse_factor: int, multipliers: Multipliers) -> _Way:
        key = name, reuse_factor, multipliers
        if key not in self._ways:
            layer = self._layers[name]
            staircases = tuple(replace(r, multipliers=multipliers) for r in layer.kernel.requantizers)
            bound = replace(layer.kernel, multipliers=multipliers, requantizers=staircases)
            kernel = with_neurons(bound, reuse_factor)
            own = replace(layer.own, strategy=Strategy.FOLDED, reuse_factor=reuse_factor, multipliers=multipliers)
            self._ways[key] = _Way(own, estimate(replace(layer.stage, kernel=kernel), self._device.family))
        return self._ways[key]
