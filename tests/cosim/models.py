# SPDX-License-Identifier: Apache-2.0
"""Small networks that between them use every kind of generated hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class Network:
    """An ONNX model as it is written down, node by node.

    Args:
        features: size of the input `x`.
        seed: of all weights.
    """

    def __init__(self, features: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.features = features
        self.width = features
        self.value = "x"
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, array, dtype=np.float32) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, op_type: str, *operands: str, name: str = "", **attributes) -> Network:
        """Append an operator that reads the last value."""
        self.value = self.append(op_type, [self.value, *operands], f"v{len(self._nodes)}", name, **attributes)
        return self

    def append(self, op_type: str, operands: list[str], result: str, name: str = "", **attributes) -> str:
        """Append any operator."""
        domain = QONNX if op_type in ("Quant", "BipolarQuant") else ""
        name = name or f"{op_type.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(op_type, operands, [result], name=name, domain=domain, **attributes))
        return result

    def dense(self, name: str, outputs: int, *, scale: object = None, bits: int = 4, bias: bool = True) -> Network:
        """A layer; its weights are quantized if a scale is given."""
        weight = self.constant(self.rng.normal(0, 1.2 / np.sqrt(self.width), (self.width, outputs)))
        if scale is not None:
            operands = [weight, self.constant(scale), self.constant(0.0), self.constant(float(bits))]
            weight = self.append("Quant", operands, f"{name}_w", signed=1, narrow=0)
        self.width = outputs
        return self.node(
            "Gemm", weight, *([self.constant(self.rng.normal(0, 0.5, outputs))] if bias else []), name=name
        )

    def normalize(self, name: str, *, spread: float = 1.0) -> Network:
        """Batch normalization with gains of both signs."""
        gamma = self.rng.choice([-1, 1], self.width) * np.exp(self.rng.normal(0, spread, self.width))
        beta, mean = self.rng.normal(0, 0.3, self.width), self.rng.normal(0, 0.5, self.width)
        variance = np.exp(self.rng.normal(0, spread, self.width))
        names = [self.constant(a) for a in (gamma, beta, mean, variance)]
        return self.node("BatchNormalization", *names, name=name)

    def quantize(self, name: str, bits: int, scale: float, *, signed: bool = True, mode: str = "ROUND") -> Network:
        operands = [self.constant(scale), self.constant(0.0), self.constant(float(bits))]
        return self.node("Quant", *operands, name=name, signed=int(signed), narrow=0, rounding_mode=mode)

    def transpose(self, name: str, rows: int) -> Network:
        """Elements change places, as if they were a matrix."""
        shape = (1, rows, self.width // rows)
        self.node("Reshape", self.constant(shape, np.int64), name=f"{name}_in")
        self.node("Transpose", name=name, perm=[0, 2, 1])
        return self.node("Reshape", self.constant((1, -1), np.int64), name=f"{name}_out")

    def write(self, path: Path) -> Path:
        graph = helper.make_graph(
            self._nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, self.features))],
            [helper.make_tensor_value_info(self.value, TensorProto.FLOAT, None)],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 2)]
        path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
        return path


def real_network() -> Network:
    """Real numbers: ReLU, tanh, a transpose, sigmoid."""
    network = Network(6, 1).dense("hidden", 8).node("Relu", name="relu").dense("middle", 6).node("Tanh", name="tanh")
    return network.transpose("turn", 2).dense("last", 3).node("Sigmoid", name="sigmoid")


def scaled_network() -> Network:
    """Quantized by its file: arbitrary scales, batch normalization, few codes and many, a curve per channel."""
    network = Network(6, 2).quantize("entry", 6, 0.037)
    network.dense("hidden", 8, scale=0.0731).normalize("norm", spread=0.3).node("Relu", name="relu")
    network.quantize("many", 6, 0.0613, signed=False)
    network.dense("middle", 6, scale=0.113).normalize("norm2", spread=0.3).quantize("few", 2, 0.81)
    network.dense("broad", 4, scale=np.array([[0.091, 0.13, 0.07, 0.11]]), bias=False).node("Tanh", name="tanh")
    return network.quantize("curved", 6, 0.0317).dense("last", 3, scale=np.array([[0.11, 0.07, 0.13]]), bias=False)
