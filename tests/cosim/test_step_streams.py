# SPDX-License-Identifier: Apache-2.0
"""Recurrences in streams: a slice enters, the result of its step leaves, and the states stay in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.design import Design
from fpgann.errors import MismatchError
from fpgann.hardware.options import HardwareOptions, Io, LayerOptions, Recurrences, Strategy, Weights
from fpgann.ir.ops.repeat import Repeat
from tests.conftest import require_tool
from tests.cosim.test_operands import FLOAT, write
from tests.cosim.test_sequences import recurrent

STEPS = 5
UNROLLED = HardwareOptions(LayerOptions(strategy=Strategy.UNROLLED), io=Io.STREAM, recurrence=Recurrences.FOLDED)
STREAM = replace(override(CompileOptions(), precision="fixed<8,3>"), hardware=UNROLLED)


def two_layers(path: Path) -> Path:
    """A GRU on a GRU, and a layer on the last state; sequences are their own axis 1, as torch exports them."""
    generator = np.random.default_rng(1)
    make, units, features = helper.make_node, 3, 2
    constants: dict[str, np.ndarray] = {"axis": np.array([1]), "first": np.array(0)}
    nodes = [make("Transpose", ["x"], ["t"], perm=[1, 0, 2])]
    value = "t"
    for layer, read in enumerate((features, units)):
        shapes = {"w": (1, 3 * units, read), "r": (1, 3 * units, units), "b": (1, 6 * units)}
        for name, shape in shapes.items():
            constants[f"{name}{layer}"] = generator.normal(0, 0.8, shape).astype(np.float32)
        names = [value, *(f"{name}{layer}" for name in shapes)]
        nodes += [
            make("GRU", names, [f"y{layer}", f"h{layer}"], hidden_size=units, linear_before_reset=1),
            make("Squeeze", [f"y{layer}", "axis"], [f"s{layer}"]),
        ]
        value = f"s{layer}"
    constants["d"] = generator.normal(0, 0.8, (units, 4)).astype(np.float32)
    nodes += [make("Gather", ["h1", "first"], ["last"]), make("MatMul", ["last", "d"], ["scores"])]
    return write(path, nodes, {"x": (1, STEPS, features)}, {"scores": FLOAT}, constants)


NETWORKS = {
    "every step": (recurrent("GRU", STEPS, ("y",)), 1),
    "last state": (recurrent("LSTM", STEPS, ("h",)), 1),
    "plain": (recurrent("RNN", STEPS, ("y",)), 1),
    "two layers": (two_layers, 2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_under_all_kinds_of_traffic(name: str, tmp_path: Path) -> None:
    """Random pauses, stalled sinks, damaged packets, resets between steps; the codes of all steps at once."""
    require_tool("ghdl")
    network, count = NETWORKS[name]
    model = network(tmp_path / "net.onnx")
    design = api.compile(model, tmp_path / "build", STREAM)
    steps = [layer for layer in design.report["layers"] if layer["op"] == "step"]
    assert len(steps) == count
    found = design.simulate()
    found.require_exact()
    assert found.verdict["ii"] == design.report["total"]["ii"]
    whole = replace(STREAM, hardware=replace(UNROLLED, io=Io.PARALLEL, recurrence=Recurrences.UNROLLED))
    written = api.compile(model, tmp_path / "written", whole)
    (port,) = design.manifest["inputs"]
    x = np.random.default_rng(3).normal(0, 1, (50, *port["shape"]))
    both = [build.emulate({port["name"]: x}) for build in (design, written)]
    assert both[0].keys() == both[1].keys()
    assert all(np.array_equal(both[0][key], both[1][key]) for key in both[0])


def test_a_step_on_shared_multipliers(tmp_path: Path) -> None:
    """A step takes as long as its pipeline, and the next one waits for it."""
    require_tool("ghdl")
    folded = replace(UNROLLED, default=LayerOptions(strategy=Strategy.FOLDED))
    model = recurrent("GRU", STEPS, ("y",))(tmp_path / "net.onnx")
    design = api.compile(model, tmp_path / "build", replace(STREAM, hardware=folded))
    (step,) = (layer for layer in design.report["layers"] if layer["op"] == "step")
    found = design.simulate()
    found.require_exact()
    assert found.verdict["ii"] == step["ii"] == STEPS * step["latency_cycles"]


def test_what_cannot_come_step_by_step_comes_as_a_whole(tmp_path: Path) -> None:
    """Backwards, the last slice is the first."""
    require_tool("ghdl")
    model = recurrent("RNN", STEPS, ("y",), direction="bidirectional")(tmp_path / "net.onnx")
    design = api.compile(model, tmp_path / "build", STREAM)
    design.simulate().require_exact()


def started(path: Path) -> Path:
    """The last state behind a first one that is an input."""
    generator = np.random.default_rng(0)
    constants = {
        name: generator.normal(0, 0.8, shape).astype(np.float32)
        for name, shape in {"w": (1, 9, 2), "r": (1, 9, 3), "b": (1, 18)}.items()
    }
    layer = helper.make_node("GRU", ["x", "w", "r", "b", "", "first"], ["y", "h"], hidden_size=3)
    return write(path, [layer], {"x": (STEPS, 1, 2), "first": (1, 1, 3)}, {"h": FLOAT}, constants)


def test_the_last_of_states_that_cannot_come_step_by_step_is_all_that_is_kept(tmp_path: Path) -> None:
    """Registers for all states would be read by nobody."""
    design = api.compile(started(tmp_path / "net.onnx"), tmp_path / "build", STREAM)
    assert not any(node.op.is_stacked for node in design.graph.nodes if isinstance(node.op, Repeat))


def test_weights_that_are_loaded_are_those_of_whole_sequences(tmp_path: Path) -> None:
    """As before steps could be streamed: a frame is gathered, and the recurrence works in place."""
    require_tool("ghdl")
    loaded = replace(UNROLLED, default=LayerOptions(strategy=Strategy.FOLDED), weights=Weights.RUNTIME)
    model = two_layers(tmp_path / "net.onnx")
    design = api.compile(model, tmp_path / "build", replace(STREAM, hardware=loaded))
    assert all(layer["op"] != "step" for layer in design.report["layers"])
    design.simulate().require_exact()


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompileOptions]:
    return recurrent("GRU", STEPS, ("y",))(tmp_path_factory.mktemp("steps") / "net.onnx"), STREAM


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(others => '0') when position = 0", "(others => '0') when position = 1"),
        ("next_state when result_valid = '1' else\n               state;", "state;"),
        ("        state <= next_state;", "        state <= state;"),
        (f"if position = {STEPS - 1} then", f"if position = {STEPS - 2} then"),
        ("      if rst = '1' then\n        position <= 0;\n      end if;", ""),
    ],
)
def test_a_wrong_state_is_noticed(stream: tuple[Path, CompileOptions], old: str, new: str, tmp_path: Path) -> None:
    require_tool("ghdl")
    design = api.compile(stream[0], tmp_path / "build", stream[1])
    path = _holding(design, old)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(MismatchError, match=r"layer|expected|timing"):
        design.simulate().require_exact()


def _holding(design: Design, text: str) -> Path:
    (path,) = (path for path in (design.folder / "rtl").glob("*.vhd") if text in path.read_text())
    return path
