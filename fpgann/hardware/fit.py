# SPDX-License-Identifier: Apache-2.0
"""Choose strategies and reuse factors so that a design fits a device, with the smallest interval that does.

Every layer that can be folded offers ways to be built: as it is, or folded with a divisor of its multiplications as
reuse factor, with multipliers in blocks or in LUTs. For a given interval, layers take the way that costs least, in
shares of the device weighted by how scarce each resource is; the weights of what runs short grow until all fits. The
smallest interval for which that succeeds is found by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from fpgann.errors import ResourceBudgetError
from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.design import Design, FoldedKernel, Stage
from fpgann.hardware.devices import RESOURCES, Device, larger_devices
from fpgann.hardware.estimate import Resources, estimate, estimate_between, estimate_streams
from fpgann.hardware.folding import divisors
from fpgann.hardware.options import HardwareOptions, LayerOptions, Multipliers, Strategy
from fpgann.hardware.streaming import StreamDesign
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Graph, Node
from fpgann.ir.ops.dense import Dense

_ROUNDS = 12  # of growing weights
_GROWTH = 2.0
_LOOK_BACK = 3


@dataclass(frozen=True, slots=True)
class Way:
    """A way to build a layer.

    Args:
        options: the choice.
        interval: cycles from one item to the next.
        cost: what it costs, with all the stages that it replaces.
    """

    options: LayerOptions
    interval: int
    cost: Resources


@dataclass(frozen=True, slots=True)
class Fit:
    """A choice that fits.

    Args:
        layers: options of each layer that changes.
        interval: cycles from one item to the next.
        cost: what the design costs then.
    """

    layers: Mapping[str, LayerOptions]
    interval: int
    cost: Resources


def total_cost(design: Design, family: str, streams: StreamDesign | None = None) -> Resources:
    """Cost of a design with everything around its stages."""
    around = Resources() if streams is None else estimate_streams(streams, family)
    return sum((estimate(stage, family) for stage in design.stages), around + estimate_between(design, family))


class Fitter:
    """Looks for a choice that fits.

    Args:
        graph: graph of codes.
        options: the user's choices: what they say about a layer is kept.
        design: what the options lead to.
        device: what it has to fit.
        streams: interfaces around the design.
    """

    def __init__(
        self,
        graph: Graph,
        options: HardwareOptions,
        design: Design,
        device: Device,
        streams: StreamDesign | None = None,
    ) -> None:
        self._graph, self._options, self._design, self._device = graph, options, design, device
        self._own = {stage.layers[0]: estimate(stage, device.family) for stage in design.stages}
        self._stages = {stage.layers[0]: stage for stage in design.stages}
        self._rest = total_cost(design, device.family, streams)
        layers = [node for node in graph.nodes if isinstance(node.op, Dense) and node.name in self._stages]
        self._nodes = {node.name: node for node in layers if self._is_free(node)}
        self.kept = [node.name for node in layers if node.name not in self._nodes]  # as the user wants them
        for name in self._nodes:
            for part in self._replaced(name):
                self._rest = without(self._rest, self._own[part])
        self._ways = lru_cache(maxsize=None)(self._build)

    def search(self) -> Fit | None:
        """The smallest interval that fits, or None."""
        intervals = sorted({1}.union(*(self._reuse_factors(node) for node in self._nodes.values())))
        floor = max((s.interval_cycles for name, s in self._stages.items() if name not in self._nodes), default=1)
        first, last, best = 0, len(intervals) - 1, None
        while first <= last:
            middle = (first + last) // 2
            found = self._choose(max(floor, intervals[middle]))
            if found is None:
                first = middle + 1
            else:
                best, last = found, middle - 1
        # costs do not quite fall with every step of the interval: look at a few that bisection jumped over
        for interval in intervals[max(0, first - _LOOK_BACK) : first]:
            found = self._choose(max(floor, interval))
            if found is not None and (best is None or found.interval < best.interval):
                return found
        return best

    def smallest(self) -> Resources:
        """Cost of the design with every layer folded as far as it goes."""
        ways = [self._offers(name, 1 << 62)[-1] for name in self._nodes]
        return sum((way.cost for way in ways), self._rest)

    def _is_free(self, node: Node) -> bool:
        """Whether the user left the layer to the compiler."""
        own = self._own_options(node.name)
        return own.reuse_factor is None and own.strategy is not Strategy.UNROLLED

    def _replaced(self, name: str) -> list[str]:
        """Stages of the design that a folded form of a layer takes in."""
        chain, node = [name], self._nodes[name]
        builder = DesignBuilder(self._graph, self._options)
        followers = {follower.name for follower in builder.fused(node)}
        return chain + [first for first in self._stages if first in followers]

    @staticmethod
    def _reuse_factors(node: Node) -> list[int]:
        assert isinstance(node.op, Dense)
        inputs, outputs = node.op.weight.data.shape
        return divisors(inputs * outputs)

    def _offers(self, name: str, interval: int) -> list[Way]:
        """Ways of a layer that are fast enough: as it is, and folded as far as the interval allows."""
        offers = []
        stage = self._stages[name]
        if stage.interval_cycles <= interval and not (
            isinstance(stage.kernel, FoldedKernel) and stage.interval_cycles < interval
        ):
            cost = sum((self._own[part] for part in self._replaced(name)), Resources())
            offers.append(Way(self._as_it_is(stage), stage.interval_cycles, cost))
        factors = self._reuse_factors(self._nodes[name])
        factor = factors[bisect_right(factors, interval) - 1]
        return offers + [self._ways(name, factor, choice) for choice in (Multipliers.AUTO, Multipliers.LUT)]

    def _own_options(self, name: str) -> LayerOptions:
        key = self._options.key_of(name)
        return self._options.default if key is None else self._options.layers[key]

    def _as_it_is(self, stage: Stage) -> LayerOptions:
        """The options that lead to a stage."""
        kernel, own = stage.kernel, self._own_options(stage.layers[0])
        if isinstance(kernel, FoldedKernel):
            return replace(own, strategy=Strategy.FOLDED, reuse_factor=kernel.steps)
        return replace(own, strategy=Strategy.UNROLLED)

    def _build(self, name: str, factor: int, multipliers: Multipliers) -> Way:
        """A layer folded by a reuse factor, alone."""
        node, own = self._nodes[name], self._own_options(name)
        if own.multipliers is not Multipliers.AUTO:
            multipliers = own.multipliers
        wanted = replace(own, strategy=Strategy.FOLDED, reuse_factor=factor, multipliers=multipliers)
        builder = DesignBuilder(self._graph, replace(self._options, layers={name: wanted}))
        for value in node.inputs:
            if value in self._design.streams:
                builder.streams[value] = self._design.streams[value]
        BUILDERS[type(node.op)](builder, node)
        (stage,) = builder.stages
        cost = estimate(stage, self._device.family)
        taken = set(stage.layers)
        for part in self._replaced(name)[1:]:
            if part not in taken:  # a staircase that stays a stage of its own
                cost += self._own[part]
        return Way(wanted, stage.interval_cycles, cost)

    def _choose(self, interval: int) -> Fit | None:
        """The cheapest ways for an interval, if they fit."""
        offers = {name: self._offers(name, interval) for name in self._nodes}
        weights = dict.fromkeys(RESOURCES, 1.0)
        for _ in range(_ROUNDS):
            chosen = {
                name: min(ways, key=lambda way: price(way.cost, self._device, weights)) for name, ways in offers.items()
            }
            cost = sum((way.cost for way in chosen.values()), self._rest)
            if self._device.fits(cost):
                slowest = max((way.interval for way in chosen.values()), default=1)
                return Fit({name: way.options for name, way in chosen.items()}, slowest, cost)
            for resource, share in self._device.shares(cost).items():
                if share > 1:
                    weights[resource] *= _GROWTH
        return None


def price(cost: Resources, device: Device, weights: Mapping[str, float]) -> float:
    """Shares of a device, weighted by how scarce each resource is.

    What the device has none of costs more than all of anything else.
    """
    return sum(weights[name] * min(share, 1e6) for name, share in device.shares(cost).items())


def without(total: Resources, part: Resources) -> Resources:
    """What is left of a cost."""
    numbers = {name: getattr(total, name) - getattr(part, name) for name in ("lut", "ff", "dsp", "lut_cells", "srl")}
    return replace(total, **numbers, bram36=total.bram36 - part.bram36, lutram=total.lutram - part.lutram)


def fitting_options(
    graph: Graph, options: HardwareOptions, design: Design, device: Device, streams: StreamDesign | None = None
) -> HardwareOptions:
    """Options whose design fits a device at the smallest interval.

    Raises:
        ResourceBudgetError: nothing fits.
    """
    fitter = Fitter(graph, options, design, device, streams)
    found = fitter.search()
    if found is None:
        raise _too_small(fitter, device)
    replaced = {options.key_of(name) for name in found.layers}
    kept = {key: value for key, value in options.layers.items() if key not in replaced}
    return replace(options, layers={**kept, **found.layers})


def check_fit(
    graph: Graph, options: HardwareOptions, design: Design, device: Device, streams: StreamDesign | None = None
) -> None:
    """Refuse a design that is too large for a device.

    Raises:
        ResourceBudgetError: it does not fit; the hint names the layers to fold and the reuse factor that would fit.
    """
    cost = total_cost(design, device.family, streams)
    if device.fits(cost):
        return
    fitter = Fitter(graph, options, design, device, streams)
    found = fitter.search()
    if found is None:
        raise _too_small(fitter, device)
    raise ResourceBudgetError(
        f"the design needs {device.lacking(cost)} (estimated)",
        where=f"device {device.part}",
        hint=f"{_advice(found)} would fit; --fit chooses that",
    )


def _advice(found: Fit) -> str:
    folded = {name: layer.reuse_factor for name, layer in found.layers.items() if layer.strategy is Strategy.FOLDED}
    groups: dict[int | None, list[str]] = {}
    for name, factor in folded.items():
        groups.setdefault(factor, []).append(name)
    parts = [f"{_names(names)} with reuse factor {factor}" for factor, names in groups.items()]
    return "folding " + " and ".join(parts)


def _names(names: list[str]) -> str:
    shown = [f"'{name}'" for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


_SHOWN = 6


def _too_small(fitter: Fitter, device: Device) -> ResourceBudgetError:
    least = fitter.smallest()
    larger = [other.part for other in larger_devices(device, least)][:3]
    hint = f"it would fit {', '.join(larger)}" if larger else "use fewer bits or a smaller network"
    if fitter.kept:
        hint = f"leave strategy and reuse factor of {_names(fitter.kept)} to the compiler; else {hint}"
    which = "all other layers" if fitter.kept else "all layers"
    return ResourceBudgetError(
        f"the design needs {device.lacking(least)} even with {which} folded as far as they go (estimated)",
        where=f"device {device.part}",
        hint=hint,
    )
