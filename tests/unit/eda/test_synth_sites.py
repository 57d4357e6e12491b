# SPDX-License-Identifier: Apache-2.0
"""How many physical LUT sites small netlists take, counted by hand."""

from __future__ import annotations

import itertools
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fpgann.eda.sites import Sites, count_sites

Cell = dict[str, Any]
OUTPUTS = {"O", "O5", "O6", "CO", "Q"}


class Netlist:
    """A module as Yosys writes it; nets are numbers."""

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        self.outputs: list[int] = []
        self._net = itertools.count(2)

    def nets(self, count: int) -> list[int]:
        return [next(self._net) for _ in range(count)]

    def cell(self, kind: str, **ports: list[int | str]) -> None:
        self.cells[f"c{len(self.cells)}"] = {
            "type": kind,
            "connections": ports,
            "port_directions": {port: "output" if port in OUTPUTS else "input" for port in ports},
        }

    def lut(self, inputs: list[int]) -> int:
        (output,) = self.nets(1)
        self.cell(f"LUT{len(inputs)}", O=[output], **{f"I{i}": [net] for i, net in enumerate(inputs)})
        return output

    def register(self, net: int) -> None:
        (output,) = self.nets(1)
        self.cell("FDRE", D=[net], Q=[output])
        self.outputs.append(output)

    def count(self) -> Sites:
        ports = {"y": {"direction": "output", "bits": self.outputs}}
        return count_sites({"cells": self.cells, "ports": ports})


def adder(netlist: Netlist, bits: int, *, registered: bool) -> list[list[int]]:
    """A sum of two words as Yosys maps it: LUT2, CARRY4; the inputs of each LUT."""
    pairs = [netlist.nets(2) for _ in range(bits)]
    carry_in: list[int | str] = ["0"]
    for low in range(0, bits, 4):
        used = min(4, bits - low)
        halves = [netlist.lut(pairs[low + i]) for i in range(used)]
        sums, carries = netlist.nets(4), netlist.nets(4)
        select: list[int | str] = [*halves, *["0"] * (4 - used)]
        generate: list[int | str] = [*(pairs[low + i][0] for i in range(used)), *["0"] * (4 - used)]
        netlist.cell("CARRY4", CI=carry_in, S=select, DI=generate, O=list(sums), CO=list(carries))
        carry_in = [carries[3]]
        for net in sums[:used]:
            if registered:
                netlist.register(net)
            else:
                netlist.outputs.append(net)
    return pairs


def test_an_adder_takes_a_site_a_bit() -> None:
    for bits in (1, 4, 5, 8, 11):
        netlist = Netlist()
        adder(netlist, bits, registered=True)
        assert netlist.count() == Sites(sites=bits, carry_bits=bits, luts=bits)


def test_positions_above_the_last_one_in_use_are_free() -> None:
    netlist = Netlist()
    sums, carries = netlist.nets(4), netlist.nets(4)
    netlist.cell("CARRY4", CI=["0"], S=["0", "1", "0", "0"], DI=["0"] * 4, O=list(sums), CO=list(carries))
    netlist.outputs.append(sums[1])
    assert netlist.count() == Sites(sites=2, carry_bits=2, luts=0)


def test_a_lut_of_the_same_inputs_hides_behind_a_registered_sum() -> None:
    for registered, expected in ((True, 4), (False, 5)):
        netlist = Netlist()
        pairs = adder(netlist, 4, registered=registered)
        netlist.register(netlist.lut(pairs[2]))
        assert netlist.count().sites == expected


def test_a_lut_of_other_inputs_takes_a_site() -> None:
    netlist = Netlist()
    adder(netlist, 4, registered=True)
    netlist.register(netlist.lut(netlist.nets(3)))
    assert netlist.count().sites == 5


def test_two_luts_of_five_common_inputs_share_a_site() -> None:
    for inputs, expected in ((5, 1), (6, 2)):
        netlist = Netlist()
        nets = netlist.nets(inputs)
        netlist.register(netlist.lut(nets))
        netlist.register(netlist.lut(nets))
        assert netlist.count() == Sites(sites=expected, carry_bits=0, luts=2)


@pytest.mark.parametrize(
    ("kind", "sites"),
    [("SRL16E", 1), ("SRLC32E", 1), ("RAM64X1D", 2), ("RAM32M", 4), ("RAM32M16", 8), ("RAM64X1S", 1), ("RAMB36E2", 0)],
)
def test_memories_and_shift_registers_take_sites(kind: str, sites: int) -> None:
    netlist = Netlist()
    netlist.cell(kind, D=netlist.nets(1), Q=netlist.nets(1))
    assert netlist.count().sites == sites


@given(st.lists(st.integers(1, 6), max_size=30))
def test_sites_lie_between_half_of_the_luts_and_all_of_them(sizes: list[int]) -> None:
    netlist = Netlist()
    for size in sizes:
        netlist.register(netlist.lut(netlist.nets(size)))
    found = netlist.count()
    assert found.luts == len(sizes)
    assert len(sizes) / 2 <= found.sites <= len(sizes)
    # two LUTs without a common input share a site only where they have at most six inputs together
    large = sum(size == 6 for size in sizes)
    assert found.sites >= large


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(0, 3))
def test_another_adder_adds_its_bits(widths: list[int], more: int) -> None:
    netlist = Netlist()
    for width in widths:
        adder(netlist, width + more, registered=True)
    assert netlist.count().sites == sum(width + more for width in widths)
