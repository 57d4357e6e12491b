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
import logging
import os
import random
from pathlib import Path

import cocotb
from bench_parallel import PERIOD_NS, Tap, cycle_now, first_difference, visible_stages
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from load_weights import connect, load_weights
from stream_interface import DivergenceError, Interface

FOLDER = Path(os.environ.get("FPGANN_SIM_DIR", Path(__file__).resolve().parent))
GATHER, FIFO_OUTPUT, SEND = 1, 1, 1  # frames that wait outside of the core and the places of a FIFO


class Bench:
    """The design, its surroundings, and what has been seen since the last `forget`."""

    def __init__(self, dut, design: dict, vectors: dict) -> None:
        self.dut, self.design, self.vectors = dut, design, vectors
        self.rng = random.Random(vectors["seed"])
        self.inputs = [Interface(dut, "input", port) for port in design["inputs"]]
        self.outputs = [Interface(dut, "output", port) for port in design["outputs"]]
        shared = (dut.aclk, dut.aresetn, False)
        self.sources = [AxiStreamSource(AxiStreamBus.from_prefix(dut, i.name), *shared) for i in self.inputs]
        self.sinks = [AxiStreamSink(AxiStreamBus.from_prefix(dut, o.name), *shared) for o in self.outputs]
        for end in (*self.sources, *self.sinks):
            end.log.setLevel(logging.WARNING)  # else a line a packet
        self.stages = visible_stages(dut.core, design)
        self.taps = [Tap(dut.core, f"{s['stream']}_valid", [f"{s['stream']}_data"]) for s in self.stages]
        for tap in self.taps:
            cocotb.start_soon(tap.run())
        self.is_running = False
        self.accepted: list[int] = []
        self.errors = 0
        self.wrong: set[int] = set()
        self.delivered: dict[str, dict[int, str]] = {o.name: {} for o in self.outputs}

    async def cycle(self) -> None:
        """Look at the next rising edge, just before it."""
        await FallingEdge(self.dut.aclk)
        for interface in (*self.inputs, *self.outputs) if self.is_running else ():
            interface.sample()
        if str(self.dut.core.in_valid.value) == "1" and str(self.dut.core.in_ready.value) == "1":
            self.accepted.append(cycle_now())
        self.errors += str(self.dut.frame_error.value) == "1"

    async def cycles(self, count: int) -> None:
        for _ in range(count):
            await self.cycle()

    async def until(self, condition, budget: int) -> bool:
        """Wait for a condition; False if it does not come true in time."""
        for _ in range(budget):
            if condition():
                return True
            await self.cycle()
        return bool(condition())

    async def quiet(self, budget: int) -> None:
        """Wait until no beat has passed for so long that nothing is on its way."""
        start = cycle_now()
        ends = (*self.inputs, *self.outputs)
        await self.until(
            lambda: cycle_now() - max(start, *(end.last_cycle for end in ends)) > self.quiet_cycles,
            budget + 2 * self.quiet_cycles,
        )

    def forget(self) -> None:
        """Begin a new record."""
        for interface in (*self.inputs, *self.outputs):
            interface.forget()
        for tap in self.taps:
            tap.items.clear()
        for sink in self.sinks:
            sink.clear()
        self.accepted.clear()
        self.errors = 0

    async def reset(self, cycles: int = 1) -> None:
        """Reset the design and its surroundings; nothing may come out of it afterwards."""
        self.dut.aresetn.value = 0
        self.is_running = False
        for source in self.sources:
            source.clear()
        await self.cycles(cycles)
        self.dut.aresetn.value = 1
        self.is_running = True
        self.forget()

    # -- traffic -----------------------------------------------------------------------------------------------------

    def word(self, port: dict, vector: int) -> str:
        return self.vectors["streams"][port["stream"]][vector]

    def beats(self, side: int, vector: int, *, junk: bool = False) -> list[tuple[int, int]]:
        """(data, keep) of every beat of an input; with junk wherever the hardware must not look."""
        interface = self.inputs[side]
        found = []
        for data, keep, _ in interface.beats(self.word(interface.port, vector)):
            if junk:
                used = (1 << interface.port["element_bits"]) - 1
                size = 8 * interface.port["element_bytes"]
                mask = sum(used << (size * place) for place in range(interface.port["elements_per_beat"]))
                data = data & mask | self.rng.getrandbits(8 * interface.lanes) & ~mask
            found.append((data, keep))
        return found

    def send(self, side: int, beats: list[tuple[int, int]]) -> None:
        """Queue one packet."""
        lanes = range(self.inputs[side].lanes)
        data = bytes(beat >> (8 * lane) & 0xFF for beat, _ in beats for lane in lanes)
        keep = [kept >> lane & 1 for _, kept in beats for lane in lanes]
        self.sources[side].send_nowait(AxiStreamFrame(data, tkeep=keep))

    def offer(self, vectors: list[int], *, junk: bool = False) -> None:
        for vector in vectors:
            for side in range(len(self.inputs)):
                self.send(side, self.beats(side, vector, junk=junk))

    def stall(self, share: float) -> None:
        """Let every interface pause at random for a share of the cycles; 0 stops that."""

        def pauses(seed: int):
            rng = random.Random(seed)
            while True:
                yield rng.random() < share

        for end in (*self.sources, *self.sinks):
            end.clear_pause_generator()
            end.pause = False
            if share:
                end.set_pause_generator(pauses(self.rng.getrandbits(32)))

    def complete(self, count: int):
        """A condition: every output has delivered that many packets."""
        return lambda: all(len(output.packets) >= count for output in self.outputs)

    @property
    def quiet_cycles(self) -> int:
        """After so many cycles without a beat, nothing can be on its way."""
        return self.design["latency_cycles"] + self.design["core_interval_cycles"] + 8

    @property
    def frame_cycles(self) -> int:
        """From the first beat of a frame to the last beat of its result."""
        return self.quiet_cycles + 2 * self.design["interval_cycles"]

    def budget(self, count: int, slower: int = 1) -> int:
        return self.frame_cycles + (count + 4) * slower * (self.design["interval_cycles"] + 4)

    # -- judgement ---------------------------------------------------------------------------------------------------

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
        for output in self.outputs:
            for index, vector in enumerate(vectors):
                packet = output.packets[index] if index < len(output.packets) else None
                if packet is None:
                    where = {"layer": f"output {output.name}", "vector": vector, "cycle": cycle_now(), "element": None}
                    difference = {**where, "expected": "a packet", "got": "nothing"}
                else:
                    difference = output.difference(vector, self.word(output.port, vector), packet)
                    if keep:
                        self.delivered[output.name][vector] = output.word(packet)
                if difference:
                    self.wrong.add(vector)
                    found = found or difference
            if len(output.packets) > len(vectors) or output.open.beats:
                where = {"layer": f"output {output.name}", "vector": len(vectors), "cycle": cycle_now()}
                found = found or {**where, "element": None, "expected": "nothing", "got": "a packet"}
        if self.errors != errors:
            where = {"layer": "frame_error", "vector": 0, "cycle": cycle_now(), "element": None}
            found = found or {**where, "expected": f"{errors} pulses", "got": f"{self.errors} pulses"}
        if found:
            raise DivergenceError(found)

    async def settle(self, vectors: list[int], errors: int = 0, *, slower: int = 1, keep: bool = False) -> None:
        """Wait for all packets and whatever else comes, then judge."""
        await self.until(self.complete(len(vectors)), self.budget(len(vectors) + errors, slower))
        self.stall(0)
        await self.cycles(self.quiet_cycles)
        self.judge(vectors, errors, keep=keep)


# -- phases ------------------------------------------------------------------------------------------------------------


async def load(bench: Bench, master) -> None:
    """Weights over AXI4-Lite."""
    refused = await load_weights(master, bench.design, bench.vectors)
    if refused:
        raise DivergenceError(refused)
    await bench.cycle()


async def back_to_back(bench: Bench, vectors: list[int]) -> list[int]:
    """Everything as fast as it goes; the intervals at the output with most beats, which none can hide from."""
    bench.forget()
    bench.offer(vectors)
    await bench.settle(vectors, keep=True)
    widest = max(bench.outputs, key=lambda output: output.port["beats"])
    return sorted({b.cycles[0] - a.cycles[0] for a, b in itertools.pairwise(widest.packets)})


async def random_stalls(bench: Bench, vectors: list[int]) -> None:
    """Pauses on all sides; bits that carry nothing hold anything."""
    for share, part in zip((0.3, 0.8), (vectors[::2], vectors[1::2]), strict=True):
        bench.forget()
        bench.stall(share)
        bench.offer(part, junk=True)
        await bench.settle(part, slower=20, keep=True)


async def sparse(bench: Bench, vectors: list[int]) -> list[int]:
    """One frame at a time; cycles from the last beat of the inputs to the first of each output."""
    latencies = set()
    for vector in vectors:
        bench.forget()
        await bench.cycles(bench.rng.randrange(4))
        bench.offer([vector])
        await bench.settle([vector], keep=True)
        start = max(source.packets[0].cycles[-1] for source in bench.inputs)
        latencies |= {output.packets[0].cycles[0] - start for output in bench.outputs}
    return sorted(latencies)


async def in_turns(bench: Bench, vectors: list[int]) -> None:
    """One interface at a time, the first one first, then the last one first: nobody may wait for another."""
    for vector, order in zip(vectors, itertools.cycle((1, -1)), strict=False):
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
    places = bench.design["fifo_frames"] + GATHER + FIFO_OUTPUT + SEND
    vectors = [index % count for index in range(places + 3)]
    for released in range(len(bench.outputs)):
        bench.forget()
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
    bench.forget()
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
    bench.offer([0])
    await bench.settle([*good, 0], errors, slower=3)


async def resets(bench: Bench, count: int) -> None:
    """A reset at any time stops everything at once, and the next packet is a first one.

    At any time: while frames flow, while an output waits, and with every place full.
    """
    for point in range(6):
        bench.forget()
        bench.sinks[0].pause = point % 3 > 0
        vectors = [index % count for index in range(bench.design["fifo_frames"] + 6)]
        bench.offer(vectors)
        if point % 3 == 2:
            await bench.quiet(bench.budget(len(vectors)))
        else:
            await bench.cycles(bench.rng.randrange(1, bench.frame_cycles))
        await bench.reset(1 + point // 3)
        bench.sinks[0].pause = False
        await bench.cycles(bench.quiet_cycles)
        bench.judge([])
        vectors = [point % count, (point + 1) % count]
        bench.offer(vectors)
        await bench.settle(vectors)


@cocotb.test()
async def bit_exact(dut) -> None:
    """Every output and every stage delivers the expected bits under all kinds of traffic."""
    design = json.loads((FOLDER / "design.json").read_text())
    vectors = json.loads((FOLDER / "vectors.json").read_text())
    Clock(dut.aclk, PERIOD_NS, "ns").start(start_high=False)
    bench = Bench(dut, design, vectors)
    if "loading" in design:
        master = connect(dut, dut.aclk, dut.aresetn, design, active_high=False)
    count = vectors["count"]
    alone = min(8, max(1, count // 8))
    stalled = (count - alone) // 3
    fast = count - alone - stalled
    result = {"intervals_seen": [], "latencies_seen": [], "first_divergence": None}
    phase = "reset"
    try:
        await bench.reset(4)
        if "loading" in design:
            phase = "weights"
            await load(bench, master)
        phase = "back to back"
        result["intervals_seen"] = await back_to_back(bench, list(range(fast)))
        phase = "random stalls"
        await random_stalls(bench, list(range(fast, fast + stalled)))
        phase = "sparse traffic"
        result["latencies_seen"] = await sparse(bench, list(range(fast + stalled, count)))
        phase = "interfaces in turns"
        await in_turns(bench, [index % count for index in range(4)])
        phase = "stalled outputs"
        await stalled_outputs(bench, count)
        phase = "damaged packets"
        await damaged_packets(bench, count)
        phase = "reset in mid-frame"
        await resets(bench, count)
    except DivergenceError as divergence:
        result["first_divergence"] = {**divergence.args[0], "phase": phase}
        bench.wrong |= set(range(count)) - set.intersection(*(set(words) for words in bench.delivered.values()))
    write_result(design, vectors, bench, result)
    assert result["first_divergence"] is None, result["first_divergence"]


def write_result(design: dict, vectors: dict, bench: Bench, seen: dict) -> None:
    """result.json, in the form of bench_parallel; vectors that were never delivered count as mismatches."""
    latencies, intervals = seen["latencies_seen"], seen["intervals_seen"]
    result = {
        "vectors": vectors["count"],
        "mismatches": len(bench.wrong),
        "bit_exact": seen["first_divergence"] is None,
        "latency_cycles": latencies[0] if len(latencies) == 1 else None,
        "latencies_seen": latencies,
        "ii": intervals[0] if len(intervals) == 1 else None,
        "intervals_seen": intervals,
        "first_divergence": seen["first_divergence"],
        "outputs": {
            name: [words.get(index, "x") for index in range(vectors["count"])]
            for name, words in bench.delivered.items()
        },
    }
    (FOLDER / "result.json").write_text(json.dumps(result, indent=2) + "\n")
