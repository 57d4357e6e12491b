# SPDX-License-Identifier: Apache-2.0
"""What the benches of entities between two streams of tokens share: traffic with stalls on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cocotb.triggers import FallingEdge, Timer
from harness import STALLS, Unit

IDLE = {"in_valid": 0, "in_data": 0, "out_ready": 0}


async def follow(
    dut,
    unit: Unit,
    items: Sequence[Mapping[str, int]],
    expected: Sequence[Mapping[str, int]],
    offered: str = "always",
    taken: str = "always",
) -> list[int]:
    """Send all items and take all results, which must be those expected, and nothing else.

    An item that is offered stays until it is taken; so must a result.

    Args:
        items: inputs beside in_valid.
        expected: outputs beside out_valid.
        offered: stalls of the source, a name of STALLS.
        taken: of the consumer.

    Returns:
        The cycle in which each result was taken, counted from the first item on.
    """
    width = len(getattr(dut, f"{unit.name}_in_data"))
    sent, results, cycle, offers, waits = 0, [], 0, False, False
    while len(results) < len(expected) or sent < len(items):
        assert cycle < 100 * (len(expected) + len(items) + 50), (
            f"{unit.name} hangs: {sent} of {len(items)} in, {len(results)} of {len(expected)} out"
        )
        offers = sent < len(items) and (offers or STALLS[offered](unit.random, cycle))
        ready = STALLS[taken](unit.random, cycle)
        junk = {"in_data": unit.random.getrandbits(width)}
        unit.drive(**(items[sent] if offers else junk), in_valid=int(offers), out_ready=int(ready))
        await Timer(1, "ns")
        valid = unit.sample("out_valid")
        assert valid in (0, 1), f"{unit.name}.out_valid is {valid} in cycle {cycle}"
        assert valid or not waits, f"{unit.name}: a result is gone in cycle {cycle} though nobody took it"
        if valid:
            assert len(results) < len(expected), f"{unit.name}: a result too many in cycle {cycle}"
            for port, value in expected[len(results)].items():
                unit.expect(port, value, f"result {len(results)}, cycle {cycle}")
        waits = bool(valid) and not ready
        if valid and ready:
            results.append(cycle)
        if offers and unit.sample("in_ready"):
            sent, offers = sent + 1, False
        await FallingEdge(dut.clk)
        cycle += 1
    unit.drive(**IDLE)
    for _ in range(4):
        await Timer(1, "ns")
        unit.expect("out_valid", 0, "after the last result")
        await FallingEdge(dut.clk)
    return results


def plain(codes: Sequence[int], port: str) -> list[dict[str, int]]:
    """Items or results that consist of data alone."""
    return [{port: code} for code in codes]
