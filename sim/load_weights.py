# SPDX-License-Identifier: Apache-2.0
"""Loads weights over AXI4-Lite for the benches, and asks the slave for what it must refuse.

Needs cocotbext-axi. `loading` in design.json describes the slave; `writes` in vectors.json holds addresses and data;
without them the design keeps the weights that it was compiled with.
"""

from __future__ import annotations

import logging
from typing import Any

from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

VERSION_ADDRESS, IDENTITY_ADDRESS = 0, 4


def connect(dut: Any, clock: Any, reset: Any, design: dict, *, active_high: bool) -> AxiLiteMaster:
    """A master at the slave of the design, to be made before the reset: it defines the inputs.

    Args:
        dut: the design.
        clock: its clock.
        reset: its reset.
        design: contents of design.json.
        active_high: whether a 1 resets.
    """
    bus = AxiLiteBus.from_prefix(dut, design["loading"]["interface"])
    master = AxiLiteMaster(bus, clock, reset, reset_active_level=active_high)
    for interface in (master.write_if, master.read_if):
        interface.log.setLevel(logging.WARNING)  # else a line a word
    return master


async def load_weights(master: AxiLiteMaster, design: dict, vectors: dict) -> dict | None:
    """Check the registers, write all weights, try addresses where nothing is; a divergence, or None.

    Args:
        master: from `connect`.
        design: contents of design.json.
        vectors: contents of vectors.json.
    """
    loading = design["loading"]
    for address, key in ((VERSION_ADDRESS, "version"), (IDENTITY_ADDRESS, "identity")):
        read = await master.read(address, 4)
        got = int.from_bytes(read.data, "little")
        if read.resp != AxiResp.OKAY or got != loading[key]:
            return difference(f"register {address:#x}", f"{loading[key]:#010x}", f"{got:#010x} ({read.resp.name})")
    for address, data in vectors.get("writes", []):
        written = await master.write(address, int(data).to_bytes(4, "little"))
        if written.resp != AxiResp.OKAY:
            return difference(f"write to {address:#x}", "OKAY", written.resp.name)
    for address in holes(loading):
        written = await master.write(address, bytes(4))
        read = await master.read(address, 4) if address > IDENTITY_ADDRESS else written
        for access, answer in (("write to", written), ("read from", read)):
            if answer.resp != AxiResp.SLVERR:
                return difference(f"{access} {address:#x}", "SLVERR", answer.resp.name)
    return None


def holes(loading: dict) -> list[int]:
    """Addresses that hold nothing which can be written: registers, and what lies between and behind the windows."""
    ends = [16, *(window["base"] + window["size"] for window in loading["windows"])]
    starts = [*(window["base"] for window in loading["windows"]), 1 << loading["address_bits"]]
    return [VERSION_ADDRESS, IDENTITY_ADDRESS, *(end for end, start in zip(ends, starts, strict=True) if end < start)]


def difference(place: str, expected: str, got: str) -> dict:
    """first_divergence of result.json."""
    return {
        "layer": f"AXI4-Lite, {place}",
        "vector": 0,
        "cycle": None,
        "element": None,
        "expected": expected,
        "got": got,
    }
