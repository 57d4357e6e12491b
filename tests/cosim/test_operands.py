# SPDX-License-Identifier: Apache-2.0
"""Operators of several operands, in hardware: every stage equal to the reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fpgann import api
from fpgann.errors import MismatchError
from tests.conftest import require_tool

FLOAT, INTEGER, BIT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
Shapes = dict[str, tuple[int, ...]]


def write(
    path: Path, nodes: list[onnx.NodeProto], inputs: Shapes, outputs: dict[str, int], constants: dict[str, np.ndarray]
) -> Path:
    graph = helper.make_graph(
        nodes,
        "operands",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(proto.SerializeToString())
    return path


def arithmetic(path: Path) -> Path:
    """Sums, products, squares, extremes; operands of different depth and of different shape."""
    nodes = [
        helper.make_node("Split", ["x"], ["left", "right"], axis=1, num_outputs=2),
        helper.make_node("Mul", ["left", "right"], ["product"]),
        helper.make_node("Mul", ["left", "left"], ["square"]),
        helper.make_node("Sub", ["product", "y"], ["difference"]),
        helper.make_node("Max", ["difference", "square", "limits"], ["largest"]),
        helper.make_node("Min", ["largest", "left"], ["smallest"]),
        helper.make_node("Add", ["smallest", "row"], ["sum"]),
        helper.make_node("Mean", ["sum", "product", "largest"], ["mean"]),
    ]
    constants = {"limits": np.array([[-0.5, 0.25, 1.75]], np.float32), "row": np.float32([[0.1], [-0.7]])}
    return write(path, nodes, {"x": (1, 6), "y": (1, 3)}, {"mean": FLOAT}, constants)


def choices(path: Path) -> Path:
    """Comparisons, bits, choices and positions; equal elements are likely."""
    nodes = [
        helper.make_node("Max", ["x", "half"], ["a"]),
        helper.make_node("Greater", ["a", "y"], ["above"]),
        helper.make_node("Equal", ["a", "y"], ["same"]),
        helper.make_node("Or", ["above", "same"], ["either"]),
        helper.make_node("Not", ["either"], ["below"]),
        helper.make_node("LessOrEqual", ["a", "half"], ["small"]),
        helper.make_node("Xor", ["below", "small"], ["odd"]),
        helper.make_node("Where", ["odd", "a", "y"], ["chosen"]),
        helper.make_node("ArgMax", ["chosen"], ["first"], axis=1),
        helper.make_node("ArgMin", ["chosen"], ["last"], axis=1, select_last_index=1),
    ]
    outputs = {"chosen": FLOAT, "first": INTEGER, "last": INTEGER, "odd": BIT}
    return write(path, nodes, {"x": (1, 5), "y": (1, 5)}, outputs, {"half": np.array([0.5], np.float32)})


def moves(path: Path) -> Path:
    """Concatenation, slices, padding, gathering, repetition, reductions, with scales that wait for a quantizer."""
    nodes = [
        helper.make_node("Mul", ["x", "gains"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Add", ["turned", "shifts"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["positive"]),
        helper.make_node("Slice", ["positive", "starts", "ends", "axes", "steps"], ["odd"]),
        helper.make_node("Concat", ["odd", "x2", "fill"], ["joined"], axis=2),
        helper.make_node("Pad", ["joined", "pads", "pad_value"], ["padded"]),
        helper.make_node("Gather", ["padded", "order"], ["gathered"], axis=2),
        helper.make_node("ReduceMax", ["gathered", "last"], ["largest"], keepdims=1),
        helper.make_node("ReduceSum", ["gathered", "last"], ["sum"], keepdims=1),
        helper.make_node("Tile", ["largest", "repeats"], ["tiled"]),
        helper.make_node("Sub", ["tiled", "sum"], ["result"]),
    ]
    whole = {
        "starts": [0],
        "ends": [4],
        "axes": [1],
        "steps": [2],
        "pads": [0, 0, 1, 0, 0, 0],
        "order": [3, 0, 2, 2, 5],
        "last": [2],
        "repeats": [1, 1, 2],
    }
    constants = {name: np.array(numbers, np.int64) for name, numbers in whole.items()}
    constants |= {
        "gains": np.linspace(0.3, 1.7, 8, dtype=np.float32).reshape(1, 2, 4),
        "shifts": np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 4, 2),
        "fill": np.full((1, 2, 1), 0.375, np.float32),
        "pad_value": np.array(-0.5, np.float32),
    }
    return write(path, nodes, {"x": (1, 2, 4), "x2": (1, 2, 3)}, {"result": FLOAT}, constants)


def quantized(path: Path) -> Path:
    """Arbitrary scales and zero points: sums, products and joints that no power of two relates."""
    nodes, constants = [], {}

    def quantizer(source: str, result: str, scale: float, zero: int) -> None:
        constants[f"{result}_scale"], constants[f"{result}_zero"] = np.float32(scale), np.int8(zero)
        numbers = [f"{result}_scale", f"{result}_zero"]
        nodes.append(helper.make_node("QuantizeLinear", [source, *numbers], [f"{result}_codes"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{result}_codes", *numbers], [result]))

    quantizer("x", "a", 0.0173, 3)
    quantizer("y", "b", 0.02931, -7)
    for op_type, result in (("Add", "sum"), ("Mul", "product"), ("Max", "largest")):
        nodes.append(helper.make_node(op_type, ["a", "b"], [f"{result}_real"]))
        quantizer(f"{result}_real", result, 0.0357, 5)
    nodes.append(helper.make_node("Concat", ["a", "b"], ["joined_real"], axis=1))
    quantizer("joined_real", "joined", 0.0211, -1)
    outputs = dict.fromkeys(("sum", "product", "largest", "joined"), FLOAT)
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return write(path, nodes, {"x": (1, 3), "y": (1, 3)}, outputs, arrays)


@pytest.mark.parametrize("network", [arithmetic, choices, moves, quantized])
def test_every_stage_is_exact(network: Callable[[Path], Path], tmp_path: Path) -> None:
    require_tool("ghdl")
    design = api.compile(network(tmp_path / "net.onnx"), tmp_path / "build")
    design.simulate().require_exact()
    accuracy = design.report["accuracy"]  # a comparison may turn out otherwise for rounded numbers
    assert accuracy["rmse"] < 0.05, accuracy


@pytest.mark.parametrize(
    ("network", "change"),
    [
        (arithmetic, ("larger_of(", "smaller_of(")),
        (choices, ("at_least(", "'0' and at_least(")),
        (moves, ('"0" & x"0300"', '"0" & x"0301"')),
        (quantized, (" + wide(", " - wide(")),
    ],
)
def test_one_change_is_noticed(network: Callable[[Path], Path], change: tuple[str, str], tmp_path: Path) -> None:
    require_tool("ghdl")
    design = api.compile(network(tmp_path / "net.onnx"), tmp_path / "build")
    old, new = change
    for path in sorted((design.folder / "rtl").glob("*.vhd")):
        text = path.read_text()
        if old in text:
            path.write_text(text.replace(old, new, 1))
            break
    else:
        pytest.fail(f"nothing contains {old}")
    with pytest.raises(MismatchError, match="layer"):
        design.simulate().require_exact()
