# SPDX-License-Identifier: Apache-2.0
"""cocotb bench for designs with AXI4-Stream interfaces: every byte, tkeep, tlast, every stage, interval and latency.

Needs cocotb, cocotbext-axi and a simulator. Reads `design.json` (interfaces, stages, predicted cycles) and
`vectors.json` (inputs and expected streams) from the folder FPGANN_SIM_DIR and writes `result.json` there.

A beat's cycle is the number of the rising clock edge at which it is taken. Handshakes are sampled at the falling
edge before, when all signals are stable. The vectors are divided among three phases (back to back, random stalls,
sparse); further phases repeat some of them: one interface at a time, stalled outputs, damaged packets, resets.
"""

from __future__ import annotations

import itertools
import json
from functools import partial

import cocotb
from bench_parallel import PERIOD_NS, Tap, cycle_now, first_difference, visible_stages
from cocotb.clock import Clock
from load_weights import connect, load_weights
from stream_interface import DivergenceError
from stream_traffic import FOLDER, Traffic, prove, random_stalls, resets, shares

GATHER, FIFO_OUTPUT, SEND = 1, 1, 1  # frames that wait outside of the core and the places of a FIFO


class Bench(Traffic):
    """The surroundings of frames around a core, whose stages are compared, too."""

    def __init__(self, dut, design: dict, vectors: dict) -> None:
        super().__init__(dut, design, vectors)
        self.stages = visible_stages(dut.core, design)
        self.taps = [Tap(dut.core, f"{s['stream']}_valid", [f"{s['stream']}_data"]) for s in self.stages]
        for tap in self.taps:
            cocotb.start_soon(tap.run())
        self.accepted: list[int] = []

    async def cycle(self) -> None:
        """Look at the next rising edge, just before it."""
        await super().cycle()
        if str(self.dut.core.in_valid.value) == "1" and str(self.dut.core.in_ready.value) == "1":
            self.accepted.append(cycle_now())

    def forget(self) -> None:
        """Begin a new record."""
        super().forget()
        self.accepted.clear()

    @property
    def quiet_cycles(self) -> int:
        """After so many cycles without a beat, nothing can be on its way."""
        return self.design["latency_cycles"] + self.design["core_interval_cycles"] + 8

    @property
    def frames_inside(self) -> int:
        """More frames than there are places."""
        return self.design["fifo_frames"] + GATHER + FIFO_OUTPUT + SEND + 3

    def judge(self, vectors: list[int], errors: int = 0, *, keep: bool = False) -> None:
        """The packets and stages since `forget` must be those of these vectors, and nothing else.

        Raises:
            DivergenceError: they are not.
        """
        found = None
        for stage, tap in zip(self.stages, self.taps, strict=True):
            expected = [self.word(stage, vector) for vector in vectors]
            seen = [(cycle, words[0]) for cycle, words in tap.items]
            difference = first_difference(stage, expected, seen, self.accepted)
            if difference and not found:
                index = difference["vector"]
                found = {**difference, "vector": vectors[index] if index < len(vectors) else index}
        found_outside = self.judge_packets(vectors, errors, keep=keep)
        if found or found_outside:
            raise DivergenceError(found or found_outside)


# -- phases ------------------------------------------------------------------------------------------------------------


async def load(bench: Bench, master) -> None:
    """Weights over AXI4-Lite."""
    refused = await load_weights(master, bench.design, bench.vectors)
    if refused:
        raise DivergenceError(refused)
    await bench.cycle()


async def back_to_back(bench: Bench, vectors: list[int]) -> list[int]:
    """Everything as fast as it goes; the intervals at the output with most beats, which none can hide from."""
    vectors = await bench.begin(vectors)
    bench.offer(vectors)
    await bench.settle(vectors, keep=True)
    widest = max(bench.outputs, key=lambda output: output.port["beats"])
    return sorted({b.cycles[0] - a.cycles[0] for a, b in itertools.pairwise(widest.packets)})


async def sparse(bench: Bench, vectors: list[int]) -> list[int]:
    """One frame at a time; cycles from the last beat of the inputs to the first of each output."""
    latencies = set()
    for vector in await bench.begin(vectors):
        bench.forget()
        await bench.cycles(bench.rng.randrange(4))
        bench.offer([vector])
        await bench.settle([vector], keep=True)
        start = max(source.packets[0].cycles[-1] for source in bench.inputs)
        latencies |= {output.packets[0].cycles[0] - start for output in bench.outputs}
    return sorted(latencies)


async def in_turns(bench: Bench, vectors: list[int]) -> None:
    """One interface at a time, the first one first, then the last one first: nobody may wait for another."""
    for vector, order in zip(await bench.begin(vectors), itertools.cycle((1, -1)), strict=False):
        bench.forget()
        for end in (*bench.sources, *bench.sinks):
            end.pause = True
        bench.offer([vector])
        for ends, interfaces in ((bench.sources, bench.inputs), (bench.sinks, bench.outputs)):
            for end, interface in list(zip(ends, interfaces, strict=True))[::order]:
                end.pause = False
                await bench.until(lambda interface=interface: interface.packets, bench.budget(1))
                end.pause = True
        await bench.settle([vector])


async def stalled_outputs(bench: Bench, count: int) -> None:
    """Outputs that wait until everything is full, then take all: as many frames as there are places, none lost.

    The last output waits longest; the others must not run ahead of it by more than its places.
    """
    places = bench.frames_inside - 3
    vectors = [index % count for index in range(bench.frames_inside)]
    for released in range(len(bench.outputs)):
        vectors = await bench.begin(vectors)
        for number_of, sink in enumerate(bench.sinks):
            sink.pause = number_of >= released
        bench.offer(vectors)
        await bench.quiet(bench.budget(len(vectors)))
        for interface in bench.inputs:
            if len(interface.packets) != places:
                place = {"layer": f"input {interface.name}", "vector": 0, "cycle": cycle_now(), "element": None}
                what = f"{places} packets taken while an output waits"
                raise DivergenceError({**place, "expected": what, "got": f"{len(interface.packets)} packets"})
        for sink in bench.sinks:
            sink.pause = False
        await bench.settle(vectors)


async def damaged_packets(bench: Bench, count: int) -> None:
    """Packets that end early or late, or lack a byte: dropped with their partners, and nothing else with them."""
    good, errors, turn = [], 0, 0
    await bench.begin([])
    for kind in ("short", "first beat", "long", "two in one", "lacks a byte"):
        for side, interface in enumerate(bench.inputs):
            vector, partner = turn % count, (turn + 1) % count
            whole = bench.beats(side, partner)
            broken = {
                "short": whole[:-1],
                "first beat": whole[:1] if len(whole) > 1 else [],
                "long": [*whole, whole[0]],
                "two in one": whole * 2,
                "lacks a byte": [(whole[0][0], whole[0][1] & ~1), *whole[1:]] if interface.port["tkeep"] else [],
            }[kind]
            if not broken:
                continue
            bench.offer([vector])
            for other in range(len(bench.inputs)):
                bench.send(other, broken if other == side else bench.beats(other, partner))
            good.append(vector)
            errors += 1
            turn += 1
    bench.offer([turn % count])
    await bench.settle([*good, turn % count], errors, slower=3)


@cocotb.test()
async def bit_exact(dut) -> None:
    """Every output and every stage delivers the expected bits under all kinds of traffic."""
    design = json.loads((FOLDER / "design.json").read_text())
    vectors = json.loads((FOLDER / "vectors.json").read_text())
    Clock(dut.aclk, PERIOD_NS, "ns").start(start_high=False)
    bench = Bench(dut, design, vectors)
    count = vectors["count"]
    fast, stalled, alone = shares(count, draws=bench.draws)
    phases = [
        ("back to back", "intervals_seen", partial(back_to_back, bench, fast)),
        ("random stalls", None, partial(random_stalls, bench, stalled)),
        ("sparse traffic", "latencies_seen", partial(sparse, bench, alone)),
        ("interfaces in turns", None, partial(in_turns, bench, [index % count for index in range(4)])),
        ("stalled outputs", None, partial(stalled_outputs, bench, count)),
        ("damaged packets", None, partial(damaged_packets, bench, count)),
        ("reset in mid-frame", None, partial(resets, bench, count)),
    ]
    if "loading" in design:
        master = connect(dut, dut.aclk, dut.aresetn, design, active_high=False)
        phases.insert(0, ("weights", None, partial(load, bench, master)))
    await prove(bench, phases)
