# SPDX-License-Identifier: Apache-2.0
"""Weights that HLS C++ reads from memories: other sets give the reference's bits, wrong ones are found."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fpgann
from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.cosim.csim import CsimLibrary
from fpgann.errors import ConfigError, MismatchError
from fpgann.weight_sets import WeightSet
from tests.conftest import require_tool
from tests.cosim.cpp_checks import COMPILERS, assert_formatted, assert_no_warning
from tests.cosim.models import Network
from tests.cosim.test_runtime_weights import coded_network, float_network, inputs, retrained, row_network

RUNTIME = override(CompileOptions(), target="hls", weights="runtime", reuse_factor=4)
FLOAT = override(RUNTIME, precision="fixed<12,5>")


def build(network: Network, folder: Path, options: CompileOptions = FLOAT) -> fpgann.Design:
    require_tool("g++")
    return api.compile(network.write(folder / "net.onnx"), folder / "build", options)


def other_float(folder: Path) -> Path:
    return float_network(2).write(folder / "other.onnx")


def other_rows(folder: Path) -> Path:
    return row_network(2).write(folder / "other.onnx")


def other_coded(folder: Path) -> Path:
    return retrained(folder / "net.onnx", folder / "other.onnx", {(6, 8), (8, 3)})


@pytest.mark.parametrize(
    ("network", "options", "other"),
    [
        (float_network(1), FLOAT, other_float),
        (float_network(1), override(FLOAT, io="stream", stream_width=32), other_float),
        (row_network(1), override(RUNTIME, precision="fixed<18,6>"), other_rows),
        (coded_network(), override(RUNTIME, reuse_factor=8), other_coded),
    ],
    ids=["parallel", "stream", "rows", "coded"],
)
def test_loaded_weights_change_the_outputs_as_predicted(
    network: Network, options: CompileOptions, other: Callable[[Path], Path], tmp_path: Path
) -> None:
    require_tool("hls4ml")
    first = build(network, tmp_path, options)
    second = first.with_weights(fpgann.weights(first.folder, other(tmp_path)))
    delivered = []
    for design in (first, second):
        for batch in (False, True):
            simulation = design.simulate(inputs(), batch=batch)
            simulation.require_exact()
        assert simulation.outputs is not None
        for name, values in design.emulate(inputs()).items():
            assert np.array_equal(simulation.outputs[name], values)
        delivered.append(next(iter(simulation.outputs.values())))
    assert not np.array_equal(*delivered)


@pytest.mark.parametrize("tensor", [0, 1], ids=["weight", "bias"])
def test_one_wrong_code_is_found(tensor: int, tmp_path: Path) -> None:
    design = build(float_network(1), tmp_path)
    loaded = fpgann.weights(design.folder, other_float(tmp_path))
    changed = {name: tuple(array.copy() for array in pair) for name, pair in loaded.codes.items()}
    array = next(iter(changed.values()))[tensor]
    array.reshape(-1)[0] += 64 if array.reshape(-1)[0] < 0 else -64
    wrong = design.with_weights(WeightSet(changed, loaded.identity))
    wrong.graph = design.with_weights(loaded).graph  # what is expected, not what is loaded
    values = wrong._run(inputs())
    library = CsimLibrary(design.folder)
    weights = {layer.layer: changed[layer.name] for layer in design.address_map().layers}
    (found,) = library.run(values, weights).values()
    (port,) = library.description["outputs"]
    assert not np.array_equal(found, values[port["value"]].reshape(found.shape))


def test_weights_must_be_given(tmp_path: Path) -> None:
    design = build(float_network(1), tmp_path)
    library = CsimLibrary(design.folder)
    with pytest.raises(ConfigError, match="it is loaded at run time"):
        library.run({"x": np.zeros((1, 6), np.int64)})


@pytest.mark.parametrize(
    ("old", "new"),
    [("+ lane][", "+ 0]["), ("_bias[group * ", "_bias[0 * ")],
)
def test_one_change_is_found(old: str, new: str, tmp_path: Path) -> None:
    design = build(float_network(1), tmp_path)
    changed = 0
    for path in (design.folder / "hls" / "layers").iterdir():
        text = path.read_text()
        changed += old in text
        path.write_text(text.replace(old, new))
    assert changed
    with pytest.raises(MismatchError, match="expected"):
        design.simulate(batch=True).require_exact()


def test_the_bench_of_the_build_reads_weights(tmp_path: Path) -> None:
    require_tool("make")
    design = build(row_network(1), tmp_path, override(RUNTIME, precision="fixed<18,6>"))
    assert_formatted(design)
    for compiler in COMPILERS:
        assert_no_warning(design, compiler)
    for changes, status in ((False, True), (True, False)):
        path = design.folder / "hls" / "vectors" / "weights.txt"
        if changes:
            first, _, rest = path.read_text().partition(" ")
            path.write_text(f"{int(first, 16) ^ 1:x} {rest}")
        done = subprocess.run(["make", "native"], cwd=path.parents[1], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == status, done.stderr + done.stdout
