# SPDX-License-Identifier: Apache-2.0
"""cocotb bench for designs with parallel ports: every bit, every latency, every stage.

Needs cocotb and a simulator, nothing else. Reads `design.json` (ports, stages, predicted cycles) and
`vectors.json` (inputs and expected streams) from the folder FPGANN_SIM_DIR and writes `result.json` there.

An item's cycle is the number of the rising clock edge at which it is taken. Everything is sampled and driven at
the falling edge before, when all signals are stable.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

PERIOD_NS = 10
FOLDER = Path(os.environ.get("FPGANN_SIM_DIR", Path(__file__).resolve().parent))


class Tap:
    """Records a stream: (cycle, bits as text) of every valid item."""

    def __init__(self, dut, valid: str, data: list[str]) -> None:
        self.clk = dut.clk
        self.valid = getattr(dut, valid)
        self.data = [getattr(dut, name) for name in data]
        self.items: list[tuple[int, list[str]]] = []

    async def run(self) -> None:
        """Sample forever."""
        while True:
            if str(self.valid.value) != "1":
                await RisingEdge(self.valid)
            await FallingEdge(self.clk)
            while str(self.valid.value) == "1":
                self.items.append((cycle_now(), [str(signal.value) for signal in self.data]))
                await FallingEdge(self.clk)


def visible_stages(dut, design: dict) -> list[dict]:
    """Stages that can be compared: Verilog made by GHDL lacks a `valid` that nothing reads."""
    return [s for s in design["stages"] if s["delay_cycles"] > 0 and hasattr(dut, f"{s['stream']}_valid")]


def cycle_now() -> int:
    """Number of the next rising edge."""
    return round(get_sim_time("ns")) // PERIOD_NS


async def drive(dut, design: dict, vectors: dict, accepted: list[int]) -> None:
    """Offer every vector: the first half as fast as the design takes them, the rest with random pauses."""
    rng = random.Random(vectors["seed"])
    count = vectors["count"]
    for index in range(count):
        for port in design["inputs"]:
            getattr(dut, port["port"]).value = int(vectors["streams"][port["stream"]][index], 16)
        dut.in_valid.value = 1
        while str(dut.in_ready.value) != "1":
            await FallingEdge(dut.clk)
        accepted.append(cycle_now())
        await FallingEdge(dut.clk)
        if index >= count // 2:
            dut.in_valid.value = 0
            for _ in range(rng.choice((0, 1, 2, design["interval_cycles"]))):
                await FallingEdge(dut.clk)
    dut.in_valid.value = 0


@cocotb.test()
async def bit_exact(dut) -> None:
    """Every stage delivers the expected bits in the predicted cycles."""
    design = json.loads((FOLDER / "design.json").read_text())
    vectors = json.loads((FOLDER / "vectors.json").read_text())
    Clock(dut.clk, PERIOD_NS, "ns").start(start_high=False)
    for port in design["inputs"]:
        getattr(dut, port["port"]).value = 0
    dut.in_valid.value = 0
    if "loading" in design:
        from load_weights import connect, load_weights  # needs cocotbext-axi

        master = connect(dut, dut.clk, dut.rst, design, active_high=True)
    dut.rst.value = 1
    for _ in range(4):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    await FallingEdge(dut.clk)
    refused = None
    if "loading" in design:
        refused = await load_weights(master, design, vectors)
        await FallingEdge(dut.clk)

    stages = visible_stages(dut, design)
    taps = [Tap(dut, f"{stage['stream']}_valid", [f"{stage['stream']}_data"]) for stage in stages]
    output = Tap(dut, "out_valid", [port["port"] for port in design["outputs"]])
    for tap in (*taps, output):
        cocotb.start_soon(tap.run())
    accepted: list[int] = []
    budget = design["latency_cycles"] + (vectors["count"] + 2) * (2 * design["interval_cycles"] + 4)
    # an in_ready that never comes must end in a report, not in a hang
    feeding = cocotb.start_soon(drive(dut, design, vectors, accepted))
    for _ in range(budget):
        if feeding.done() and len(output.items) >= vectors["count"]:
            break
        await FallingEdge(dut.clk)
    for _ in range(4):  # nothing more may come
        await FallingEdge(dut.clk)
    result = judge(design, vectors, stages, taps, output, accepted)
    if refused:
        result |= {"bit_exact": False, "first_divergence": refused}
    (FOLDER / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    assert result["bit_exact"], result["first_divergence"]


def judge(design: dict, vectors: dict, stages: list, taps: list[Tap], output: Tap, accepted: list[int]) -> dict:
    """Compare what was seen with what was expected."""
    divergence = None
    for stage, tap in zip(stages, taps, strict=True):
        seen = [(cycle, words[0]) for cycle, words in tap.items]
        divergence = first_difference(stage, vectors["streams"][stage["stream"]], seen, accepted)
        if divergence:
            break
    wrong = set()
    for position, port in enumerate(design["outputs"]):
        expected = vectors["streams"][port["stream"]]
        seen = [(cycle, words[position]) for cycle, words in output.items]
        shape = {**port, "layer": f"output {port['port']}", "delay_cycles": design["latency_cycles"]}
        divergence = divergence or first_difference(shape, expected, seen, accepted)
        wrong |= {i for i, text in enumerate(expected) if i >= len(seen) or not same(text, seen[i][1])}
    latencies = sorted({cycle - start for (cycle, _), start in zip(output.items, accepted, strict=False)})
    fast = accepted[: vectors["count"] // 2]
    gaps = sorted({b - a for a, b in itertools.pairwise(fast)})
    return {
        "vectors": vectors["count"],
        "mismatches": len(wrong),
        "bit_exact": divergence is None,
        "latency_cycles": latencies[0] if len(latencies) == 1 else None,
        "latencies_seen": latencies,
        "ii": gaps[0] if len(gaps) == 1 else None,
        "intervals_seen": gaps,
        "first_divergence": divergence,
        "outputs": {
            port["port"]: [hex_or_x(words[i]) for _, words in output.items] for i, port in enumerate(design["outputs"])
        },
    }


def first_difference(stage: dict, expected: list[str], seen: list[tuple[int, str]], accepted: list[int]) -> dict | None:
    """Where a stream first differs from what was predicted, in value or in time."""
    for index, text in enumerate(expected):
        due = accepted[index] + stage["delay_cycles"] if index < len(accepted) else None
        place = {"layer": stage["layer"], "vector": index, "cycle": due}
        if index >= len(seen):
            return {**place, "element": None, "expected": "an item", "got": "nothing"}
        cycle, bits = seen[index]
        if not same(text, bits):
            return {**place, **first_element(stage, text, bits)}
        if cycle != due:
            return {**place, "element": None, "expected": f"cycle {due}", "got": f"cycle {cycle}"}
    if len(seen) > len(expected):
        place = {"layer": stage["layer"], "vector": len(expected), "cycle": seen[len(expected)][0]}
        return {**place, "element": None, "expected": "nothing", "got": "an item"}
    return None


def first_element(stage: dict, expected: str, bits: str) -> dict:
    """The first element that differs."""
    width = stage["element_bits"]
    wanted = f"{int(expected, 16):0{len(bits)}b}"
    for element in range(stage["elements"]):
        end = len(bits) - element * width
        field, right = bits[end - width : end], wanted[end - width : end]
        if field != right:
            return {
                "element": element,
                "expected": number(right, stage["signed"]),
                "got": number(field, stage["signed"]),
            }
    return {"element": None, "expected": wanted, "got": bits}


def number(bits: str, signed: bool) -> int | str:
    """A field as a number; as text where bits are undefined."""
    if set(bits) - {"0", "1"}:
        return bits
    value = int(bits, 2)
    return value - (1 << len(bits)) if signed and bits[0] == "1" else value


def same(expected: str, bits: str) -> bool:
    """Whether defined bits equal a hexadecimal number."""
    return not set(bits) - {"0", "1"} and int(bits, 2) == int(expected, 16)


def hex_or_x(bits: str) -> str:
    """Bits as hexadecimal digits, or "x" where any is undefined."""
    return "x" if set(bits) - {"0", "1"} else f"{int(bits, 2):x}"
