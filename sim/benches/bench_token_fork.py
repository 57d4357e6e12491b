# SPDX-License-Identifier: Apache-2.0
"""Checks every output of fpgann_token_fork in every cycle, and that each consumer gets each token once."""

from __future__ import annotations

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import CASES, STALLS, Unit, pulse_reset, start

from sim import token_models

CYCLES = 300
IDLE = {"in_valid": 0, "out_ready": 0}


async def follow(dut, unit: Unit, valids: list[bool], readies: list[int]) -> None:
    """Drive the inputs of every cycle; an offered token stays until it is taken."""
    fork = token_models.TokenFork(unit.generics["outputs"])
    got, offers, tokens = [0] * unit.generics["outputs"], False, 0
    for cycle, (valid, out_ready) in enumerate(zip(valids, readies, strict=True)):
        offers = offers or valid
        unit.drive(in_valid=int(offers), out_ready=out_ready)
        await Timer(1, "ns")
        in_ready, out_valid = fork.outputs(in_valid=offers, out_ready=out_ready)
        unit.expect("in_ready", in_ready, f"cycle {cycle}")
        unit.expect("out_valid", out_valid, f"cycle {cycle}")
        got = [count + (out_valid & out_ready) // (1 << index) % 2 for index, count in enumerate(got)]
        fork.step(in_valid=offers, out_ready=out_ready)
        if offers and in_ready:
            tokens, offers = tokens + 1, False
            assert set(got) == {tokens}, f"after {tokens} tokens consumers have taken {got}"
        await FallingEdge(dut.clk)
    unit.drive(**IDLE)


@cocotb.test()
@cocotb.parametrize(case=CASES, offered=list(STALLS), taken=list(STALLS))
async def every_cycle(dut, case: str, offered: str, taken: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    outputs = unit.generics["outputs"]
    valids = [STALLS[offered](unit.random, cycle) for cycle in range(CYCLES)]
    readies = [sum(STALLS[taken](unit.random, cycle) << i for i in range(outputs)) for cycle in range(CYCLES)]
    await follow(dut, unit, valids, readies)


@cocotb.test()
@cocotb.parametrize(case=CASES)
async def reset_forgets_who_has_taken(dut, case: str) -> None:
    unit = Unit(dut, case)
    await start(dut, unit, **IDLE)
    unit.drive(in_valid=1, out_ready=1)
    await FallingEdge(dut.clk)
    unit.drive(**IDLE)
    await pulse_reset(dut)
    await follow(dut, unit, [True] * 20, [unit.random.getrandbits(unit.generics["outputs"]) for _ in range(20)])
