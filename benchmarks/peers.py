#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The peers' interpreters on the shared network: runs in an environment of its own (`make benchmark-env`).

    python benchmarks/peers.py NETWORK.npz      prints one line of JSON: peer -> rate and exactness, or why not

Everyone gets the same samples and must deliver the same codes; each runs in one thread.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from rates import rate

INPUT_BITS, INPUT_FRAC, WEIGHT_FRAC, ACTIVATION_BITS = 8, 5, 5, 6
FEW_SAMPLES = 4000  # for those that are slow

Network = Mapping[str, np.ndarray]
Interpreter = Callable[[np.ndarray], np.ndarray]  # real numbers of shape (samples, 16) -> shape (samples, 5)


def layers(network: Network) -> Iterator[tuple[np.ndarray, np.ndarray, int | None]]:
    """Weights and bias as real numbers, and the bits of the activation behind the binary point, if there is one."""
    number = 0
    while f"weights{number}" in network:
        accumulator_frac, shift = (int(n) for n in network[f"form{number}"])
        weights, bias = network[f"weights{number}"] * 2.0**-WEIGHT_FRAC, network[f"bias{number}"]
        yield weights, bias * 2.0**-accumulator_frac, None if shift < 0 else accumulator_frac - shift
        number += 1


def output_frac(network: Network) -> int:
    """Bits of the results behind the binary point."""
    last = max(int(name.removeprefix("form")) for name in network if name.startswith("form"))
    return int(network[f"form{last}"][0])


def traced(network: Network, array_type, config, ops) -> tuple[object, object]:
    """The network in terms of da4ml, which alkaid shares."""
    step = 2.0**-INPUT_FRAC
    ends = [
        np.full(len(network["weights0"]), n * step) for n in (-(1 << (INPUT_BITS - 1)), (1 << (INPUT_BITS - 1)) - 1, 1)
    ]
    entry = value = array_type.from_lhs(*ends, config(1, -1, -1), solver_options={"hard_dc": 2})
    for weights, bias, frac in layers(network):
        value = value @ weights + bias
        if frac is not None:
            value = ops.quantize(ops.relu(value), 0, ACTIVATION_BITS - frac, frac, "SAT", "RND")
    return entry, value


def da4ml(network: Network) -> Interpreter:
    """Its compiled interpreter of the adder graph."""
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace, ops

    graph = comb_trace(*traced(network, FixedVariableArray, HWConfig, ops))
    return lambda x: graph.predict(x, n_threads=1)


def alkaid(network: Network) -> Interpreter:
    """Its compiled interpreter of the adder graph."""
    from alkaid.trace import FVArray, HWConfig, ops, trace

    graph = trace(*traced(network, FVArray, HWConfig, ops))
    return lambda x: graph.predict(x, n_threads=1)


PEERS: dict[str, tuple[Callable[[Network], Interpreter], int | None]] = {
    "da4ml": (da4ml, None),
    "alkaid": (alkaid, None),
}


def measure(name: str, network: Network) -> dict[str, object]:
    """Rate and exactness of one peer, or the reason why there is none."""
    make, most = PEERS[name]
    try:
        found: dict[str, object] = {"version": version(name)}
    except PackageNotFoundError:
        return {"skipped": "not installed in this environment"}
    x = np.ascontiguousarray(network["x"][:most] * 2.0**-INPUT_FRAC)
    try:
        run = make(network)
        results = np.asarray(run(x), np.float64).reshape(len(x), -1)
    except Exception as error:  # noqa: BLE001  a peer that fails must not hide the others
        return found | {"skipped": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    codes = np.round(results * 2.0 ** output_frac(network)).astype(np.int64)
    return found | {"rate": rate(lambda: run(x), len(x)), "exact": bool(np.array_equal(codes, network["y"][:most]))}


def main() -> None:
    """Measure all; what they print goes to standard error."""
    network = dict(np.load(sys.argv[1]))
    with contextlib.redirect_stdout(sys.stderr):
        found = {name: measure(name, network) for name in PEERS}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
