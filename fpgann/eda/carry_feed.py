# SPDX-License-Identifier: Apache-2.0
"""Carry chains of Nexus that begin with a constant.

Yosys begins each chain with a cell that turns a net into a carry. Where that net is constant, its optimiser takes
the cell away and leaves a constant at the carry input of the next, which the fabric cannot route and nextpnr refuses.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

_CONSTANTS = {"VLO": "0", "VHI": "1"}
_FEED = {"INIT0": "0xFFFF", "INIT1": "0x00AA", "INJECT": "NO"}  # as in arith_map_nexus.v of Yosys: COUT = A1


def feed_carries(modules: Mapping[str, Any]) -> int:
    """Give each carry chain that begins with a constant its first cell back, in place.

    Args:
        modules: `modules` of what Yosys' write_json wrote, mapped to Nexus.

    Returns:
        How many chains got one.
    """
    return sum(_feed_module(module) for module in modules.values())


def _feed_module(module: dict[str, Any]) -> int:
    cells = module["cells"]
    constant: dict[object, str] = {"0": "0", "1": "1"}
    for cell in cells.values():
        if cell["type"] in _CONSTANTS:
            constant[cell["connections"]["Z"][0]] = _CONSTANTS[cell["type"]]
    chains = [
        name
        for name, cell in cells.items()
        if cell["type"] == "CCU2" and cell["connections"].get("CIN", ["x"])[0] in constant
    ]
    if not chains:
        return 0
    nets = (bits for cell in cells.values() for bits in cell["connections"].values())
    ports = (port["bits"] for port in module["ports"].values())
    used = (bit for bits in itertools.chain(nets, ports) for bit in bits if isinstance(bit, int))
    free = itertools.count(max(used, default=1) + 1)
    levels = {value: next(free) for value in "01"}  # nextpnr knows constants as cells only
    for kind, value in _CONSTANTS.items():
        cells[f"$feed${kind}"] = _cell(kind, {}, Z=levels[value])
    for name in chains:
        value, carry = constant[cells[name]["connections"]["CIN"][0]], next(free)
        pins = {f"{pin}{half}": levels["1"] for half in "01" for pin in "ABCD"} | {"A1": levels[value]}
        cells[f"{name}$feed"] = _cell("CCU2", _FEED, COUT=carry, **pins)
        cells[name]["connections"]["CIN"] = [carry]
    return len(chains)


def _cell(kind: str, parameters: Mapping[str, str], **pins: int) -> dict[str, Any]:
    return {
        "hide_name": 0,
        "type": kind,
        "parameters": dict(parameters),
        "attributes": {},
        "port_directions": {pin: "output" if pin in ("Z", "COUT") else "input" for pin in pins},
        "connections": {pin: [net] for pin, net in pins.items()},
    }
