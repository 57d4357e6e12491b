#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hls4ml's C simulation of the shared network in several forms: runs in the peers' environment (`make benchmark-env`).

    python benchmarks/hls4ml_speed.py NETWORK.npz     prints one line of JSON: form -> rate, seconds, exactness

All forms get the same samples. A form that cannot be built says why.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from network import INPUT_FRAC, Layer, load_layers, make_model
from rates import rate

SAMPLES = 4000
FORMS = {
    f"{backend}, {strategy.lower()}, {io}": (backend, strategy, io)
    for backend, strategy, io in (
        ("Vitis", "Latency", "io_parallel"),
        ("Vitis", "Resource", "io_parallel"),
        ("Vitis", "Latency", "io_stream"),
        ("Vivado", "Latency", "io_parallel"),
        ("Quartus", "Resource", "io_parallel"),
    )
}


def compiler_seconds() -> float:
    """Processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(layers: list[Layer], form: tuple[str, str, str], arrays: dict[str, np.ndarray]) -> dict[str, object]:
    """Inferences a second, seconds of compiling, and whether results are exact."""
    import hls4ml
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    backend, strategy, io = form
    model = cleanup_model(ModelWrapper(make_model(layers, "ROUND")))
    precision = {"granularity": "name", "backend": backend, "default_precision": "fixed<16,6>"}
    config = hls4ml.utils.config_from_onnx_model(model, **precision)
    config["Model"]["Strategy"] = strategy
    options = {"output_dir": tempfile.mkdtemp(dir=Path.cwd()), "backend": backend, "io_type": io}
    project = hls4ml.converters.convert_from_onnx_model(model, hls_config=config, **options)
    before = compiler_seconds()
    project.compile()
    seconds = compiler_seconds() - before
    x = np.ascontiguousarray((arrays["x"][:SAMPLES] * 2.0**-INPUT_FRAC).astype(np.float32))
    results = np.asarray(project.predict(x), np.float64).reshape(len(x), -1)
    codes = np.round(results * 2.0 ** layers[-1].frac).astype(np.int64)
    exact = bool(np.array_equal(codes, arrays["y_to_even"][:SAMPLES]))
    return {"rate": rate(lambda: project.predict(x), len(x)), "seconds": seconds, "exact": exact}


def attempt(form: tuple[str, str, str], arrays: dict[str, np.ndarray]) -> dict[str, object]:
    """The figures of a form, or the reason why there are none."""
    try:
        return measure(load_layers(arrays), form, arrays)
    except Exception as error:  # noqa: BLE001  a form that fails must not hide the others
        return {"skipped": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}


def main() -> None:
    """Measure all; what they print goes to standard error."""
    arrays = dict(np.load(sys.argv[1]))
    with contextlib.redirect_stdout(sys.stderr):
        found = {name: attempt(form, arrays) for name, form in FORMS.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
