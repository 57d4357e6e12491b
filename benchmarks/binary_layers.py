#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Binary layers, +-1 times +-1 and a sign: fpgann's adder graph beside population counts of compressor trees.

    python benchmarks/binary_layers.py

Each neuron of the rival counts the inputs that agree with its weights, six of a weight at a time to three (a count of
six bits is three LUTs of six inputs), three to two where fewer are left, then one adder and one comparison; weights
are constant, so an XNOR is a wire or an inverter that joins a LUT. Both go through Yosys for xcup, and LUT sites are
counted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY)]

import fpgann  # noqa: E402
from fpgann.config import CompileOptions, override  # noqa: E402
from fpgann.eda.families import FAMILIES  # noqa: E402
from fpgann.eda.synthesis import synthesize  # noqa: E402

QONNX = "qonnx.custom_op.general"
LAYERS = ((64, 1), (64, 8), (64, 32))  # inputs, neurons


def model(weights: np.ndarray, path: Path) -> Path:
    """A layer between signs."""
    nodes = [
        helper.make_node("BipolarQuant", ["x", "one"], ["xq"], domain=QONNX),
        helper.make_node("BipolarQuant", ["w", "one"], ["wq"], domain=QONNX),
        helper.make_node("MatMul", ["xq", "wq"], ["s"]),
        helper.make_node("BipolarQuant", ["s", "one"], ["y"], domain=QONNX),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size))
        for name, size in zip("xy", weights.shape, strict=True)
    ]
    tensors = [numpy_helper.from_array(np.asarray(a, np.float32), n) for n, a in (("w", weights), ("one", 1.0))]
    graph = helper.make_graph(nodes, "layer", ports[:1], ports[1:], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 2)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


class Counter:
    """Verilog of a population count."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.wires = 0

    def count(self, bits: list[str]) -> list[str]:
        """The sum of up to six bits as single bits, the lowest first; a LUT each."""
        found = []
        for place in range(len(bits).bit_length()):
            table = sum(1 << code for code in range(1 << len(bits)) if code.bit_count() >> place & 1)
            name, self.wires = f"n{self.wires}", self.wires + 1
            size = 1 << len(bits)
            self.lines.append(f"  wire [{size - 1}:0] {name}_t = {size}'h{table:x};")
            self.lines.append(f"  wire {name} = {name}_t[{{{', '.join(reversed(bits))}}}];")
            found.append(name)
        return found

    def neuron(self, output: int, bits: list[str]) -> None:
        """Whether at least half of the bits are set."""
        columns = [bits]
        while max(map(len, columns)) > 2:
            following: list[list[str]] = [[] for _ in range(len(columns) + 2)]
            for weight, column in enumerate(columns):
                rest = list(column)
                while len(rest) >= 3:
                    size = 6 if len(rest) >= 6 else 3
                    taken, rest = rest[:size], rest[size:]
                    for place, name in enumerate(self.count(taken)):
                        following[weight + place].append(name)
                following[weight] += rest
            columns = [column for column in following if column]
        first, second = ([(c[i] if i < len(c) else "1'b0") for c in columns] for i in (0, 1))
        width = len(columns) + 1
        total = " + ".join(f"{{1'b0, {', '.join(reversed(row))}}}" for row in (first, second))
        self.lines.append(f"  wire [{width - 1}:0] total_{output} = {total};")
        self.lines.append(f"  assign y[{output}] = total_{output} >= {(len(bits) + 1) // 2};")


def rival(weights: np.ndarray) -> str:
    """A layer of population counts."""
    inputs, outputs = weights.shape
    counter = Counter()
    for output in range(outputs):
        counter.neuron(output, [f"x[{i}]" if weights[i, output] > 0 else f"~x[{i}]" for i in range(inputs)])
    ports = f"input [{inputs - 1}:0] x, output [{outputs - 1}:0] y"
    return "\n".join([f"module layer({ports});", *counter.lines, "endmodule", ""])


def main() -> None:
    """Measure all layers."""
    print("| inputs | neurons | fpgann, estimated | fpgann | population counts |")
    print("|---|---|---|---|---|")
    for inputs, outputs in LAYERS:
        weights = np.sign(np.random.default_rng(inputs + outputs).normal(size=(inputs, outputs)))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            options = override(CompileOptions(), strategy="unrolled")
            design = fpgann.compile(model(weights, folder / "layer.onnx"), folder / "build", options)
            own, estimated = design.synthesize("xcup")["lut"], design.report["total"]["lut"]
            other = synthesize(rival(weights), "layer", FAMILIES["xcup"], folder).total.sites
        print(f"| {inputs} | {outputs} | {estimated} | {own:.0f} | {other} |", flush=True)


if __name__ == "__main__":
    main()
