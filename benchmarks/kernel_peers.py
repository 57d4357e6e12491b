#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long da4ml and alkaid take for a problem of constant arithmetic, and what they estimate; prints JSON.

    PEERS_PYTHON benchmarks/kernel_peers.py PROBLEM.npz...

Runs in the environment of the peers (see README.md) and imports nothing of fpgann. Of three runs the fastest counts:
solving and tracing, no files. `exact` says whether their interpreter gives the problem's results.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np

HARD_DC = 2  # what da4ml's command line takes: at most two adders more than the least depth
RUNS = 3


def load_peer(name: str) -> tuple[ModuleType, type, object]:
    """Operators, arrays and tracing of a peer."""
    if name == "da4ml":
        from da4ml.trace import FixedVariableArray, comb_trace, ops

        return ops, FixedVariableArray, comb_trace
    from alkaid.trace import FVArray, ops, trace

    return ops, FVArray, trace


def build(name: str, spec: dict, arrays: dict[str, np.ndarray]) -> object:
    """The logic of a problem."""
    if name == "da4ml":
        from da4ml.trace import HWConfig
    else:
        from alkaid.trace import HWConfig
    ops, array, trace = load_peer(name)
    entry, step = spec["input"], 2.0 ** -spec["input"]["frac"]
    low, high, steps = (np.full(entry["n"], n * step) for n in (entry["lo"], entry["hi"], 1))
    x = first = array.from_lhs(low, high, steps, HWConfig(1, -1, -1), solver_options={"hard_dc": HARD_DC})
    for number, layer in enumerate(spec["layers"]):
        x = x @ (arrays[f"W{number}"].astype(float) * 2.0 ** -layer["w_frac"])
        if f"b{number}" in arrays:
            x = x + arrays[f"b{number}"].astype(float) * 2.0 ** -layer["acc_frac"]
        act = layer["act"]
        if act is not None:
            x = ops.quantize(ops.relu(x), 0, act["bits"] - act["frac"], act["frac"], "SAT", act["round"])
    return trace(first, x)


def adder_bits(logic: object) -> int:
    """Positions of the carry chains of alkaid's own netlist, adders of three operands fused: one a bit.

    The same rule as for everyone: the width of the result, less the low bits where only one operand, added, has any.
    """
    from alkaid.trace.passes.ternary import fuse_ternary_adders

    fused = fuse_ternary_adders(logic)
    kinds = [op.qint.kif for op in fused.ops]  # sign, integer and fractional bits
    total = 0
    for node, op in enumerate(fused.ops):
        if not fused.ref_count[node] or op.opcode not in _SUMS:
            continue
        width = int(sum(kinds[node]))
        if op.opcode in _WITH_CONSTANTS:
            total += width
            continue
        if op.opcode == _ADD3:
            signs, shifts = op.data[0::2], op.data[1::2]
        else:
            signs, shifts = (1, 1 - op.opcode), (0, op.data[0])
        terms = sorted(
            (int(shift - kinds[source][2]), bool(plus))
            for source, plus, shift in zip(op.addr, signs, shifts, strict=True)
        )
        wires = terms[1][0] + int(kinds[node][2]) if terms[0][1] and terms[0][0] < terms[1][0] else 0
        total += max(0, width - max(0, wires))
    return total


_WITH_CONSTANTS = (-2, 4)  # negation, addition of a constant
_ADD3 = 11
_SUMS = (0, 1, _ADD3, *_WITH_CONSTANTS)  # plus, minus, three operands


def measure(name: str, problem: Path) -> dict[str, object]:
    """Seconds, estimated cost and depth of one peer."""
    with np.load(problem) as file:
        arrays = dict(file)
    spec, seconds = json.loads(str(arrays["spec"])), []
    for _ in range(RUNS):
        start = time.process_time(), time.perf_counter()
        logic = build(name, spec, arrays)
        seconds.append((time.perf_counter() - start[1], time.process_time() - start[0]))
        if seconds[-1][0] > 5:
            break
    codes = np.round(logic.predict(arrays["X"] * 2.0 ** -spec["input"]["frac"]) * 2.0 ** spec["output"]["frac"])
    wall, processor = min(seconds)
    return {
        "seconds": wall,
        "processor_seconds": processor,
        "adder_bits": adder_bits(logic) if name == "alkaid" else None,
        "cost": float(logic.cost),
        "depth": float(logic.latency[1]),
        "exact": bool(np.array_equal(codes.astype(np.int64), arrays["Y"])),
    }


def main() -> None:
    """Measure all."""
    problems = [Path(name) for name in sys.argv[1:]]
    print(json.dumps({p.stem: {name: measure(name, p) for name in ("da4ml", "alkaid")} for p in problems}))


if __name__ == "__main__":
    main()
