# SPDX-License-Identifier: Apache-2.0
"""How many physical LUT sites a netlist of 6-input LUTs and carry chains takes.

A slice of AMD's 7 series and later (UG474, UG574) has, per site, one LUT with two outputs (O6 of six inputs, O5 of
five of them), one carry position whose S input comes from O6, and two flip-flops. Rules of the count:

- one site per carry position in use, up to the last used position of each carry cell; the LUT before its S input
  lies in that site;
- the O5 output of such a site takes another LUT whose inputs are among those of the S LUT, if that has at most five
  and the sum leaves through the flip-flop (else both would need the same output of the slice);
- of the other LUTs, two share a site where the inputs of one, at most five, contain those of the other;
- a memory takes as many sites as its cell has LUTs, a shift register one;
- what is left pairs up where two small LUTs have at most six inputs together, as `stat -tech xilinx` of Yosys counts.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Bit = int
Inputs = frozenset[Bit]
_CARRY_WIDTH = {"CARRY4": 4, "CARRY8": 8}
MEMORY_LUTS: Mapping[str, int] = {
    "RAM32M16|RAM64M8|RAM64X8|RAM256X1D|RAM512X1": 8,
    "RAM32M|RAM64M|RAM128X1D|RAM256X1S": 4,
    "RAM32X1D|RAM64X1D|RAM128X1S|RAM32X2": 2,
    "RAM32X1S|RAM64X1S": 1,
}
"""Cells of distributed memory, as beginnings of names, in this order -> their LUTs (UG474, UG574)."""
_SHARED_INPUTS = 5  # what a LUT with two outputs in use may have


@dataclass(frozen=True, slots=True)
class Sites:
    """What a module takes.

    Args:
        sites: physical 6-input LUTs.
        carry_bits: carry positions in use.
        luts: LUT cells.
    """

    sites: int
    carry_bits: int
    luts: int


class _Module:
    """A flat module of a netlist as Yosys writes it (write_json)."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.cells: Mapping[str, Any] = module["cells"]
        self.readers: dict[Bit, list[tuple[str, str, int]]] = defaultdict(list)
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) == "input":
                    for index, bit in enumerate(bits):
                        if isinstance(bit, int):
                            self.readers[bit].append((name, port, index))
        self.leaving = {
            bit
            for port in module["ports"].values()
            if port["direction"] != "input"
            for bit in port["bits"]
            if isinstance(bit, int)
        }

    def kind(self, name: str) -> str:
        """The type of a cell."""
        return str(self.cells[name]["type"])

    def used(self, bit: object) -> bool:
        """Whether anything reads a net."""
        return isinstance(bit, int) and (bool(self.readers.get(bit)) or bit in self.leaving)

    def bit(self, name: str, port: str, index: int) -> object:
        """A bit of a port; a constant where it is not connected."""
        bits = self.cells[name]["connections"].get(port, [])
        return bits[index] if index < len(bits) else "x"

    def inputs(self, name: str) -> Inputs:
        """The nets that a LUT reads."""
        cell = self.cells[name]
        return frozenset(
            bit
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input"
            for bit in bits
            if isinstance(bit, int)
        )


def count_sites(module: Mapping[str, Any]) -> Sites:
    """Count the sites of one flat module of a netlist mapped to AMD cells.

    Args:
        module: an entry of `modules` in what Yosys' write_json wrote.
    """
    flat = _Module(module)
    carry_bits = sum(_positions(flat, name) for name in flat.cells if flat.kind(name) in _CARRY_WIDTH)
    others: dict[str, Inputs] = {}
    open_sites: list[Inputs] = []  # inputs of S LUTs whose site has a free second output
    pairs = luts = 0
    for name in flat.cells:
        if not _is_lut(flat.kind(name)):
            continue
        luts += 1
        places = _carry_places(flat, name)
        if places:
            if flat.kind(name) != "LUT6_2" and all(_leaves_through_register(flat, *place) for place in places):
                open_sites.append(flat.inputs(name))
        elif flat.kind(name) == "LUT6_2":
            pairs += 1
        else:
            others[name] = flat.inputs(name)
    waiting: dict[Inputs, list[str]] = defaultdict(list)
    for name, inputs in others.items():
        waiting[inputs].append(name)
    for inputs in open_sites:
        partner = _partner(inputs, waiting)
        if partner is not None:
            del others[partner]
    for name in sorted(others, key=lambda name: -len(others[name])):
        if name not in others:
            continue
        waiting[others[name]].remove(name)
        partner = _partner(others[name], waiting)
        if partner is None:
            waiting[others[name]].append(name)
        else:
            del others[name], others[partner]
            pairs += 1
    rest = Counter(max(1, len(inputs)) for inputs in others.values())
    memories = sum(_memory_luts(flat.kind(name)) for name in flat.cells)
    return Sites(carry_bits + pairs + _packed(rest) + memories, carry_bits, luts)


def _memory_luts(kind: str) -> int:
    """LUTs of a shift register or memory; 0 for other cells."""
    if kind.startswith("SRL"):
        return 1
    return next((luts for pattern, luts in MEMORY_LUTS.items() if re.match(pattern, kind)), 0)


def _is_lut(kind: str) -> bool:
    return kind == "INV" or (kind.startswith("LUT") and kind[3:4].isdigit())


def _positions(flat: _Module, name: str) -> int:
    """Carry positions up to the last one in use."""
    width = _CARRY_WIDTH[flat.kind(name)]
    used = [i for i in range(width) if flat.used(flat.bit(name, "O", i)) or flat.used(flat.bit(name, "CO", i))]
    return used[-1] + 1 if used else 0


def _carry_places(flat: _Module, name: str) -> list[tuple[str, int]]:
    """The carry positions whose S input a LUT drives."""
    port = "O6" if flat.kind(name) == "LUT6_2" else "O"
    output = flat.bit(name, port, 0)
    if not isinstance(output, int):
        return []
    readers = flat.readers.get(output, [])
    return [(cell, index) for cell, pin, index in readers if pin == "S" and flat.kind(cell) in _CARRY_WIDTH]


def _leaves_through_register(flat: _Module, carry: str, index: int) -> bool:
    """Whether the sum of a position is registered or unused, and its carry goes up the chain only."""
    total, chain = flat.bit(carry, "O", index), flat.bit(carry, "CO", index)
    if isinstance(total, int) and (
        total in flat.leaving or any(not flat.kind(cell).startswith("FD") for cell, _, _ in flat.readers.get(total, []))
    ):
        return False
    return not isinstance(chain, int) or (
        chain not in flat.leaving and all(pin == "CI" for _, pin, _ in flat.readers.get(chain, []))
    )


def _partner(inputs: Inputs, waiting: dict[Inputs, list[str]]) -> str | None:
    """Take a waiting LUT whose inputs are among these, the largest first."""
    if len(inputs) > _SHARED_INPUTS:
        return None
    for size in range(len(inputs), 0, -1):
        for subset in itertools.combinations(sorted(inputs), size):
            names = waiting.get(frozenset(subset))
            if names:
                return names.pop()
    return None


def _packed(count: Counter[int]) -> int:
    """Sites of LUTs by number of inputs, where 5 goes with 1, 4 with 1 or 2, 3 with 1, 2 or 3, and 1 and 2 in pairs."""
    left = Counter({size: count[size] for size in range(1, 7)})

    def fill(size: int, *partners: int) -> int:
        """Sites of all LUTs of a size, each with the first partner there is."""
        free = sites = left[size]
        for partner in partners:
            taken = min(free, left[partner])
            left[partner] -= taken
            free -= taken
        return sites

    sites = left[6] + fill(5, 1) + fill(4, 1, 2)
    threes = left[3]
    for partner in (1, 2):
        taken = min(threes, left[partner])
        left[partner] -= taken
        threes -= taken
        sites += taken
    sites += (threes + 1) // 2
    return sites + (left[1] + left[2] + 1) // 2
