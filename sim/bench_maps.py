# SPDX-License-Identifier: Apache-2.0
"""cocotb bench for networks of maps: every byte, every token between the actors, interval and latency.

Needs cocotb, cocotbext-axi and a simulator. Reads `design.json` (interfaces, streams of tokens, predicted cycles) and
`vectors.json` (inputs and expected streams) from the folder FPGANN_SIM_DIR and writes `result.json` there.

Beats and handshakes are seen as in bench_stream; a map is a packet, and its tokens are compared wherever they pass.
The vectors are divided among three phases (back to back, random stalls, sparse); where there are four or more of them
and maps take few cycles, others follow that repeat some: stalled outputs, damaged packets, resets.
"""

from __future__ import annotations

import itertools
import json
from functools import partial

import cocotb
from bench_parallel import PERIOD_NS, cycle_now, hex_or_x, number
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from stream_interface import DivergenceError
from stream_traffic import FOLDER, Traffic, prove, random_stalls, resets, shares

ENOUGH_VECTORS = 4
FEW_CYCLES = 2000  # of a map


class TokenTap:
    """Records the tokens that pass over a stream: (cycle, bits as text)."""

    def __init__(self, dut, stream: str) -> None:
        self.clk = dut.aclk
        self.valid, self.ready, self.data = (getattr(dut, f"{stream}_{name}") for name in ("valid", "ready", "data"))
        self.items: list[tuple[int, str]] = []

    async def run(self) -> None:
        """Sample forever."""
        while True:
            if str(self.valid.value) != "1":
                await RisingEdge(self.valid)
            await FallingEdge(self.clk)
            while str(self.valid.value) == "1":
                if str(self.ready.value) == "1":
                    self.items.append((cycle_now(), str(self.data.value)))
                await FallingEdge(self.clk)


def visible_streams(dut, design: dict) -> list[dict]:
    """Streams that can be compared: Verilog made by GHDL lacks signals that nothing reads."""
    names = ("valid", "ready", "data")
    return [s for s in design["stages"] if all(hasattr(dut, f"{s['stream']}_{name}") for name in names)]


class MapBench(Traffic):
    """The surroundings of a network of maps, whose tokens are compared, too."""

    def __init__(self, dut, design: dict, vectors: dict) -> None:
        super().__init__(dut, design, vectors)
        self.stages = visible_streams(dut, design)
        self.taps = [TokenTap(dut, stage["stream"]) for stage in self.stages]
        for tap in self.taps:
            cocotb.start_soon(tap.run())
        self._tokens: dict[tuple[str, int], list[str]] = {}

    async def reset(self, cycles: int = 1) -> None:
        """Reset the design, and wait until its buffers are ready for a map."""
        await super().reset(cycles)
        await self.cycles(self.design["warm_up_cycles"])
        self.forget()

    @property
    def quiet_cycles(self) -> int:
        """After so many cycles without a beat, nothing can be on its way."""
        return self.design["latency_cycles"] + 8

    @property
    def frames_inside(self) -> int:
        """More maps than are on their way at once."""
        return self.design["latency_cycles"] // self.design["interval_cycles"] + 3

    def tokens(self, stage: dict, vector: int) -> list[str]:
        """The tokens of a vector as bits."""
        key = (stage["stream"], vector)
        if key not in self._tokens:
            width = stage["elements"] // stage["tokens"] * stage["element_bits"]
            bits = f"{int(self.word(stage, vector), 16):0{stage['tokens'] * width}b}"
            ends = range(len(bits), 0, -width)
            self._tokens[key] = [bits[end - width : end] for end in ends]
        return self._tokens[key]

    def judge(self, vectors: list[int | None], errors: int = 0, *, keep: bool = False) -> None:
        """The packets and tokens since `forget` must be those of these vectors (None: of any), and nothing else.

        Raises:
            DivergenceError: they are not.
        """
        differences = [self.first_difference(s, tap, vectors) for s, tap in zip(self.stages, self.taps, strict=True)]
        known = [difference for difference in differences if difference]
        # where tokens wait for ever those in front lack, too: a wrong one says more
        found = next((each for each in known if each["element"] is not None), known[0] if known else None)
        found_outside = self.judge_packets(vectors, errors, keep=keep)
        if found or found_outside:
            raise DivergenceError(found or found_outside)

    def first_difference(self, stage: dict, tap: TokenTap, vectors: list[int | None]) -> dict | None:
        """The first token of a stream that is not as expected."""
        count = stage["tokens"]
        for index, vector in enumerate(vectors):
            seen = tap.items[index * count : (index + 1) * count]
            if vector is None:
                continue
            for place, wanted in enumerate(self.tokens(stage, vector)):
                if place == len(seen):
                    where = {"layer": stage["layer"], "vector": vector, "cycle": cycle_now(), "element": None}
                    return {**where, "expected": f"{count} tokens", "got": f"{place} tokens"}
                cycle, got = seen[place]
                if got != wanted:
                    return {
                        "layer": stage["layer"],
                        "vector": vector,
                        "cycle": cycle,
                        **element(stage, place, got, wanted),
                    }
        if len(tap.items) > len(vectors) * count:
            where = {"layer": stage["layer"], "vector": len(vectors), "cycle": tap.items[len(vectors) * count][0]}
            return {**where, "element": None, "expected": "nothing", "got": "a token"}
        return None


def element(stage: dict, place: int, got: str, wanted: str) -> dict:
    """The first element of a token that differs."""
    size = stage["element_bits"]
    per_token = stage["elements"] // stage["tokens"]
    for index in range(per_token):
        end = len(wanted) - size * index
        seen, right = got[end - size : end], wanted[end - size : end]
        if seen != right:
            shown = number(seen, stage["signed"]) if set(seen) <= {"0", "1"} else seen
            return {
                "element": place * per_token + index,
                "expected": number(right, stage["signed"]),
                "got": shown,
            }
    return {"element": None, "expected": hex_or_x(wanted), "got": hex_or_x(got)}


# -- phases ------------------------------------------------------------------------------------------------------------


async def back_to_back(bench: MapBench, vectors: list[int]) -> list[int]:
    """Everything as fast as it goes; the intervals between the ends of results, once they have settled.

    Outputs that have nothing in common may run at different speeds: the slowest one counts.
    """
    vectors = await bench.begin(vectors)
    bench.offer(vectors)
    await bench.settle(vectors, keep=True)
    settled = slice(bench.design["settling_maps"], len(vectors))
    ends = [[packet.cycles[-1] for packet in output.packets][settled] for output in bench.outputs]
    slowest = max(ends, key=lambda cycles: cycles[-1] - cycles[0] if cycles else 0)
    return sorted({b - a for a, b in itertools.pairwise(slowest)})


async def sparse(bench: MapBench, vectors: list[int]) -> list[int]:
    """One map at a time; cycles from the first beat of the inputs to the last one of the outputs."""
    latencies = set()
    for vector in await bench.begin(vectors):
        bench.forget()
        await bench.cycles(bench.rng.randrange(4))
        bench.offer([vector])
        await bench.settle([vector], keep=True)
        start = min(source.packets[0].cycles[0] for source in bench.inputs)
        latencies.add(max(output.packets[0].cycles[-1] for output in bench.outputs) - start)
    return sorted(latencies)


async def stalled_outputs(bench: MapBench, count: int) -> None:
    """Outputs that wait until everything is full, one after another, then take all: nothing is lost."""
    vectors = [index % count for index in range(3)]
    for released in range(len(bench.outputs)):
        vectors = await bench.begin(vectors)
        for number_of, sink in enumerate(bench.sinks):
            sink.pause = number_of >= released
        bench.offer(vectors)
        await bench.quiet(bench.budget(len(vectors)))
        for sink in bench.sinks:
            sink.pause = False
        await bench.settle(vectors)


async def damaged_packets(bench: MapBench, count: int) -> None:
    """Packets that end early or late, or lack a byte: each gives a result, and those around it are right."""
    turn = 0
    for kind in ("short", "long", "lacks a byte"):
        for side, interface in enumerate(bench.inputs):
            vector, partner = turn % count, (turn + 1) % count
            whole = bench.beats(side, partner)
            broken = {
                "short": whole[: bench.rng.randrange(1, len(whole))] if len(whole) > 1 else [],
                "long": [*whole, *whole[: bench.rng.randrange(1, len(whole) + 1)]],
                "lacks a byte": [(whole[0][0], whole[0][1] & ~1), *whole[1:]] if interface.port["tkeep"] else [],
            }[kind]
            if not broken:
                continue
            # one after another: two in one cycle would be one pulse
            vector, partner, last = await bench.begin([vector, partner, partner])
            bench.offer([vector])
            for other in range(len(bench.inputs)):
                bench.send(other, broken if other == side else bench.beats(other, partner))
            bench.offer([last])
            await bench.settle([vector, None, last], 1, slower=3)
            turn += 1


@cocotb.test()
async def bit_exact(dut) -> None:
    """Every output and every token between the actors has the expected bits under all kinds of traffic."""
    design = json.loads((FOLDER / "design.json").read_text())
    vectors = json.loads((FOLDER / "vectors.json").read_text())
    Clock(dut.aclk, PERIOD_NS, "ns").start(start_high=False)
    bench = MapBench(dut, design, vectors)
    count = vectors["count"]
    fast, stalled, alone = shares(count, draws=bench.draws)
    phases = [
        ("back to back", "intervals_seen", partial(back_to_back, bench, fast)),
        ("random stalls", None, partial(random_stalls, bench, stalled)),
        ("sparse traffic", "latencies_seen", partial(sparse, bench, alone)),
    ]
    if count >= ENOUGH_VECTORS and design["interval_cycles"] <= FEW_CYCLES:
        phases += [
            ("stalled outputs", None, partial(stalled_outputs, bench, count)),
            ("damaged packets", None, partial(damaged_packets, bench, count)),
            ("reset in mid-map", None, partial(resets, bench, count)),
        ]
    await prove(bench, phases)
