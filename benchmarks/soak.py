#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A soak test: a million inferences through a design with AXI4-Stream interfaces, with random pauses on all sides.

    python benchmarks/soak.py BUILD [--samples N] [--part N] [--seed N]

BUILD is a folder that `fpgann compile --io stream` wrote. Every byte that leaves the design is compared with the
integer reference; a beat lost, doubled or late for good, a wrong tlast or tkeep, and a hang all end the run with exit
status 1 and the seed that shows them. Simulates in parts, each from a reset on, with pauses of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fpgann import reference
from fpgann.cosim.batch import run_batch
from fpgann.cosim.vectors import corner_and_random
from fpgann.design import Design


def main() -> int:
    """Run all parts; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=250_000, help="samples that are kept in memory at once")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    design = Design(arguments.build)
    if design.manifest["options"]["io"] != "stream":
        raise SystemExit("error: the design has parallel ports: compile it with --io stream")
    done, cycles, seconds = 0, 0, 0.0
    while done < arguments.samples:
        count, seed = min(arguments.part, arguments.samples - done), arguments.seed + done
        values = reference.run_codes(design.graph, corner_and_random(design.graph, count, seed))
        run = run_batch(design.folder, design.manifest, values, seed=seed, work=None)
        verdict = run.verdict
        timing = {"latency_cycles": verdict["latency_cycles"], "interval_cycles": verdict["ii"]}
        if not verdict["bit_exact"] or any(design.manifest[key] != seen for key, seen in timing.items()):
            print(f"NOT exact with --seed {seed} --samples {count}: {verdict}")
            return 1
        done, cycles, seconds = done + count, cycles + verdict["cycles"], seconds + run.cpu_seconds
        print(f"{done:,} inferences in {cycles:,} cycles, every byte exact", flush=True)
    pace = cycles / done / design.manifest["interval_cycles"]
    print(f"{done / seconds:,.0f} inferences/s; {pace:.2f} times the cycles of an undisturbed run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
