# SPDX-License-Identifier: Apache-2.0
"""The layers that are synthesised to calibrate estimates: small, and as different as layers of networks are.

A *sheet* is one model of independent layers, each with an input and an output of its own, so that one run of the
synthesiser measures them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
SEED = 11


@dataclass(frozen=True)
class Point:
    """One layer.

    Args:
        name: its name in the model.
        inputs: elements that enter; for an element-wise operator, of each operand.
        outputs: elements that leave (dense layers only).
        in_bits: bits of a (signed) input.
        weight_bits: bits of a weight; 2 makes them ternary.
        zeros: part of the weights that is 0.
        function: function behind it, or an ONNX operator of two operands instead of a dense layer.
        out_bits: bits of the activation; None delivers the sums.
        scale: distance of the activation's steps in units of the input; no power of two needs a multiplier.
        per_channel: whether every output has a scale of its own.
        reuse_factor: multiplications per multiplier; None builds it unrolled.
        bias: whether it has one.
    """

    name: str
    inputs: int
    outputs: int = 0
    in_bits: int = 8
    weight_bits: int = 6
    zeros: float = 0.0
    function: str = ""
    out_bits: int | None = None
    scale: float = 1.0
    per_channel: bool = False
    reuse_factor: int | None = None
    bias: bool = False


@dataclass(frozen=True)
class Sheet:
    """Layers that are synthesised together.

    Args:
        name: its name.
        points: the layers.
        loadable: whether weights can be loaded at run time.
        stream: whether it has AXI4-Stream interfaces.
    """

    name: str
    points: Sequence[Point]
    loadable: bool = False
    stream: bool = False
    options: dict[str, object] = field(default_factory=dict)


SHEETS = (
    Sheet(
        "unrolled_small",
        (
            Point("u_8x8_w4_i4", 8, 8, 4, 4, function="Relu", out_bits=4, scale=4.0),
            Point("u_16x16_w6_i8", 16, 16, 8, 6, function="Relu", out_bits=6, scale=16.0),
            Point("u_16x8_w8_i8", 16, 8, 8, 8),
            Point("u_32x16_w2_i4", 32, 16, 4, 2, 0.3, function="Relu", out_bits=4, scale=2.0),
            Point("u_12x12_w6_i12_sparse", 12, 12, 12, 6, 0.7, out_bits=10, scale=64.0),
        ),
    ),
    Sheet(
        "unrolled_wide",
        (
            Point("u_10x4_w16_i16", 10, 4, 16, 12, 0.2),
            Point("u_24x12_w4_i3", 24, 12, 3, 4, 0.4, out_bits=3, scale=8.0),
            Point("u_64x4_w3_i6", 64, 4, 6, 3, 0.5, function="Relu", out_bits=8, scale=1.0),
            Point("u_4x24_w5_i10", 4, 24, 10, 5, 0.0, function="Relu", out_bits=2, scale=256.0),
        ),
    ),
    Sheet(
        "elementwise",
        (
            Point("mul_8", 4, in_bits=8, function="Mul"),
            Point("mul_16", 4, in_bits=16, function="Mul"),
            Point("mul_4", 8, in_bits=4, function="Mul"),
            Point("max_8", 16, in_bits=8, function="Max"),
            Point("min_12", 8, in_bits=12, function="Min"),
            Point("add_8", 16, in_bits=8, function="Add"),
        ),
    ),
    Sheet(
        "folded_small",
        (
            Point("f_16x8_w8_i8", 16, 8, 8, 8, function="Relu", out_bits=8, scale=64.0, reuse_factor=16),
            Point("f_32x16_w4_i4", 32, 16, 4, 4, function="Relu", out_bits=4, scale=16.0, reuse_factor=32),
            Point("f_24x12_w6_i8_simd", 24, 12, 8, 6, out_bits=8, scale=32.0, reuse_factor=8),
            Point("f_20x10_w16_i16", 20, 10, 16, 16, reuse_factor=100),
        ),
    ),
    Sheet(
        "folded_memories",
        (
            Point("f_128x16_w8_i4_block", 128, 16, 4, 8, out_bits=8, scale=256.0, reuse_factor=1024),
            Point("f_40x10_w3_i2", 40, 10, 2, 3, function="Relu", out_bits=2, scale=11.0, reuse_factor=40),
            Point("f_64x8_w8_i8", 64, 8, 8, 8, out_bits=8, scale=256.0, reuse_factor=128),
        ),
    ),
    Sheet(
        "folded_trees",
        (
            Point("f_12x12_simd3", 12, 12, 8, 6, function="Relu", out_bits=8, scale=32.0, reuse_factor=4, bias=True),
            Point("f_15x4_simd5", 15, 4, 8, 8, out_bits=8, scale=128.0, reuse_factor=3, bias=True),
            Point("f_30x8_simd15", 30, 8, 4, 4, out_bits=4, scale=16.0, reuse_factor=4, bias=True),
            Point("f_7x16_simd7", 7, 16, 8, 8, out_bits=8, scale=64.0, reuse_factor=16, bias=True),
            Point("f_32x16_simd2", 32, 16, 6, 6, function="Relu", out_bits=6, scale=64.0, reuse_factor=16, bias=True),
            Point("f_16x8_channels", 16, 8, 8, 6, out_bits=6, scale=77.7, per_channel=True, reuse_factor=16, bias=True),
        ),
    ),
    Sheet(
        "folded_wide",
        (
            Point("f_30x8_simd30", 30, 8, 8, 4, function="Relu", out_bits=4, scale=32.0, reuse_factor=8, bias=True),
            Point("f_32x8_simd16", 32, 8, 8, 6, function="Relu", out_bits=8, scale=64.0, reuse_factor=16, bias=True),
            Point("f_25x10_simd25", 25, 10, 8, 8, out_bits=8, scale=256.0, reuse_factor=10, bias=True),
            Point("f_20x16_simd20", 20, 16, 5, 4, 0.5, function="Relu", out_bits=4, scale=16.0, reuse_factor=16),
            Point("f_16x8_simd16_w3", 16, 8, 3, 3, function="Relu", out_bits=3, scale=4.0, reuse_factor=8, bias=True),
        ),
    ),
    Sheet(
        "folded_search",
        (
            Point(
                "f_16x4_search",
                16,
                4,
                6,
                6,
                function="Sigmoid",
                out_bits=4,
                scale=1 / 16,
                per_channel=True,
                reuse_factor=32,
            ),
        ),
    ),
    Sheet(
        "requantized",
        (
            Point("p_multiply", 4, 4, 8, 6, out_bits=8, scale=21.3),
            Point("p_multiply_channels", 4, 4, 8, 6, out_bits=8, scale=21.3, per_channel=True),
            Point("p_sigmoid", 4, 4, 6, 4, function="Sigmoid", out_bits=8, scale=1 / 256),
            Point("f_sigmoid", 16, 8, 8, 8, function="Sigmoid", out_bits=8, scale=1 / 256, reuse_factor=32),
            Point("f_channels", 16, 8, 8, 8, out_bits=8, scale=77.7, per_channel=True, reuse_factor=32),
        ),
    ),
)


def model_of(sheet: Sheet) -> onnx.ModelProto:
    """A sheet as a QONNX model; the same each time."""
    rng = np.random.default_rng(SEED)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    inputs, outputs = [], []

    def constant(name: str, value: object) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def quant(source: str, target: str, bits: int, scale: object, *, signed: bool = True) -> str:
        operands = [source, constant(f"{target}_s", scale), constant(f"{target}_z", 0), constant(f"{target}_b", bits)]
        attributes = {"signed": int(signed), "narrow": 0, "rounding_mode": "ROUND"}
        nodes.append(helper.make_node("Quant", operands, [target], target, domain=DOMAIN, **attributes))
        return target

    def operand(name: str, elements: int, bits: int) -> str:
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, elements]))
        return quant(name, f"{name}_q", bits, 1.0)

    for point in sheet.points:
        value = operand(f"{point.name}_x", point.inputs, point.in_bits)
        if point.outputs:
            value = _dense(point, value, rng, nodes, constant, quant)
        else:
            second = operand(f"{point.name}_y", point.inputs, point.in_bits)
            nodes.append(helper.make_node(point.function, [value, second], [point.name], point.name))
            value = point.name
        outputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, point.outputs or point.inputs]))
    graph = helper.make_graph(nodes, sheet.name, inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


def _dense(point: Point, value: str, rng, nodes, constant, quant) -> str:
    reach = (1 << (point.weight_bits - 1)) - 1
    drawn = np.clip(np.round(rng.normal(0, max(1.0, reach / 2.5), (point.inputs, point.outputs))), -reach, reach)
    drawn[rng.random(drawn.shape) < point.zeros] = 0
    drawn[0, 0] = reach
    weights = quant(constant(f"{point.name}_v", drawn), f"{point.name}_w", point.weight_bits, 1.0)
    nodes.append(helper.make_node("MatMul", [value, weights], [point.name], point.name))
    value, unsigned = point.name, False
    if point.bias:
        offsets = constant(f"{point.name}_b", np.round(rng.normal(0, 4 * reach, (1, point.outputs))))
        value = _node("Add", [value, offsets], f"{point.name}_sum", nodes)
    if point.function:
        if point.function == "Sigmoid":
            value = _node("Mul", [value, constant(f"{point.name}_g", 1 / 64)], f"{point.name}_scaled", nodes)
        value, unsigned = _node(point.function, [value], f"{point.name}_act", nodes), True
    if point.out_bits is not None:
        spread = 1 + 0.3 * rng.random((1, point.outputs)) if point.per_channel else 1.0
        value = quant(value, f"{point.name}_out", point.out_bits, point.scale * spread, signed=not unsigned)
    return value


def _node(operator: str, operands: list[str], name: str, nodes: list[onnx.NodeProto]) -> str:
    nodes.append(helper.make_node(operator, operands, [name], name))
    return name
