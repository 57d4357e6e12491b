# SPDX-License-Identifier: Apache-2.0
"""A shift register around a design: few pins in, few pins out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpgann.codegen.render import render

HARNESS = "fpgann_harness"
INSTANCE = "design"
_CLOCKS = ("clk", "aclk")
_RESETS = {"rst": "reset", "aresetn": "~reset"}


@dataclass(frozen=True, slots=True)
class HarnessView:
    """Vocabulary of templates/project/harness.v.j2."""

    name: str
    top: str
    instance: str
    in_bits: int
    out_bits: int
    pins: tuple[str, ...]
    ports: tuple[str, ...]


def render_harness(top: str, ports: Mapping[str, Any]) -> str:
    """Verilog of the harness, with the design as a black box.

    Args:
        top: module of the design.
        ports: its ports as Yosys' write_json writes them, name -> direction and bits.
    """
    pins, declared = [], []
    position = {"input": 0, "output": 0}
    for name, port in ports.items():
        direction, width = port["direction"], len(port["bits"])
        declared.append(f"{direction} [{width - 1}:0] {name}")
        if name in _CLOCKS:
            pins.append(f".{name}(clk)")
        elif name in _RESETS:
            pins.append(f".{name}({_RESETS[name]})")
        else:
            low = position[direction]
            position[direction] += width
            word = "stimulus" if direction == "input" else "result"
            pins.append(f".{name}({word}[{low + width - 1}:{low}])")
    ports_of_top = _listed(declared)
    return render(
        "project/harness.v.j2",
        HarnessView(HARNESS, top, INSTANCE, position["input"], position["output"], _listed(pins), ports_of_top),
    )


def _listed(items: list[str]) -> tuple[str, ...]:
    return tuple(f"{item}," if index + 1 < len(items) else item for index, item in enumerate(items))
