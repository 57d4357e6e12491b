#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network that benchmarks share: that of the jet tagging task in shapes and types, with random weights.

Dense layers 16-64-32-32-5 (Duarte et al. 2018, https://arxiv.org/abs/1804.06913), weights and biases of 6 bits,
ReLUs of 6 unsigned bits that saturate, inputs of 8 bits with 5 behind the binary point. Weights are rounded normal
numbers, about as large on average as those of a trained network: uniform ones would cost everyone more.

    python benchmarks/network.py MODEL.onnx [--rounding half_up|even]     writes it as a QONNX file
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

WIDTHS = (16, 64, 32, 32, 5)
WEIGHT_BITS, WEIGHT_FRAC = 6, 5
ACTIVATION_BITS = 6
INPUT_BITS, INPUT_FRAC = 8, 5
SIGMA = 6.0  # of weights, in their last place
SATURATED = 0.02  # part of the activations that the binary point lets saturate
SEED = 7


@dataclass(frozen=True)
class Layer:
    """acc = x @ weights + bias; with an activation min(round(max(acc, 0) / 2**shift), greatest code).

    Args:
        weights: shape (inputs, outputs), with WEIGHT_FRAC bits behind the binary point.
        bias: shape (outputs,), in units of the accumulator.
        accumulator_frac: bits of the accumulator behind the binary point.
        shift: bits that the activation drops; None without one.
    """

    weights: np.ndarray
    bias: np.ndarray
    accumulator_frac: int
    shift: int | None

    @property
    def frac(self) -> int:
        """Bits of the result behind the binary point."""
        return self.accumulator_frac - (self.shift or 0)


def make_layers() -> list[Layer]:
    """The network; the same each time."""
    rng = np.random.default_rng(SEED)
    x, frac, layers = make_inputs(2000), INPUT_FRAC, []
    for inputs, outputs in pairwise(WIDTHS):
        least, greatest = -(1 << (WEIGHT_BITS - 1)), (1 << (WEIGHT_BITS - 1)) - 1
        weights, biases = (
            np.clip(np.round(rng.normal(0, SIGMA, shape)), least, greatest).astype(np.int64)
            for shape in ((inputs, outputs), (outputs,))
        )
        bias, accumulator_frac = biases << frac, frac + WEIGHT_FRAC
        sums = np.maximum(x @ weights + bias, 0)
        top = np.quantile(sums, 1 - SATURATED) / (1 << ACTIVATION_BITS)
        shift = None if outputs == WIDTHS[-1] else max(1, round(float(np.log2(top))))
        layers.append(Layer(weights, bias, accumulator_frac, shift))
        x, frac = evaluate(layers[-1:], x), layers[-1].frac
    return layers


def make_inputs(samples: int) -> np.ndarray:
    """Codes of normal numbers, shape (samples, 16)."""
    rng, reach = np.random.default_rng(SEED + 1), 1 << (INPUT_BITS - 1)
    codes = np.round(rng.normal(0, 1 << INPUT_FRAC, (samples, WIDTHS[0])))
    return np.clip(codes, -reach, reach - 1).astype(np.int64)


def evaluate(layers: list[Layer], codes: np.ndarray, *, to_even: bool = False) -> np.ndarray:
    """The network in plain numpy integers, ties rounded up or to even: what everyone must deliver."""
    for layer in layers:
        codes = codes @ layer.weights + layer.bias
        if layer.shift is not None:
            half, positive = 1 << (layer.shift - 1), np.maximum(codes, 0)
            # to even: half a unit less, and a unit more where that is the way to an even number
            added = half - 1 + (positive >> layer.shift) % 2 if to_even else half
            codes = np.minimum((positive + added) >> layer.shift, (1 << ACTIVATION_BITS) - 1)
    return codes


def save_arrays(path: Path, layers: list[Layer], codes: np.ndarray) -> None:
    """The network, samples and their results as an npz file, for peers."""
    arrays = {"x": codes, "y": evaluate(layers, codes), "y_to_even": evaluate(layers, codes, to_even=True)}
    for number, layer in enumerate(layers):
        arrays |= {f"weights{number}": layer.weights, f"bias{number}": layer.bias}
        arrays[f"form{number}"] = np.array([layer.accumulator_frac, -1 if layer.shift is None else layer.shift])
    np.savez(path, **arrays)


def load_layers(arrays: Mapping[str, np.ndarray]) -> list[Layer]:
    """The network out of what `save_arrays` wrote."""
    layers: list[Layer] = []
    while f"form{len(layers)}" in arrays:
        number = len(layers)
        frac, shift = (int(n) for n in arrays[f"form{number}"])
        layers.append(Layer(arrays[f"weights{number}"], arrays[f"bias{number}"], frac, None if shift < 0 else shift))
    return layers


def make_graph(layers: list[Layer]):
    """The network as a graph of codes, input `x`."""
    from fpgann.ir import Constant, Encoding, GraphBuilder, TensorType
    from fpgann.ir.ops.dense import Dense
    from fpgann.ir.ops.requantize import Requantize
    from fpgann.numerics.fixed import FixedType
    from fpgann.numerics.interval import CodeRange
    from fpgann.numerics.rounding import Rounding
    from fpgann.numerics.scalar_map import Rounder, ScalarMap
    from fpgann.numerics.steps import Affine, Clip

    def constant(codes: np.ndarray, frac: int) -> Constant:
        span = CodeRange(int(codes.min()), int(codes.max()))
        return Constant(codes, Encoding(FixedType.holding(span, frac), span))

    build, entry = GraphBuilder("jet"), FixedType(True, INPUT_BITS, INPUT_FRAC)
    greatest = (1 << ACTIVATION_BITS) - 1
    scaling = Affine((Fraction(1 << INPUT_FRAC),), (Fraction(0),))
    quantizer = ScalarMap((scaling,), Rounder(Rounding.RND, entry.range.low, entry.range.high))
    x = build.input("x", TensorType((1, WIDTHS[0]), Encoding.of(entry)), quantizer)
    for number, layer in enumerate(layers):
        dense = Dense(constant(layer.weights, WEIGHT_FRAC), constant(layer.bias, layer.accumulator_frac))
        x = build.add(dense, [x], name=f"dense{number}")
        if layer.shift is not None:
            steps = (Affine((Fraction(1, 1 << layer.shift),), (Fraction(0),)), Clip(Fraction(0), None))
            target = Encoding.of(FixedType(False, ACTIVATION_BITS, layer.frac))
            op = Requantize(ScalarMap(steps, Rounder(Rounding.RND, 0, greatest)), target, function="relu")
            x = build.add(op, [x], name=f"relu{number}")
    return build.build({"y": x})


def make_model(layers: list[Layer], rounding: str):
    """The network as a QONNX model with the input quantized.

    Args:
        layers: the network.
        rounding: how QONNX calls what activations do to ties.
    """
    from onnx import TensorProto, helper, numpy_helper

    domain, nodes, constants = "qonnx.custom_op.general", [], []

    def constant(value: object) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), f"c{len(constants)}"))
        return constants[-1].name

    def add(kind: str, operands: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(kind, operands, [f"v{len(nodes)}"], name=f"{kind}_{len(nodes)}", **attributes))
        return nodes[-1].output[0]

    def quantize(x: str, bits: int, frac: int, *, signed: bool = True, mode: str = "ROUND") -> str:
        operands = [x, constant(2.0**-frac), constant(0.0), constant(float(bits))]
        return add("Quant", operands, domain=domain, signed=int(signed), narrow=0, rounding_mode=mode)

    x = quantize("x", INPUT_BITS, INPUT_FRAC)
    for layer in layers:
        weights = quantize(constant(layer.weights * 2.0**-WEIGHT_FRAC), WEIGHT_BITS, WEIGHT_FRAC)
        bias = quantize(constant(layer.bias * 2.0**-layer.accumulator_frac), WEIGHT_BITS, WEIGHT_FRAC)
        x = add("Add", [add("MatMul", [x, weights]), bias])
        if layer.shift is not None:
            x = quantize(add("Relu", [x]), ACTIVATION_BITS, layer.frac, signed=False, mode=rounding)
    ports = (("x", WIDTHS[0]), (x, WIDTHS[-1]))
    inputs, outputs = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, width))] for name, width in ports)
    graph = helper.make_graph(nodes, "jet", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def main() -> None:
    """Write the QONNX file."""
    import onnx

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounding", choices=("half_up", "even"), default="half_up")
    arguments = parser.parse_args()
    onnx.save(make_model(make_layers(), {"half_up": "HALF_UP", "even": "ROUND"}[arguments.rounding]), arguments.model)


if __name__ == "__main__":
    main()
