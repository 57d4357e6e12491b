# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers, sorting, computed places and graphs in hardware: every stage equal to the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from fpgann import api, reference
from fpgann.config import CompileOptions
from fpgann.errors import MismatchError
from fpgann.hardware.options import HardwareOptions, LayerOptions, Recurrences, Rows, Strategy
from fpgann.ir.ops.top_k import TopK
from fpgann.numerics.fixed import parse_precision
from tests.conftest import require_tool
from tests.cosim.test_operands import FLOAT, write

UNROLLED = HardwareOptions(default=LayerOptions(strategy=Strategy.UNROLLED))
FOLDED = HardwareOptions(default=LayerOptions(strategy=Strategy.FOLDED))
SMALL = CompileOptions(precision=parse_precision("fixed<8,3>"), hardware=UNROLLED)


def recurrent(
    kind: str,
    steps: int = 3,
    outputs: tuple[str, ...] = ("y", "h"),
    features: int = 2,
    units: int = 3,
    **attributes: int | str,
) -> Callable[[Path], Path]:
    """One recurrent layer."""

    def network(path: Path) -> Path:
        generator = np.random.default_rng(0)
        gates, directions = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind] * units, 2 if "direction" in attributes else 1
        shapes = {"w": (directions, gates, features), "r": (directions, gates, units), "b": (directions, 2 * gates)}
        constants = {name: generator.normal(0, 0.8, shape).astype(np.float32) for name, shape in shapes.items()}
        layer = helper.make_node(kind, ["x", "w", "r", "b"], ["y", "h"], hidden_size=units, **attributes)
        return write(path, [layer], {"x": (steps, 1, features)}, dict.fromkeys(outputs, FLOAT), constants)

    return network


def sorted_elements(path: Path) -> Path:
    """The greatest of five and the least of six, with positions; equal elements are likely."""
    nodes = [
        helper.make_node("TopK", ["x", "three"], ["most", "places"], axis=1),
        helper.make_node("Cast", ["places"], ["where"], to=FLOAT),
        helper.make_node("TopK", ["y", "five"], ["least", "order"], axis=1, largest=0),
        helper.make_node("Cast", ["order"], ["which"], to=FLOAT),
    ]
    outputs = dict.fromkeys(("most", "where", "least", "which"), FLOAT)
    numbers = {"three": np.array([3]), "five": np.array([5])}
    return write(path, nodes, {"x": (1, 5), "y": (1, 6)}, outputs, numbers)


def computed_places(path: Path) -> Path:
    """Rows taken and added at computed places, counted from either end."""
    nodes = [
        helper.make_node("TopK", ["keys", "two"], ["v", "i"], axis=1),
        helper.make_node("Reshape", ["i", "flat"], ["rows"]),
        helper.make_node("Sub", ["rows", "five"], ["back"]),
        helper.make_node("Gather", ["x", "back"], ["taken"], axis=0),
        helper.make_node("Unsqueeze", ["rows", "last"], ["where"]),
        helper.make_node("ScatterND", ["x", "where", "fresh"], ["added"], reduction="add"),
        helper.make_node("ScatterND", ["x", "where", "fresh"], ["raised"], reduction="max"),
        helper.make_node("ScatterND", ["x", "where", "fresh"], ["replaced"]),
    ]
    whole = {"two": [2], "flat": [-1], "five": 5, "last": [-1]}
    constants = {name: np.array(numbers, np.int64) for name, numbers in whole.items()}
    outputs = dict.fromkeys(("taken", "added", "raised", "replaced"), FLOAT)
    return write(path, nodes, {"x": (5, 2), "keys": (1, 5), "fresh": (2, 2)}, outputs, constants)


def edge_convolution(points: int, neighbours: int, features: int = 2, units: int = 2) -> Callable[[Path], Path]:
    """Pairwise distances, nearest neighbours, a layer on every edge, the maximum: what exporters write for DGCNN."""

    def network(path: Path) -> Path:
        generator = np.random.default_rng(0)
        make = helper.make_node
        nodes = [
            make("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
            make("MatMul", ["x", "t"], ["inner"]),
            make("Mul", ["inner", "minus_two"], ["twice"]),
            make("Pow", ["x", "square"], ["squares"]),
            make("ReduceSum", ["squares", "two"], ["norms"], keepdims=1),
            make("Neg", ["norms"], ["negative"]),
            make("Sub", ["negative", "twice"], ["partial"]),
            make("Transpose", ["norms"], ["row"], perm=[0, 2, 1]),
            make("Sub", ["partial", "row"], ["closeness"]),
            make("TopK", ["closeness", "k"], ["nearest", "which"], axis=-1),
            make("Reshape", ["which", "flat"], ["index"]),
            make("Reshape", ["x", "rows"], ["table"]),
            make("Gather", ["table", "index"], ["picked"]),
            make("Reshape", ["picked", "edges"], ["there"]),
            make("Reshape", ["x", "column"], ["here_once"]),
            make("Expand", ["here_once", "edges"], ["here"]),
            make("Sub", ["there", "here"], ["difference"]),
            make("Concat", ["difference", "here"], ["edge"], axis=3),
            make("MatMul", ["edge", "w"], ["sums"]),
            make("LeakyRelu", ["sums"], ["messages"], alpha=0.25),
            make("ReduceMax", ["messages", "two"], ["y"], keepdims=0),
        ]
        whole = {
            "two": [2],
            "k": [neighbours],
            "flat": [-1],
            "rows": [points, features],
            "edges": [1, points, neighbours, features],
            "column": [1, points, 1, features],
        }
        constants = {name: np.array(numbers, np.int64) for name, numbers in whole.items()}
        constants |= {"minus_two": np.float32(-2), "square": np.float32(2)}
        constants["w"] = generator.normal(0, 0.7, (2 * features, units)).astype(np.float32)
        return write(path, nodes, {"x": (1, points, features)}, {"y": FLOAT}, constants)

    return network


NETWORKS = {
    "rnn": recurrent("RNN"),
    "lstm": recurrent("LSTM"),
    "gru": recurrent("GRU"),
    "gru, linear first, both ways": recurrent("GRU", linear_before_reset=1, direction="bidirectional"),
    "sorted": sorted_elements,
    "places": computed_places,
    "edges": edge_convolution(4, 2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_stage_is_exact(name: str, tmp_path: Path) -> None:
    require_tool("ghdl")
    design = api.compile(NETWORKS[name](tmp_path / "net.onnx"), tmp_path / "build", SMALL)
    design.simulate().require_exact()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_folded_steps(kind: str, tmp_path: Path) -> None:
    """Every layer of every step is an array of neurons."""
    require_tool("ghdl")
    options = CompileOptions(precision=parse_precision("fixed<12,4>"), hardware=FOLDED)
    design = api.compile(recurrent(kind)(tmp_path / "net.onnx"), tmp_path / "build", options)
    design.simulate().require_exact()


@pytest.mark.parametrize(("kind", "output"), [("LSTM", "h"), ("GRU", "y")])
def test_one_circuit_for_all_steps(kind: str, output: str, tmp_path: Path) -> None:
    """Registers around the pipeline of a step: the same codes as with the steps written out, in predicted time."""
    require_tool("ghdl")
    network = recurrent(kind, outputs=(output,))(tmp_path / "net.onnx")
    hardware = replace(FOLDED, recurrence=Recurrences.FOLDED)
    options = CompileOptions(precision=parse_precision("fixed<12,4>"), hardware=hardware)
    design = api.compile(network, tmp_path / "build", options)
    (stage,) = (layer for layer in design.report["layers"] if layer["op"] == "repeat")
    found = design.simulate()
    found.require_exact()
    assert found.verdict["ii"] == stage["ii"] == stage["latency_cycles"] - 2
    written = api.compile(network, tmp_path / "written", replace(options, hardware=FOLDED))
    x = np.random.default_rng(3).normal(0, 1, (50, 3, 1, 2))
    assert np.array_equal(*(build.emulate({"x": x})[f"{output}__raw"] for build in (design, written)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("               next_state;", "               state;"),
        ("        items <= (", "        items <= items; -- items <= ("),
        ("delivered <= fresh & ", "delivered <= not fresh & "),
        ("start     <= entered or (result_valid and not is_last)", "start     <= entered or result_valid"),
    ],
)
def test_a_wrong_register_is_noticed(old: str, new: str, tmp_path: Path) -> None:
    require_tool("ghdl")
    network = recurrent("GRU", outputs=("y",))(tmp_path / "net.onnx")
    hardware = replace(FOLDED, recurrence=Recurrences.FOLDED)
    design = api.compile(network, tmp_path / "build", replace(SMALL, hardware=hardware))
    (path,) = (p for p in (design.folder / "rtl").glob("*.vhd") if old in p.read_text())
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(MismatchError, match="layer"):
        design.simulate().require_exact()


BY_ROWS = replace(SMALL, hardware=replace(UNROLLED, rows=Rows.FOLDED))


def test_one_circuit_for_all_points(tmp_path: Path) -> None:
    """Distances, neighbours, edges and maxima of one point each cycle: the codes of all points at once."""
    require_tool("ghdl")
    network = edge_convolution(6, 3, 2, 3)(tmp_path / "net.onnx")
    design = api.compile(network, tmp_path / "build", BY_ROWS)
    found = design.simulate()
    found.require_exact()
    assert found.verdict["ii"] == 6
    whole = api.compile(network, tmp_path / "whole", SMALL)
    # few different coordinates: many neighbours are equally near
    clouds = np.random.default_rng(5).integers(-2, 3, (300, 1, 6, 2)).astype(np.float64)
    assert np.array_equal(*(build.emulate({"x": clouds})["y__raw"] for build in (design, whole)))


def test_points_on_shared_multipliers(tmp_path: Path) -> None:
    """A point takes as long as its slowest layer."""
    require_tool("ghdl")
    network = edge_convolution(4, 2, 2, 2)(tmp_path / "net.onnx")
    hardware = replace(BY_ROWS.hardware, default=LayerOptions(strategy=Strategy.FOLDED, reuse_factor=4))
    found = api.compile(network, tmp_path / "build", replace(BY_ROWS, hardware=hardware)).simulate()
    found.require_exact()
    assert found.verdict["ii"] == 4 * 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("is_last <= '1' when results_left = 0", "is_last <= '1' when results_left = 1"),
        ("        items <= (", "        items <= items; -- items <= ("),
        ("held  <= entry_held;", "held  <= held; -- entry_held"),
    ],
)
def test_a_wrong_row_is_noticed(old: str, new: str, tmp_path: Path) -> None:
    require_tool("ghdl")
    design = api.compile(edge_convolution(4, 2)(tmp_path / "net.onnx"), tmp_path / "build", BY_ROWS)
    path = max(
        (p for p in (design.folder / "rtl").glob("*.vhd") if old in p.read_text()), key=lambda p: len(p.read_text())
    )
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(MismatchError, match="layer"):
        design.simulate().require_exact()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" or y_forward", " and y_forward"),
        ("weights => neurons_0_request(", "weights => not neurons_0_request("),
        ("PAUSE        => 0,", "PAUSE        => 1,"),
    ],
)
def test_a_wrong_use_of_shared_neurons_is_noticed(old: str, new: str, tmp_path: Path) -> None:
    require_tool("ghdl")
    network = recurrent("GRU", outputs=("y",), linear_before_reset=1)(tmp_path / "net.onnx")
    hardware = replace(FOLDED, recurrence=Recurrences.FOLDED)
    design = api.compile(network, tmp_path / "build", replace(SMALL, hardware=hardware))
    path = next(p for p in sorted((design.folder / "rtl").glob("*.vhd")) if old in p.read_text())
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(MismatchError, match="layer"):
        design.simulate().require_exact()


@pytest.mark.slow
@pytest.mark.parametrize("linear_before_reset", [0, 1])
def test_a_step_on_64_multipliers(linear_before_reset: int, tmp_path: Path) -> None:
    """A GRU of 32 units over 16 features: all products of a step on 64 multipliers, and 12 cycles."""
    require_tool("verilator")
    network = recurrent("GRU", outputs=("y",), features=16, units=32, linear_before_reset=linear_before_reset)(
        tmp_path / "net.onnx"
    )
    hardware = replace(FOLDED, default=LayerOptions(strategy=Strategy.FOLDED, reuse_factor=72))
    options = replace(SMALL, precision=parse_precision("fixed<16,6>"))
    options = replace(options, hardware=replace(hardware, recurrence=Recurrences.FOLDED))
    found = api.compile(network, tmp_path / "build", options).simulate(simulator="verilator")
    found.require_exact()
    assert found.verdict["ii"] == 3 * (3 * 32 * (16 + 32) // 64 + 12)


@pytest.mark.slow
def test_64_points_one_after_another(tmp_path: Path) -> None:
    """8 neighbours, 3 features: a cloud takes one cycle a point."""
    require_tool("verilator")
    network = edge_convolution(64, 8, 3, 8)(tmp_path / "net.onnx")
    found = api.compile(network, tmp_path / "build", BY_ROWS).simulate(simulator="verilator")
    found.require_exact()
    assert found.verdict["ii"] == 64


@pytest.mark.slow
def test_edge_convolution_of_16_points(tmp_path: Path) -> None:
    """4 neighbours, 3 features: one cloud each cycle."""
    require_tool("ghdl")
    network = edge_convolution(16, 4, 3, 8)(tmp_path / "net.onnx")
    design = api.compile(network, tmp_path / "build", SMALL)
    found = design.simulate()
    found.require_exact()
    assert found.verdict["ii"] == 1


@pytest.mark.parametrize("options", [SMALL, BY_ROWS], ids=["at once", "one by one"])
def test_shuffled_points_give_shuffled_results(options: CompileOptions, tmp_path: Path) -> None:
    """The maximum over a set of neighbours does not see their order, nor do points see their number."""
    network = edge_convolution(6, 3, 2, 3)(tmp_path / "net.onnx")
    design = api.compile(network, tmp_path / "build", options)
    known = api.compile(network, tmp_path / "known", SMALL).graph
    generator = np.random.default_rng(1)
    clouds = generator.normal(0, 1, (60, 1, 6, 2))
    order = generator.permutation(6)
    plain, shuffled = (design.emulate({"x": points})["y"] for points in (clouds, clouds[:, :, order]))
    codes = reference.run_codes(known, {"x": reference.encode_input(known.inputs[0], clouds)})
    (ranking,) = (node for node in known.nodes if isinstance(node.op, TopK))
    nearest = np.sort(codes[ranking.inputs[0]], axis=-1)
    # of equally near neighbours the first counts, and shuffling changes which that is
    decided = np.all(nearest[..., -3] > nearest[..., -4], axis=(1, 2))
    assert decided.mean() > 0.2
    assert np.array_equal(plain[decided][:, order], shuffled[decided])
    assert not np.array_equal(plain[decided][:, order], plain[decided])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sorted", ("larger_of(", "smaller_of(")),
        ("places", ("choose(or ", "choose(nor ")),
        ("rnn", (" + wide(", " - wide(")),
    ],
)
def test_one_change_is_noticed(name: str, change: tuple[str, str], tmp_path: Path) -> None:
    require_tool("ghdl")
    design = api.compile(NETWORKS[name](tmp_path / "net.onnx"), tmp_path / "build", SMALL)
    old, new = change
    for path in sorted((design.folder / "rtl").glob("*.vhd"), reverse=True):  # of the last step, not of the first
        if old in (text := path.read_text()):
            path.write_text(text.replace(old, new, 1))
            break
    else:
        pytest.fail(f"nothing contains {old}")
    with pytest.raises(MismatchError, match="layer"):
        design.simulate().require_exact()
