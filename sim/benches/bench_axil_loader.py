# SPDX-License-Identifier: Apache-2.0
"""Checks fpgann_axil_loader in every cycle: all channels stall at random, some writes leave out bytes."""

from __future__ import annotations

from collections.abc import Callable

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, STALLS, Unit, pulse_reset, start

from sim import models

CYCLES = 400
MASTER = ("awaddr", "awprot", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arprot", "arvalid", "rready")
IDLE = {**{f"s_axil_{name}": 0 for name in MASTER}, "load_hit": 0}


class Channel:
    """A sender of AXI: once valid, it keeps its payload until it is taken."""

    def __init__(self, offers: Callable[[int], bool], payload: Callable[[], dict[str, int]]) -> None:
        self.offers = offers
        self.payload = payload
        self.held: dict[str, int] | None = None

    def offer(self, cycle: int) -> dict[str, int] | None:
        if self.held is None and self.offers(cycle):
            self.held = self.payload()
        return self.held


def channels(unit: Unit, pattern: str) -> tuple[Channel, Channel, Channel]:
    """Write addresses, write data, read addresses; the registers are among the addresses often."""
    width, rng = unit.generics["address_width"], unit.random

    def address() -> int:
        return rng.randrange(12) if rng.random() < 0.6 else rng.getrandbits(width)

    def strobes() -> int:
        return 15 if rng.random() < 0.7 else rng.getrandbits(4)

    return (
        Channel(lambda cycle: STALLS[pattern](rng, cycle), lambda: {"awaddr": address(), "awprot": rng.getrandbits(3)}),
        Channel(lambda cycle: STALLS[pattern](rng, cycle), lambda: {"wdata": rng.getrandbits(32), "wstrb": strobes()}),
        Channel(lambda cycle: STALLS[pattern](rng, cycle), lambda: {"araddr": address(), "arprot": rng.getrandbits(3)}),
    )


@cocotb.test()
@cocotb.parametrize(case=CASES, sent=list(STALLS), taken=list(STALLS))
async def every_cycle(dut, case: str, sent: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    for _ in range(2):
        done = await follow(dut, unit, sent, taken)
        assert done >= CYCLES // (60 if "rare" in (sent, taken) else 12), f"only {done} writes"
        unit.drive(**IDLE)
        await pulse_reset(dut)


async def follow(dut, unit: Unit, sent: str, taken: str) -> int:
    """Compare with the model for a while; how many writes were answered."""
    loader = models.AxilLoader(**unit.pick("load_words", "version", "identity"))
    write_address, write_data, read_address = channels(unit, sent)
    answered = 0
    for cycle in range(CYCLES):
        context = f"cycle {cycle}"
        for port, value in loader.outputs().items():
            unit.expect(port, value, context)
        aw, w, ar = (channel.offer(cycle) for channel in (write_address, write_data, read_address))
        bready, rready = (STALLS[taken](unit.random, cycle) for _ in range(2))
        load_hit = unit.random.random() < 0.5
        offered = {**(aw or {}), **(w or {}), **(ar or {})}
        valid = {"awvalid": aw is not None, "wvalid": w is not None, "arvalid": ar is not None}
        ready = {"bready": bready, "rready": rready}
        signals = {**offered, **{name: int(value) for name, value in {**valid, **ready}.items()}}
        unit.drive(load_hit=int(load_hit), **{f"s_axil_{name}": value for name, value in signals.items()})
        await Timer(1, "ns")
        writes = aw is not None and w is not None and loader.can_write(bready=bready)
        reads = ar is not None and loader.can_read(rready=rready)
        for port, value in (("awready", writes), ("wready", writes), ("arready", reads)):
            unit.expect(f"s_axil_{port}", int(value), context)
        if writes:
            write_address.held = write_data.held = None
        if reads:
            read_address.held = None
        answered += bready and loader.bresp is not None
        loader.step(
            write=(aw["awaddr"], w["wdata"], w["wstrb"]) if writes and aw and w else None,
            read=ar["araddr"] if reads and ar else None,
            load_hit=load_hit,
            bready=bready,
            rready=rready,
        )
        await FallingEdge(dut.clk)
    return answered
