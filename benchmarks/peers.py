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
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from network import ACTIVATION_BITS, INPUT_BITS, INPUT_FRAC, WEIGHT_FRAC, Layer, load_layers, make_model
from rates import rate

Interpreter = Callable[[np.ndarray], np.ndarray]  # real numbers of shape (samples, 16) -> shape (samples, 5)


@dataclass(frozen=True)
class Peer:
    """How to get a peer's interpreter.

    Args:
        make: the network -> what runs it.
        kind: what it is.
        to_even: it rounds ties to even, not up: either is free of charge in some peers only.
        samples: how many it gets, if it is slow.
        dtype: of the real numbers that it takes.
    """

    make: Callable[[list[Layer]], Interpreter]
    kind: str
    to_even: bool = False
    samples: int | None = None
    dtype: type = np.float64


def traced(layers: list[Layer], array_type, config, ops) -> tuple[object, object]:
    """The network in terms of da4ml, which alkaid shares."""
    step, reach = 2.0**-INPUT_FRAC, 1 << (INPUT_BITS - 1)
    ends = [np.full(len(layers[0].weights), number * step) for number in (-reach, reach - 1, 1)]
    entry = value = array_type.from_lhs(*ends, config(1, -1, -1), solver_options={"hard_dc": 2})
    for layer in layers:
        value = value @ (layer.weights * 2.0**-WEIGHT_FRAC) + layer.bias * 2.0**-layer.accumulator_frac
        if layer.shift is not None:
            value = ops.quantize(ops.relu(value), 0, ACTIVATION_BITS - layer.frac, layer.frac, "SAT", "RND")
    return entry, value


def da4ml(layers: list[Layer]) -> Interpreter:
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace, ops

    graph = comb_trace(*traced(layers, FixedVariableArray, HWConfig, ops))
    return lambda x: graph.predict(x, n_threads=1)


def alkaid(layers: list[Layer]) -> Interpreter:
    from alkaid.trace import FVArray, HWConfig, ops, trace

    graph = trace(*traced(layers, FVArray, HWConfig, ops))
    return lambda x: graph.predict(x, n_threads=1)


def hls4ml(layers: list[Layer]) -> Interpreter:
    import hls4ml as compiler
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    model = cleanup_model(ModelWrapper(make_model(layers, "ROUND")))
    precision = {"granularity": "name", "backend": "Vitis", "default_precision": "fixed<16,6>"}
    config = compiler.utils.config_from_onnx_model(model, **precision)
    folder = tempfile.mkdtemp(dir=Path.cwd())  # of the run: it is removed with it
    options = {"output_dir": folder, "backend": "Vitis", "io_type": "io_parallel"}
    project = compiler.converters.convert_from_onnx_model(model, hls_config=config, **options)
    project.compile()
    return project.predict


PEERS = {
    "da4ml": Peer(da4ml, "interpreter"),
    "alkaid": Peer(alkaid, "interpreter"),
    "hls4ml": Peer(hls4ml, "C++ simulation", to_even=True, samples=4000, dtype=np.float32),
}


def measure(name: str, arrays: dict[str, np.ndarray]) -> dict[str, object]:
    """Rate and exactness of one peer, or the reason why there is none."""
    peer, layers = PEERS[name], load_layers(arrays)
    try:
        found: dict[str, object] = {"version": version(name), "kind": peer.kind}
    except PackageNotFoundError:
        return {"skipped": "not installed in this environment"}
    x = np.ascontiguousarray((arrays["x"][: peer.samples] * 2.0**-INPUT_FRAC).astype(peer.dtype))
    try:
        run = peer.make(layers)
        results = np.asarray(run(x), np.float64).reshape(len(x), -1)
    except Exception as error:  # noqa: BLE001  a peer that fails must not hide the others
        return found | {"skipped": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    codes = np.round(results * 2.0 ** layers[-1].frac).astype(np.int64)
    exact = np.array_equal(codes, arrays["y_to_even" if peer.to_even else "y"][: peer.samples])
    return found | {"rate": rate(lambda: run(x), len(x)), "exact": bool(exact)}


def main() -> None:
    """Measure all; what they print goes to standard error."""
    arrays = dict(np.load(sys.argv[1]))
    with contextlib.redirect_stdout(sys.stderr):
        found = {name: measure(name, arrays) for name in PEERS}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
