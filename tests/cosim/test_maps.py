# SPDX-License-Identifier: Apache-2.0
"""Streamed convolutional networks: every token under all kinds of traffic, and twins that must fail."""

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
from fpgann.errors import ConfigError, MismatchError
from tests.conftest import require_tool


class Model:
    """An ONNX model as it grows."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)
        self.constants: list = []
        self.nodes: list = []

    def constant(self, array) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, kind: str, *operands: str, **attributes) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, operands, [name], name=name, **attributes))
        return name

    def conv(self, x: str, inputs: int, outputs: int, kind: str = "Conv", **attributes) -> str:
        shape = (inputs, outputs) if kind == "ConvTranspose" else (outputs, inputs)
        weight = self.rng.normal(0, 0.3, (*shape, *attributes["kernel_shape"])).astype(np.float32)
        return self.node("Relu", self.node(kind, x, self.constant(weight), **attributes))

    def write(self, path: Path, shape: tuple[int, ...], output: str) -> Path:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "maps", inputs, outputs, self.constants)
        path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
        return path


def classifier(path: Path) -> Path:
    """Convolutions, a residual block, poolings, a dense layer."""
    m = Model()
    x = m.conv("x", 2, 3, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    y = m.conv(x, 3, 3, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = m.node("MaxPool", m.node("Add", x, y), kernel_shape=[2, 2], strides=[2, 2])
    x = m.node("Flatten", m.conv(x, 3, 2, kernel_shape=[2, 2], strides=[1, 1]))
    return m.write(path, (1, 2, 6, 6), m.node("MatMul", x, m.constant(m.rng.normal(0, 0.4, (8, 3)).astype(np.float32))))


def decoder(path: Path) -> Path:
    """Maps that become larger; what leaves is a map."""
    m = Model()
    x = m.conv("x", 3, 2, "ConvTranspose", kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1])
    return m.write(path, (1, 3, 3, 4), m.conv(x, 2, 2, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))


def separable(path: Path) -> Path:
    """Convolutions of single channels, and such that mix them, after one in groups."""
    m = Model()
    x = m.conv("x", 2, 6, kernel_shape=[3, 3], group=2)
    x = m.conv(m.conv(x, 1, 6, kernel_shape=[3, 3], pads=[1, 0, 1, 0], group=6), 6, 5, kernel_shape=[1, 1])
    return m.write(path, (1, 4, 6, 6), x)


def random_ways(path: Path, seed: int) -> Path:
    """Ways of unequal length that part and meet again, as a sum or side by side, some of them within others."""
    m, draw = Model(), np.random.default_rng(seed)
    m.rng = draw

    def way(x: str, depth: int) -> str:
        for _ in range(draw.integers(0, 3)):
            size = int(draw.choice([1, 3]))
            x = m.conv(x, 2, 2, kernel_shape=[size, size], pads=[size // 2] * 4)
        return block(x, depth - 1) if depth and draw.random() < 0.5 else x

    def block(x: str, depth: int) -> str:
        first, second = way(x, depth), m.conv(way(x, depth), 2, 2, kernel_shape=[1, 1])
        if draw.random() < 0.5:
            return m.node("Add", first, second)
        return m.conv(m.node("Concat", first, second, axis=1), 4, 2, kernel_shape=[1, 1])

    return m.write(path, (1, 2, 5, 4), block(block("x", 1), 1))


MODELS = {"classifier": classifier, "decoder": decoder}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, api.Design]:
    folder = tmp_path_factory.mktemp("maps")
    options = override(CompileOptions(), io="stream", precision="fixed<6,3>")
    return {name: api.compile(write(folder / f"{name}.onnx"), folder / name, options) for name, write in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_every_token_under_all_kinds_of_traffic(builds: dict[str, api.Design], name: str) -> None:
    require_tool("ghdl")
    simulation = builds[name].simulate()
    simulation.require_exact()
    assert simulation.verdict["ii"] == builds[name].manifest["interval_cycles"]


@pytest.mark.parametrize("reuse_factor", [5, 7, 50])
def test_neurons_that_do_not_divide_a_layer(tmp_path: Path, reuse_factor: int) -> None:
    """Some of them idle in the last round; those of single channels have inputs of their own."""
    require_tool("ghdl")
    folded = {"strategy": "folded", "reuse_factor": reuse_factor}
    options = override(CompileOptions(), io="stream", precision="fixed<6,3>", **folded)
    build = api.compile(separable(tmp_path / "model.onnx"), tmp_path / "build", options)
    simulation = build.simulate()
    simulation.require_exact()
    assert simulation.verdict["ii"] == build.manifest["interval_cycles"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_ways_that_part_and_meet(tmp_path: Path, seed: int) -> None:
    require_tool("verilator")
    folded = {"strategy": "folded", "reuse_factor": 4} if seed % 2 else {}
    options = override(CompileOptions(), io="stream", precision="fixed<6,3>", **folded)
    build = api.compile(random_ways(tmp_path / "model.onnx", seed), tmp_path / "build", options)
    build.simulate(simulator="verilator").require_exact()


def test_samples_keep_the_order_of_the_model(builds: dict[str, api.Design]) -> None:
    """The interface wants channels last; whoever simulates does not see that."""
    require_tool("ghdl")
    build = builds["decoder"]
    samples = {"x": np.random.default_rng(2).normal(0, 1, (3, 3, 3, 4))}
    simulation = build.simulate(samples)
    simulation.require_exact()
    emulated = build.emulate(samples)
    (name,) = (port["name"] for port in build.manifest["outputs"])
    assert simulation.outputs is not None
    assert np.array_equal(simulation.outputs[f"{name}__raw"], emulated[f"{name}__raw"])
    assert emulated[name].shape == (3, 2, 6, 8)


FAULTS = [
    ("classifier", r"(PAD_TOP +)=> 1", r"\g<1>=> 0"),
    ("classifier", r"(DEPTH => )(\d{2,})", r"\g<1>1"),
    ("classifier", r"(STRIDE_COLUMNS +)=> 2", r"\g<1>=> 1"),
    ("decoder", r"(PAD_BOTTOM +)=> 1", r"\g<1>=> 0"),
]


@pytest.mark.parametrize(("name", "pattern", "wrong"), FAULTS)
def test_a_fault_is_noticed(builds: dict[str, api.Design], tmp_path: Path, name: str, pattern: str, wrong: str) -> None:
    require_tool("ghdl")
    shutil.copytree(builds[name].folder, tmp_path / "build")
    top = tmp_path / "build" / "rtl" / f"{builds[name].manifest['top']}.vhd"
    text, count = re.subn(pattern, wrong, top.read_text(), count=1)
    assert count == 1
    top.write_text(text)
    simulation = api.Design(tmp_path / "build").simulate()
    with pytest.raises(MismatchError, match=r"expected|timing differs"):
        simulation.require_exact()


def test_divergence_names_the_layer(builds: dict[str, api.Design], tmp_path: Path) -> None:
    require_tool("ghdl")
    shutil.copytree(builds["classifier"].folder, tmp_path / "build")
    top = tmp_path / "build" / "rtl" / f"{builds['classifier'].manifest['top']}.vhd"
    text = top.read_text()
    second = [match.start() for match in re.finditer("FILL  ", text)][1]
    top.write_text(text[:second] + text[second:].replace("=> ", "=> not ", 1))
    found = api.Design(tmp_path / "build").simulate().verdict["first_divergence"]
    stages = json.loads((builds["classifier"].folder / "sim" / "design.json").read_text())["stages"]
    windows = [stage["layer"] for stage in stages if stage["layer"].endswith("_windows")]
    assert found["layer"] == windows[1]


def test_a_network_that_is_made_to_fit(tmp_path: Path) -> None:
    require_tool("ghdl")
    options = override(CompileOptions(), io="stream", precision="fixed<6,3>", device="ice40up5k", fit=True)
    build = api.compile(classifier(tmp_path / "model.onnx"), tmp_path / "build", options)
    assert build.report["device"]["fits"]
    simulation = build.simulate()
    simulation.require_exact()
    assert simulation.verdict["ii"] == build.report["total"]["ii"]


def test_what_is_not_there_yet(tmp_path: Path) -> None:
    options = override(CompileOptions(), io="stream", weights="runtime")
    with pytest.raises(ConfigError, match="streamed convolutions"):
        api.compile(classifier(tmp_path / "model.onnx"), tmp_path / "build", options)
