# SPDX-License-Identifier: Apache-2.0
"""Registers, shift registers and multipliers of netlists, counted bit by bit."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.hardware.estimate_fabric import FABRICS
from fpgann.hardware.estimate_netlist import NetlistAmounts, netlist_amounts
from fpgann.kernel.netlist import Netlist, NetlistBuilder
from fpgann.kernel.pipelining import pipeline, register_bits
from fpgann.numerics.interval import CodeRange

XCUP, ECP5 = FABRICS["xcup"], FABRICS["ecp5"]


def count(netlist: Netlist, family: str = "xcup") -> NetlistAmounts:
    (found,) = netlist_amounts(netlist, [FABRICS[family]])
    return found


def byte_inputs(number: int) -> NetlistBuilder:
    return NetlistBuilder([CodeRange(-128, 127)] * number)


def test_a_plain_sum_has_a_carry_bit_and_a_register_for_each_bit() -> None:
    netlist = byte_inputs(2)
    found = count(pipeline(netlist.build([netlist.add(0, 1)]), 2).netlist)
    assert (found.ff, found.srl, found.dsp, dict(found.logic)) == (9, 0, 0, {"add": 9})


def test_bits_below_the_second_operand_are_wires() -> None:
    netlist = byte_inputs(2)
    found = count(pipeline(netlist.build([netlist.add(0, 1, shift_b=3)]), 2).netlist)
    assert dict(found.logic) == {"add": 9}  # 12 bits less 3
    assert found.ff == 12
    netlist = byte_inputs(2)
    borrowed = count(pipeline(netlist.build([netlist.add(0, 1, shift_a=3, subtract=True)]), 2).netlist)
    assert dict(borrowed.logic) == {"add": 12}  # what is subtracted reaches below: every bit needs the borrow


def test_registers_of_the_same_bit_are_merged() -> None:
    netlist = byte_inputs(2)
    total = netlist.add(0, 1, shift_b=3)
    built = pipeline(netlist.build([total, 0]), 2).netlist
    assert register_bits(built) == 20
    assert count(built).ff == 17  # the three low bits of the sum are those of the input


def test_bits_that_nobody_reads_have_no_register() -> None:
    netlist = byte_inputs(2)
    total = netlist.register(netlist.add(0, 1))
    found = count(netlist.build([netlist.register(netlist.floor_shift(total, 4))]))
    assert found.ff == 5 + 5


def test_chains_of_three_become_shift_registers_where_there_are_any() -> None:
    netlist = byte_inputs(1)
    node = 0
    for _ in range(5):
        node = netlist.register(node)
    built = netlist.build([node])
    assert (count(built).ff, count(built).srl) == (0, 8)
    assert (count(built, "ecp5").ff, count(built, "ecp5").srl) == (40, 0)


def test_a_bit_that_is_read_on_its_way_ends_a_chain() -> None:
    netlist = byte_inputs(1)
    second = netlist.register(netlist.register(0))
    last = second
    for _ in range(3):
        last = netlist.register(last)
    found = count(netlist.build([last, netlist.register(netlist.add(second, last))]))
    assert found.srl == 8  # three of five
    assert found.ff == 16 + 9


@given(st.integers(1, 6), st.integers(3, 100))
def test_long_shift_registers_take_several_luts(bits: int, cycles: int) -> None:
    netlist = NetlistBuilder([CodeRange(0, (1 << bits) - 1)])
    node = 0
    for _ in range(cycles):
        node = netlist.register(node)
    assert count(netlist.build([node])).srl == bits * ceil(cycles / 32)


@pytest.mark.parametrize(
    ("bits", "xcup", "ecp5"),
    [(3, 0, 1), (4, 0, 1), (5, 1, 1), (18, 1, 1), (20, 2, 4), (27, 2, 4), (40, 6, 9)],
)
def test_products_take_blocks_by_width(bits: int, xcup: int, ecp5: int) -> None:
    codes = CodeRange(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    netlist = NetlistBuilder([codes, codes])
    built = pipeline(netlist.build([netlist.multiply(0, 1)]), 2).netlist
    assert (count(built).dsp, count(built, "ecp5").dsp) == (xcup, ecp5)
    assert ("multiply" in count(built).logic) == (xcup == 0)


@given(st.integers(2, 40))
def test_wider_sums_cost_more(bits: int) -> None:
    def amounts(width: int) -> NetlistAmounts:
        netlist = NetlistBuilder([CodeRange(-(1 << (width - 1)), (1 << (width - 1)) - 1)] * 2)
        return count(pipeline(netlist.build([netlist.add(0, 1)]), 2).netlist)

    narrow, wide = amounts(bits), amounts(bits + 1)
    assert wide.ff == narrow.ff + 1
    assert wide.logic["add"] == narrow.logic["add"] + 1


def test_constants_and_unread_inputs_cost_nothing() -> None:
    netlist = byte_inputs(3)
    found = count(pipeline(netlist.build([netlist.constant(5)]), 2).netlist)
    assert (found.ff, found.srl, found.dsp, dict(found.logic)) == (0, 0, 0, {})


def test_families_share_what_they_have_in_common() -> None:
    netlist = byte_inputs(2)
    built = pipeline(netlist.build([netlist.extreme(0, 1, greatest=True)]), 2).netlist
    both = netlist_amounts(built, [XCUP, ECP5])
    assert both == [count(built), count(built, "ecp5")]


def test_blocks_of_the_7_series_hold_their_product() -> None:
    netlist = byte_inputs(2)
    built = pipeline(netlist.build([netlist.multiply(0, 1)]), 2).netlist
    assert (count(built).ff, count(built, "xc7").ff) == (16, 0)
