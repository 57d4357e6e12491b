# SPDX-License-Identifier: Apache-2.0
"""Networks that draw random numbers on the chip: the numbers of the reference, sample after sample."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.errors import ConfigError, MismatchError, UnsupportedOperatorError
from tests.conftest import require_tool

RNG = np.random.default_rng(3)
MATRICES = {
    name: RNG.normal(0, 0.5, shape).astype(np.float32)
    for name, shape in {"mean": (4, 3), "log": (4, 3), "decoder": (3, 5), "kernel": (3, 2, 2, 2)}.items()
}


def write(path: Path, nodes: list, shape: tuple[int, ...]) -> Path:
    constants = [numpy_helper.from_array(array, name) for name, array in MATRICES.items()]
    constants.append(numpy_helper.from_array(np.array([1, 3, 1, 1], np.int64), "latent_map"))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "noise", inputs, outputs, constants)
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    return path


def latent(source: str = "x", **attributes: float) -> list:
    """Mean and noise * sigmoid(log), as variational autoencoders have them."""
    return [
        helper.make_node("MatMul", [source, "mean"], ["m"], name="m"),
        helper.make_node("MatMul", [source, "log"], ["l"], name="l"),
        helper.make_node("Sigmoid", ["l"], ["scale"], name="s"),
        helper.make_node("RandomNormalLike", ["l"], ["noise"], name="draw", **attributes),
        helper.make_node("Mul", ["noise", "scale"], ["jitter"], name="j"),
        helper.make_node("Add", ["jitter", "m"], ["z"], name="z"),
    ]


def dense(path: Path, **attributes: float) -> Path:
    nodes = [*latent(**attributes), helper.make_node("MatMul", ["z", "decoder"], ["y"], name="d")]
    return write(path, nodes, (1, 4))


def maps(path: Path) -> Path:
    """The sample becomes a map; more noise on every pixel, which the first one does not depend on."""
    nodes = [
        *latent(),
        helper.make_node("Reshape", ["z", "latent_map"], ["r"], name="r"),
        helper.make_node("ConvTranspose", ["r", "kernel"], ["t"], name="t", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("RandomNormalLike", ["t"], ["pixels"], name="pixels"),
        helper.make_node("Add", ["t", "pixels"], ["y"], name="y"),
    ]
    return write(path, nodes, (1, 4))


MODELS = {"parallel": dense, "frames": dense, "maps": maps}
SIZES = {"parallel": 3, "frames": 3, "maps": 3 + 8}


def compiled(folder: Path, kind: str, seed: int = 1, **more: str) -> api.Design:
    io = {"io": "parallel" if kind == "parallel" else "stream"}
    options = override(CompileOptions(), sampling="generator", sampling_seed=seed, precision="fixed<8,4>", **io, **more)
    return api.compile(MODELS[kind](folder / f"{kind}.onnx"), folder / f"{kind}_{seed}", options)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, api.Design]:
    folder = tmp_path_factory.mktemp("noise")
    return {kind: compiled(folder, kind) for kind in MODELS}


@pytest.mark.parametrize("kind", MODELS)
def test_the_hardware_draws_what_the_reference_does(builds: dict[str, api.Design], kind: str) -> None:
    require_tool("ghdl")
    assert [port["name"] for port in builds[kind].manifest["inputs"]] == ["x"]
    simulation = builds[kind].simulate()
    simulation.require_exact()
    assert simulation.verdict["ii"] == builds[kind].manifest["interval_cycles"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_over_thousands_of_samples(tmp_path: Path, kind: str) -> None:
    require_tool("verilator")
    build = compiled(tmp_path, kind, target="verilog")
    data = {"x": np.random.default_rng(0).normal(0, 1, (5000, 4))}
    simulation = build.simulate(data, simulator="verilator", batch=True)
    simulation.require_exact()
    emulated = build.emulate(data)
    assert simulation.outputs is not None
    assert np.array_equal(simulation.outputs["y__raw"], emulated["y__raw"])


@pytest.mark.parametrize("kind", MODELS)
def test_equal_samples_get_different_noise(builds: dict[str, api.Design], kind: str) -> None:
    """Of the distribution that the model describes, and the same again behind a reset."""
    x = np.array([0.5, -0.25, 1.0, 0.125])
    data = {"x": np.tile(x, (4000, 1))}
    delivered = builds[kind].emulate(data)["y"].reshape(4000, -1)
    assert np.array_equal(delivered[:50], builds[kind].emulate({"x": data["x"][:50]})["y"].reshape(50, -1))
    mean, deviation = x @ MATRICES["mean"], 1 / (1 + np.exp(-x @ MATRICES["log"]))
    if kind == "maps":
        matrix = MATRICES["kernel"].reshape(3, -1)
        wanted = np.sqrt(deviation**2 @ matrix**2 + 1)
    else:
        matrix = MATRICES["decoder"]
        wanted = np.sqrt(deviation**2 @ matrix**2)
    assert np.abs(delivered.mean(axis=0) - mean @ matrix).max() < 0.15
    assert np.abs(delivered.std(axis=0) / wanted - 1).max() < 0.1


def test_another_seed_draws_other_numbers(builds: dict[str, api.Design], tmp_path: Path) -> None:
    other = compiled(tmp_path, "parallel", seed=2)
    data = {"x": np.zeros((20, 4))}
    assert not np.array_equal(other.emulate(data)["y"], builds["parallel"].emulate(data)["y"])


@pytest.mark.parametrize(("kind", "generic"), [("parallel", "STATES"), ("frames", "NUMBERS"), ("maps", "STATES")])
def test_other_numbers_are_noticed(builds: dict[str, api.Design], tmp_path: Path, kind: str, generic: str) -> None:
    require_tool("ghdl")
    shutil.copytree(builds[kind].folder, tmp_path / "build")
    top = builds[kind].manifest["top"]
    source = tmp_path / "build" / "rtl" / f"{top}{'_core' if kind == 'frames' else ''}.vhd"
    changed, count = re.subn(
        rf'({generic} +=> \S+\(x")(.)', lambda m: f"{m[1]}{int(m[2], 16) ^ 4:x}", source.read_text()
    )
    assert count == (2 if kind == "maps" else 1)
    source.write_text(changed)
    with pytest.raises(MismatchError, match="expected"):
        api.Design(tmp_path / "build").simulate().require_exact()


def test_mean_and_deviation_of_the_node(tmp_path: Path) -> None:
    options = override(CompileOptions(), sampling="generator")
    build = api.compile(dense(tmp_path / "m.onnx", mean=2.0, scale=3.0), tmp_path / "build", options)
    delivered = build.emulate({"x": np.zeros((4000, 4))})["y"]
    matrix = MATRICES["decoder"]
    assert np.abs(delivered.mean(axis=0) - np.full(3, 0.5 * 2) @ matrix).max() < 0.15
    assert np.abs(delivered.std(axis=0) / np.sqrt(np.full(3, 1.5**2) @ matrix**2) - 1).max() < 0.1


def test_what_generators_cannot_do(tmp_path: Path) -> None:
    options = override(CompileOptions(), sampling="generator")
    uniform = [helper.make_node("RandomUniformLike", ["x"], ["n"]), helper.make_node("Add", ["x", "n"], ["y"])]
    with pytest.raises(UnsupportedOperatorError, match="normal numbers, not uniform"):
        api.compile(write(tmp_path / "u.onnx", uniform, (1, 4)), tmp_path / "b", options)
    with pytest.raises(ConfigError, match="must be a seed"):
        override(options, sampling_seed=-1)


def test_a_build_tells_its_seed(builds: dict[str, api.Design]) -> None:
    manifest = json.loads((builds["maps"].folder / "manifest.json").read_text())
    assert manifest["options"]["sampling_seed"] == 1
    assert [drawn["seed"] for drawn in manifest["noise"]] == [1, 1 + (1 << 32)]
    assert sum(drawn["tokens"] * drawn["lanes"] for drawn in manifest["noise"]) == SIZES["maps"]


@pytest.mark.slow
def test_the_estimate_of_generators(tmp_path: Path) -> None:
    """What lies between the layers is generators, but for some delays."""
    require_tool("yosys")
    found = compiled(tmp_path, "parallel").synthesize("xc7")["rest"]
    assert found["ff"] == found["estimate"]["ff"]
    assert abs(found["estimate"]["lut"] / found["lut"] - 1) < 0.1
