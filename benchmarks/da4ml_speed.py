#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""da4ml's side of simulation_speed.py: runs in an environment of its own, prints one line of JSON."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from da4ml.codegen import RTLModel
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
from da4ml.trace.ops import quantize, relu

RUNS = 5


def main() -> None:
    """Measure the combinational and the pipelined model."""
    network = np.load(sys.argv[1])
    traced = comb_trace(*trace(network))
    x = network["x"] * 2.0 ** -int(network["input_frac"])
    found = {}
    for name, cutoff in (("without registers", -1), ("pipelined, five adders a stage", 5), ("pipelined, two", 2)):
        with tempfile.TemporaryDirectory() as folder:
            model = RTLModel(traced, "dut", Path(folder) / "model", latency_cutoff=cutoff, print_latency=False)
            model.write()
            model._compile()
            delivered = np.round(np.asarray(model.predict(x, n_threads=1)) * 2.0 ** int(network["output_frac"]))
            rates = []
            for _ in range(RUNS):
                start = time.process_time()
                model.predict(x, n_threads=1)
                rates.append(len(x) / (time.process_time() - start))
        exact = bool(np.array_equal(delivered.astype(np.int64), network["y"]))
        found[name] = {"rate": statistics.median(rates), "exact": exact}
    print(json.dumps(found))


def trace(network) -> tuple[FixedVariableArray, FixedVariableArray]:
    """The network in da4ml's terms."""
    low, high = network["input_range"]
    step, inputs = 2.0 ** -int(network["input_frac"]), network["weight_0"].shape[0]
    ends = [np.full(inputs, bound * step) for bound in (low, high, 1)]
    entry = FixedVariableArray.from_lhs(*ends, HWConfig(1, -1, -1), solver_options={"hard_dc": 2})
    value, layer = entry, 0
    while f"weight_{layer}" in network:
        value = value @ (network[f"weight_{layer}"] * 2.0 ** -int(network[f"weight_frac_{layer}"]))
        if f"bias_{layer}" in network:
            value = value + network[f"bias_{layer}"] * 2.0 ** -int(network[f"bias_frac_{layer}"])
        if f"act_bits_{layer}" in network:
            bits, frac, accumulator = (int(network[f"{k}_{layer}"]) for k in ("act_bits", "act_frac", "acc_frac"))
            value = saturate_to_even(relu(value), bits, frac, accumulator)
        layer += 1
    return entry, value


def saturate_to_even(value: FixedVariableArray, bits: int, frac: int, accumulator: int) -> FixedVariableArray:
    """Round half to even: floor(x + (1/2 - e) + e * lsb(x)) with e a unit of the accumulator; then saturate."""
    unit = 2.0**-accumulator
    last = quantize(value, 0, 1 - frac, frac, "WRAP", "TRN")
    rounded = value + (2.0 ** (-frac - 1) - unit) + last * (unit * 2.0**frac)
    return quantize(rounded, 0, bits - frac, frac, "SAT", "TRN")


if __name__ == "__main__":
    main()
