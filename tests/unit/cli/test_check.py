# SPDX-License-Identifier: Apache-2.0
"""`fpgann check`: every node, how it is built, what it costs, or what to change."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import fpgann
from fpgann.config import CompileOptions
from fpgann.errors import UnsupportedOperatorError
from fpgann.hardware import HardwareOptions, LayerOptions, Strategy
from tests.command_line import CommandLine, environment, small_model
from tests.unit.frontend.models import QONNX, model, node, write

KEYS = {
    *("name", "op", "supported", "built_as", "hint"),
    *("layer", "strategy", "reuse_factor", "cost", "counts"),
}


def quantized() -> onnx.ModelProto:
    """Input quantizer, dense with coded weights, batch normalization, ReLU, quantizer, table, reshape, scaling."""
    constants = {
        "s": 0.5,
        "z": 0.0,
        "bits": 4.0,
        "w": np.arange(-4, 4, dtype=np.float32).reshape(2, 4),
        **{name: np.linspace(0.5, 2, 4).astype(np.float32) for name in ("g", "b", "m", "v")},
        "sixteen": 16.0,
        "fine": 0.01,
        "eight": 8.0,
    }

    def quant(source: str, target: str, scale: str = "s", bits: str = "bits") -> onnx.NodeProto:
        return node("Quant", [source, scale, "z", bits], [target], domain=QONNX, signed=1, name=f"quant_{target}")

    nodes = [
        quant("x", "xq"),
        quant("w", "wq"),
        node("MatMul", ["xq", "wq"], ["h"], name="fc"),
        node("BatchNormalization", ["h", "g", "b", "m", "v"], ["n"], name="norm"),
        node("Relu", ["n"], ["r"], name="relu"),
        quant("r", "rq", "fine", "eight"),
        node("Flatten", ["rq"], ["f"], name="flatten"),
        node("Tanh", ["f"], ["t"], name="tanh"),
        quant("t", "tq", "fine", "eight"),
        node("Mul", ["tq", "sixteen"], ["y"], name="scaling"),
    ]
    return model(nodes, constants=constants, shape=(1, 2))


def plans(path: Path, proto: onnx.ModelProto, **options: Any) -> dict[str, Any]:
    return {plan.name: plan for plan in fpgann.check(write(path, proto), **options)}


def folded() -> CompileOptions:
    return CompileOptions(hardware=HardwareOptions(LayerOptions(Strategy.FOLDED, 4)))


def test_every_node_has_a_place(tmp_path: Path) -> None:
    found = plans(tmp_path, quantized())
    assert all(plan.supported for plan in found.values())
    assert {name: (plan.layer, plan.cost) for name, plan in found.items()} == {
        "quant_xq": ("", "none"),
        "quant_wq": ("", "none"),
        "fc": ("fc", "adders"),
        "norm": ("fc", "none"),
        "relu": ("fc", "none"),
        "quant_rq": ("fc", "adders"),
        "flatten": ("", "none"),
        "tanh": ("quant_tq", "none"),
        "quant_tq": ("quant_tq", "table"),
        "scaling": ("", "none"),
    }
    assert found["quant_xq"].built_as.endswith("; done by the host that encodes the input")
    assert found["norm"].built_as.endswith("; part of a staircase")
    assert found["scaling"].built_as.endswith("; in scale and offset of the output")
    assert found["quant_wq"].built_as == "a constant"
    assert found["fc"].counts["multiplications"] == 7  # one of the eight weights is 0
    assert found["quant_tq"].counts["tables"] == 4


def test_folded_layers_count_multipliers(tmp_path: Path) -> None:
    found = plans(tmp_path, quantized(), options=folded())
    layer = found["fc"]
    assert (layer.strategy, layer.reuse_factor, layer.cost) == ("folded", 4, "multipliers")
    assert layer.counts == {"multiplications": 8, "multipliers": 2, "memory_bits": 8 * 4}
    assert found["quant_rq"].layer == "fc"
    assert found["quant_rq"].cost == "multipliers"


def test_scaling_of_float_models_joins_the_weights(tmp_path: Path) -> None:
    constants = {"w": np.eye(2, dtype=np.float32), "two": 2.0, "one": [1.0, 3.0]}
    nodes = [
        node("Mul", ["x", "two"], ["a"], name="before"),
        node("MatMul", ["a", "w"], ["b"], name="fc"),
        node("Add", ["b", "one"], name="after"),
    ]
    found = plans(tmp_path, model(nodes, constants=constants, shape=(1, 2)))
    for name in ("before", "after"):
        assert found[name].built_as.endswith("; folded into the weights"), found[name]
        assert found[name].layer == "fc"


def test_operators_of_two_tensors(tmp_path: Path) -> None:
    constants = {"w": np.eye(2, dtype=np.float32)}
    nodes = [
        node("MatMul", ["x", "w"], ["a"], name="fc"),
        node("Mul", ["a", "x"], ["m"], name="product"),
        node("Max", ["m", "x"], ["g"], name="greater"),
        node("Concat", ["g", "x"], name="both", axis=1),
    ]
    found = plans(tmp_path, model(nodes, constants=constants, shape=(1, 2)))
    assert found["product"].cost == "multipliers"
    assert found["product"].counts["multipliers"] == 2
    assert found["greater"].counts["comparators"] >= 2
    assert {plan.layer for plan in found.values()} >= {"fc", "product", "both"}
    assert found["both"].cost == "wires"


@pytest.mark.parametrize(("where", "refused"), [("node 'relu' (activation)", "relu"), ("output 'y'", "output 'y'")])
def test_what_is_refused_only_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, refused: str
) -> None:
    """Each node can be imported, but one cannot be lowered next to the others."""

    def fail(*_: object, **__: object) -> None:
        raise UnsupportedOperatorError("it has no integer form here", where=where, hint="move it")

    monkeypatch.setattr("fpgann.passes.QuantizeGraph.lower", fail)
    nodes = [node("MatMul", ["x", "w"], ["h"], name="fc"), node("Relu", ["h"], name="relu")]
    found = plans(tmp_path, model(nodes, constants={"w": np.eye(2, dtype=np.float32)}, shape=(1, 2)))
    assert [plan.name for plan in found.values() if not plan.supported] == [refused]
    assert (found[refused].built_as, found[refused].hint) == ("it has no integer form here", "move it")
    assert {plan.cost for plan in found.values()} == {""}


def test_scales_across_the_axis_of_constants_are_refused(tmp_path: Path) -> None:
    """Each node can be imported, and only what stands before the second quantizer says that it cannot be built."""
    grid = {"s": 0.5, "z": 0.0, "b": 6.0, "m": np.arange(12).reshape(3, 4) / 7, "t": np.arange(1.0, 4).reshape(3, 1)}
    nodes = [
        node("Quant", ["x", "s", "z", "b"], ["q"], domain=QONNX, signed=1, narrow=0, rounding_mode="ROUND"),
        node("Mul", ["q", "m"], ["p"]),
        node("Quant", ["p", "t", "z", "b"], domain=QONNX, signed=1, narrow=0, rounding_mode="ROUND"),
    ]
    constants = {name: np.asarray(value, np.float32) for name, value in grid.items()}
    found = plans(tmp_path, model(nodes, (1, 3, 4), constants))
    assert [plan.supported for plan in found.values()] == [True, True, False]
    (refused,) = (plan for plan in found.values() if not plan.supported)
    assert refused.built_as == "its scale varies along another axis than constants before it"
    assert refused.hint == "use one scale for the whole tensor"


@pytest.mark.parametrize("supported", [True, False])
def test_json_is_what_the_api_returns(cli: CommandLine, supported: bool) -> None:
    proto = quantized() if supported else model([node("Bernoulli", ["x"], name="odd")])
    path = write(cli.folder, proto)
    outcome = cli("check", path, "--json")
    assert outcome.status == (0 if supported else 1)
    assert not outcome.err
    entries = json.loads(outcome.out)
    assert [set(entry) for entry in entries] == [KEYS] * len(entries)
    assert entries == [
        {key: getattr(plan, key) if key != "counts" else dict(plan.counts) for key in KEYS}
        for plan in fpgann.check(path)
    ]


def test_options_decide_how_layers_are_built(cli: CommandLine) -> None:
    small_model(cli.folder)
    entries = json.loads(cli("check", "mlp.onnx", "--strategy", "folded", "--reuse-factor", "2", "--json").out)
    assert [(entry["strategy"], entry["reuse_factor"]) for entry in entries if entry["op"] == "MatMul"] == [
        ("folded", 2)
    ] * 2
    (cli.folder / "fpgann.toml").write_text("[layers.fc2]\nstrategy = 'folded'\n")
    entries = {
        entry["name"]: entry for entry in json.loads(cli("check", "mlp.onnx", "--config", "fpgann.toml", "--json").out)
    }
    assert entries["fc1"]["strategy"] == "unrolled"
    assert entries["fc2"]["strategy"] == "folded"


def test_the_table(cli: CommandLine) -> None:
    write(cli.folder, quantized())
    text = cli("check", "model.onnx").out
    assert "what to change" not in text
    assert "10 of 10 nodes are supported" in text
    assert "in fc" in text
    write(cli.folder, model([node("Bernoulli", ["x"], name="odd")]))
    outcome = cli("check", "model.onnx")
    assert outcome.status == 1
    assert "what to change" in outcome.out
    assert "0 of 1 nodes are supported" in outcome.out


def columns(text: str) -> int:
    """How wide a text is on a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("width", [40, 72, 150])
def test_the_table_is_as_wide_as_the_terminal(tmp_path: Path, width: int) -> None:
    path = write(tmp_path, quantized())
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    variables = environment(TERM="xterm", NO_COLOR="1")
    variables.pop("COLUMNS", None)
    command = [sys.executable, "-m", "fpgann", "check", str(path)]
    process = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=variables, check=False)
    os.close(theirs)
    text = b""
    while block := _read(ours):
        text += block
    os.close(ours)
    assert process.returncode == 0
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode()).splitlines()
    table = [line for line in lines if line and line[0] in "┏┃┡│└"]
    assert table
    assert max(map(columns, lines)) <= width


def _read(descriptor: int) -> bytes:
    """What a terminal shows next; nothing once the other side has closed."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
