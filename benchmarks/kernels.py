#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Constant arithmetic beside da4ml and alkaid: LUT sites, carry bits, flip-flops, cycles and compile seconds.

    python benchmarks/kernels.py [PROBLEM...] [--equal-cycles] [--effort high] [--peers PYTHON] [--no-synthesis]
                                 [--markdown FILE]

Problems are npz files (benchmarks/problems.py) in FPGANN_BENCH. One adder a cycle; with --equal-cycles of one to five
adders a cycle, as the peers have had, what takes the fewest LUTs by fpgann's own count in no more cycles than the
peer's best. Sums name AMD's cells; Yosys maps for UltraScale+, and `fpgann.eda.sites` counts, the same for everyone.
Sites of the peers are taken from benchmarks/kernel_figures.json: the fewest over all settings and both modes of the
flow, and those with one adder a cycle. Seconds are processor time of one thread, measured here for everyone, without
imports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import problems

from fpgann.codegen.verilog import render_verilog
from fpgann.codegen.vhdl import render_design
from fpgann.eda.families import FAMILIES
from fpgann.eda.synthesis import synthesize
from fpgann.hardware.design import Design, UnrolledKernel
from fpgann.hardware.lowering import build_design
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy, TernaryAdders
from fpgann.kernel.interpreter import evaluate
from fpgann.kernel.matrix_product import Effort
from fpgann.kernel.netlist import Netlist, Opcode
from fpgann.kernel.sum_cones import adder_bits, adder_luts

HERE = Path(__file__).resolve().parent
SMALL = ("cmvm_16x16_w6", "cmvm_32x32_ternary", "cmvm_64x64_w4_70sparse", "cmvm_16x64_w6")
RUNS = 3
MOST_ADDERS = 5  # a cycle: what the peers were given


def design_of(problem: problems.Problem, effort: Effort, adders_per_stage: int = 1) -> Design:
    """The unrolled design."""
    layer = LayerOptions(Strategy.UNROLLED)
    options = HardwareOptions(
        layer, adders_per_stage=adders_per_stage, ternary_adders=TernaryAdders.CARRY8, effort=effort
    )
    return build_design(problems.graph_of(problem), options, "dut")


def netlists_of(design: Design) -> list[Netlist]:
    """The registered netlists of all stages."""
    return [stage.kernel.pipeline.netlist for stage in design.stages if isinstance(stage.kernel, UnrolledKernel)]


def cycles_of(design: Design) -> int:
    """Clock cycles from input to output."""
    return sum(stage.latency_cycles for stage in design.stages)


def adders_for(problem: problems.Problem, effort: Effort, cycles: int) -> int:
    """How many adders a cycle take the fewest LUTs in at most so many cycles."""
    luts = {}
    for adders in range(1, MOST_ADDERS + 1):
        design = design_of(problem, effort, adders)
        if cycles_of(design) <= cycles:
            luts[adders] = sum(map(adder_luts, netlists_of(design)))
    return min(luts, key=luts.__getitem__)


def is_exact(design: Design, problem: problems.Problem) -> bool:
    """Whether the netlists of all stages give the problem's results."""
    codes = problem.x
    for stage in design.stages:
        assert isinstance(stage.kernel, UnrolledKernel)
        codes = evaluate(stage.kernel.pipeline.netlist, codes)
    return bool(np.array_equal(codes, problem.y))


def measure(problem: problems.Problem, effort: Effort, adders_per_stage: int, *, map_it: bool) -> dict[str, Any]:
    """fpgann on one problem."""
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        design = design_of(problem, effort, adders_per_stage)
        seconds.append(time.process_time() - start)
        if seconds[-1] > 10:
            break
    netlists = netlists_of(design)
    found: dict[str, Any] = {
        "seconds": min(seconds),
        "exact": is_exact(design, problem),
        "cycles": cycles_of(design),
        "adders_per_stage": adders_per_stage,
        "adder_bits": sum(map(adder_bits, netlists)),
        "adders": sum(n.count(Opcode.ADD) + n.count(Opcode.ADD3) for n in netlists),
    }
    if map_it:
        with tempfile.TemporaryDirectory() as folder:
            verilog = render_verilog(render_design(design), "dut")["dut.v"]
            cells = synthesize(verilog, "dut", FAMILIES["xcup"], Path(folder)).total
        found |= {"sites": cells.sites, "carry": int(cells.count["carry"]), "ff": int(cells.count["ff"])}
    return found


def peers_of(python: str, names: list[str]) -> dict[str, Any]:
    """What kernel_peers.py prints in another environment."""
    paths = [str(problems.folder() / f"{name}.npz") for name in names]
    run = subprocess.run([python, str(HERE / "kernel_peers.py"), *paths], capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout.splitlines()[-1]))


def row(name: str, own: dict[str, Any], figures: dict[str, Any], peers: dict[str, Any]) -> list[str]:
    """One line of the table."""

    def text(value: Any, digits: int = 0) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    sites, best, equal = own.get("sites"), figures.get("best"), figures.get("one_adder_a_cycle")
    ratios = [text(sites / other["sites"], 3) if sites and other else "" for other in (best, equal)]
    seconds = [text(peers.get(peer, {}).get("processor_seconds"), 2) for peer in ("da4ml", "alkaid")]
    cells = [name, "yes" if own["exact"] else "NO", text(sites), text(own.get("carry")), text(own.get("ff"))]
    cells += [text(own["cycles"]), text(own["adders_per_stage"]), text(own["adders"]), text(own["seconds"], 2)]
    for other in (best, equal):
        cells.append("" if not other else f"{other['sites']} ({other['cycles']})")
    fused = peers.get("alkaid", {}).get("adder_bits")
    bits = [text(own["adder_bits"]), text(fused), text(own["adder_bits"] / fused, 3) if fused else ""]
    return [*cells, *ratios, *seconds, *bits]


HEADER = (
    *("problem", "exact", "sites", "carry bits", "FF", "cycles", "adders a cycle", "adders", "seconds"),
    *("best peer: sites (cycles)", "peer, one adder a cycle", "ratio to best", "ratio to one adder a cycle"),
    *("da4ml s", "alkaid s", "adder bits of the netlist", "alkaid's, three operands fused", "ratio of adder bits"),
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", nargs="*", default=SMALL)
    parser.add_argument("--effort", choices=[e.value for e in Effort], default="default")
    parser.add_argument("--equal-cycles", action="store_true", help="in no more cycles than the peer's best")
    parser.add_argument("--peers", help="Python of an environment with da4ml and alkaid")
    parser.add_argument("--no-synthesis", action="store_true")
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    arguments = parser.parse_args()
    figures = json.loads((HERE / "kernel_figures.json").read_text())
    names, effort = list(arguments.problems), Effort(arguments.effort)
    design_of(problems.load(names[0]), Effort.FAST)  # compile the search itself
    peers = peers_of(arguments.peers, names) if arguments.peers else {}
    lines = ["| " + " | ".join(HEADER) + " |", "|" + " --- |" * len(HEADER)]
    ratios: list[list[float]] = [[], [], []]
    for name in names:
        problem, adders = problems.load(name), 1
        if arguments.equal_cycles:
            adders = adders_for(problem, effort, figures[name]["best"]["cycles"])
        own = measure(problem, effort, adders, map_it=not arguments.no_synthesis)
        cells = row(name, own, figures.get(name, {}), peers.get(name, {}))
        for values, cell in zip(ratios, [*cells[11:13], cells[-1]], strict=True):
            values += [float(cell)] if cell else []
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    means = [f"{geometric_mean(values):.3f}" if values else "" for values in ratios]
    lines.append(f"| geometric mean |{' |' * 10} {means[0]} | {means[1]} |{' |' * 4} {means[2]} |")
    print("\n".join(lines))
    if arguments.markdown:
        arguments.markdown.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
