# SPDX-License-Identifier: Apache-2.0
"""What the benches of designs with AXI4-Stream interfaces share: traffic, judgement of packets, order of the phases."""

from __future__ import annotations

import json
import logging
import os
import random
from pathlib import Path

from bench_parallel import cycle_now
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from stream_interface import DivergenceError, Interface

FOLDER = Path(os.environ.get("FPGANN_SIM_DIR", Path(__file__).resolve().parent))

SHORT, LONGEST = 0.95, 40  # of pauses: the share of single cycles; cycles of the longest


class Traffic:
    """The design, its surroundings, and what has been seen since the last `forget`.

    A bench adds taps inside of the design, `judge`, `quiet_cycles` (after so many cycles without a beat, nothing can be
    on its way) and `frames_inside` (at most so many frames can be on their way).
    """

    def __init__(self, dut, design: dict, vectors: dict) -> None:
        self.dut, self.design, self.vectors = dut, design, vectors
        self.draws = design.get("draws", False)
        self.rng = random.Random(vectors["seed"])
        self.inputs = [Interface(dut, "input", port) for port in design["inputs"]]
        self.outputs = [Interface(dut, "output", port) for port in design["outputs"]]
        shared = (dut.aclk, dut.aresetn, False)
        self.sources = [AxiStreamSource(AxiStreamBus.from_prefix(dut, i.name), *shared) for i in self.inputs]
        self.sinks = [AxiStreamSink(AxiStreamBus.from_prefix(dut, o.name), *shared) for o in self.outputs]
        for end in (*self.sources, *self.sinks):
            end.log.setLevel(logging.WARNING)  # else a line a packet
        self.taps = []
        self.is_running = False
        self.errors = 0
        self.wrong: set[int] = set()
        self.delivered: dict[str, dict[int, str]] = {o.name: {} for o in self.outputs}

    async def cycle(self) -> None:
        """Look at the next rising edge, just before it."""
        await FallingEdge(self.dut.aclk)
        for interface in (*self.inputs, *self.outputs) if self.is_running else ():
            interface.sample()
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
        self.errors = 0

    async def begin(self, vectors: list[int]) -> list[int]:
        """Begin a new record; the vectors to offer: the first ones behind a reset if the design draws numbers."""
        if not self.draws:
            self.forget()
            return vectors
        await self.reset()
        return list(range(len(vectors)))

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
            while True:  # mostly single cycles, but some pauses outlast what is on its way
                is_pause = rng.random() < share
                length = 1 if rng.random() < SHORT else rng.randrange(2, LONGEST)
                for _ in range(length):
                    yield is_pause

        for end in (*self.sources, *self.sinks):
            end.clear_pause_generator()
            end.pause = False
            if share:
                end.set_pause_generator(pauses(self.rng.getrandbits(32)))

    def complete(self, count: int):
        """A condition: every output has delivered that many packets."""
        return lambda: all(len(output.packets) >= count for output in self.outputs)

    @property
    def frame_cycles(self) -> int:
        """From the first beat of a frame to the last beat of its result."""
        return self.quiet_cycles + 2 * self.design["interval_cycles"]

    def budget(self, count: int, slower: int = 1) -> int:
        return self.frame_cycles + (count + 4) * slower * (self.design["interval_cycles"] + 4)

    # -- judgement ---------------------------------------------------------------------------------------------------

    def judge_packets(self, vectors: list[int | None], errors: int, *, keep: bool) -> dict | None:
        """The first thing that is not as it should be: packets are those of these vectors (None: of any), no others."""
        found = None
        for output in self.outputs:
            for index, vector in enumerate(vectors):
                if vector is None:
                    continue
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
            if len(output.packets) != len(vectors) or output.open.beats:
                where = {
                    "layer": f"output {output.name}",
                    "vector": len(vectors),
                    "cycle": cycle_now(),
                    "element": None,
                }
                got = f"{len(output.packets)} packets and {len(output.open.beats)} beats"
                found = found or {**where, "expected": f"{len(vectors)} packets", "got": got}
        if self.errors != errors:
            where = {"layer": "frame_error", "vector": 0, "cycle": cycle_now(), "element": None}
            found = found or {**where, "expected": f"{errors} pulses", "got": f"{self.errors} pulses"}
        return found

    async def settle(self, vectors: list[int], errors: int = 0, *, slower: int = 1, keep: bool = False) -> None:
        """Wait for all packets and whatever else comes, then judge."""
        await self.until(self.complete(len(vectors)), self.budget(len(vectors) + errors, slower))
        self.stall(0)
        await self.cycles(self.quiet_cycles)
        self.judge(vectors, errors, keep=keep)


# -- phases ------------------------------------------------------------------------------------------------------------


def shares(count: int, *, draws: bool = False) -> tuple[list[int], list[int], list[int]]:
    """Vectors that go back to back, with random stalls, and one by one.

    Random numbers that a design draws belong to the first, second, ... frame behind a reset: then all vectors go back
    to back, and the other phases begin with the first one again.
    """
    alone = min(8, max(1, count // 8))
    stalled = (count - alone) // 3
    fast = count - alone - stalled
    if draws:
        return list(range(count)), list(range(stalled)), list(range(alone))
    return list(range(fast)), list(range(fast, fast + stalled)), list(range(fast + stalled, count))


async def random_stalls(bench: Traffic, vectors: list[int]) -> None:
    """Pauses on all sides; bits that carry nothing hold anything."""
    for share, part in zip((0.3, 0.8), (vectors[::2], vectors[1::2]), strict=True):
        part = await bench.begin(part)
        bench.stall(share)
        bench.offer(part, junk=True)
        await bench.settle(part, slower=20, keep=True)


async def resets(bench: Traffic, count: int) -> None:
    """A reset at any time stops everything at once, and the next packet is a first one.

    At any time: while frames flow, while an output waits, and with every place full.
    """
    for point in range(6):
        bench.forget()
        bench.sinks[0].pause = point % 3 > 0
        vectors = [index % count for index in range(bench.frames_inside)]
        bench.offer(vectors)
        if point % 3 == 2:
            await bench.quiet(bench.budget(len(vectors)))
        else:
            await bench.cycles(bench.rng.randrange(1, bench.frame_cycles))
        await bench.reset(1 + point // 3)
        bench.sinks[0].pause = False
        await bench.cycles(bench.quiet_cycles)
        bench.judge([])
        vectors = [0, 1 % count] if bench.draws else [point % count, (point + 1) % count]
        bench.offer(vectors)
        await bench.settle(vectors)


async def prove(bench: Traffic, phases: list[tuple[str, str | None, object]]) -> None:
    """Run the phases (name, what they measure, coroutine function) until one finds a difference; write the result."""
    seen = {"intervals_seen": [], "latencies_seen": [], "first_divergence": None}
    name = "reset"
    try:
        await bench.reset(4)
        for name, measured, phase in phases:  # noqa: B007  the phase that failed is told
            found = await phase()
            if measured:
                seen[measured] = found
    except DivergenceError as divergence:
        seen["first_divergence"] = {**divergence.args[0], "phase": name}
        every = set(range(bench.vectors["count"]))
        bench.wrong |= every - set.intersection(*(set(words) for words in bench.delivered.values()))
    write_result(bench, seen)
    assert seen["first_divergence"] is None, seen["first_divergence"]


def write_result(bench: Traffic, seen: dict) -> None:
    """result.json, in the form of bench_parallel; vectors that were never delivered count as mismatches."""
    latencies, intervals = seen["latencies_seen"], seen["intervals_seen"]
    result = {
        "vectors": bench.vectors["count"],
        "mismatches": len(bench.wrong),
        "bit_exact": seen["first_divergence"] is None,
        "latency_cycles": latencies[0] if len(latencies) == 1 else None,
        "latencies_seen": latencies,
        "ii": intervals[0] if len(intervals) == 1 else None,
        "intervals_seen": intervals,
        "first_divergence": seen["first_divergence"],
        "outputs": {
            name: [words.get(index, "x") for index in range(bench.vectors["count"])]
            for name, words in bench.delivered.items()
        },
    }
    (FOLDER / "result.json").write_text(json.dumps(result, indent=2) + "\n")
