# SPDX-License-Identifier: Apache-2.0
"""Whether a network of maps fits a device."""

from __future__ import annotations

from fpgann.errors import ResourceBudgetError
from fpgann.hardware.devices import Device, larger_devices
from fpgann.hardware.estimate import Resources, estimate
from fpgann.hardware.estimate_maps import estimate_network
from fpgann.hardware.token_graph import MapDesign


def cost_of_maps(maps: MapDesign, family: str) -> Resources:
    """Estimated cost of a whole network."""
    stages = (stage for actor in maps.cores for stage in actor.core.stages)
    return sum((estimate(stage, family) for stage in stages), estimate_network(maps, family))


def check_map_fit(maps: MapDesign, device: Device) -> None:
    """Refuse a network that is too large for a device.

    Raises:
        ResourceBudgetError: it does not fit; the hint names devices that it would fit.
    """
    cost = cost_of_maps(maps, device.family)
    if device.fits(cost):
        return
    larger = [other.part for other in larger_devices(device, cost)][:3]
    advice = f", or a larger device: {', '.join(larger)}" if larger else ""
    raise ResourceBudgetError(
        f"the design needs {device.lacking(cost)} (estimated)",
        where=f"device {device.part}",
        hint=f"choose a larger --reuse-factor or a lower --target-throughput, let --fit choose{advice}",
    )
