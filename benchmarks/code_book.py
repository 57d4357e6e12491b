#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a code book saves: layers with 8-bit weights of any value, and of 16 and 4 values only, through Yosys.

    python benchmarks/code_book.py

Prints LUT sites and 36 Kb block memories (xcup), estimated ones too, for folded layers and an unrolled one. The values
are those that k-means finds for normal weights, as `fpgann compress` would with `share.values`.
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
from fpgann.config import CompileOptions  # noqa: E402
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy  # noqa: E402
from fpgann.passes.cluster import code_book  # noqa: E402

QONNX = "qonnx.custom_op.general"
BITS = 8
VALUES = (0, 16, 4)  # 0: any
LAYERS = ((64, 32, 128), (128, 64, 1024), (64, 32, 1))  # inputs, outputs, reuse factor


def model(inputs: int, outputs: int, values: int, path: Path) -> Path:
    """A layer between 6-bit quantizers."""
    weights = np.random.default_rng(1).normal(0, 0.25, (inputs, outputs))
    if values:
        book, entries = code_book(weights, values)
        weights = book[entries]
    constants = {"w": weights, "fine": 1 / 128, "coarse": 1 / 8, "zero": 0.0, "bits": float(BITS), "six": 6.0}
    nodes = [
        helper.make_node("Quant", ["x", "coarse", "zero", "six"], ["xq"], domain=QONNX, signed=1, narrow=0),
        helper.make_node("Quant", ["w", "fine", "zero", "bits"], ["wq"], domain=QONNX, signed=1, narrow=0),
        helper.make_node("MatMul", ["xq", "wq"], ["s"]),
        helper.make_node("Quant", ["s", "coarse", "zero", "six"], ["y"], domain=QONNX, signed=1, narrow=0),
    ]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, s)) for n, s in (("x", inputs), ("y", outputs))]
    tensors = [numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "layer", ports[:1], ports[1:], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 2)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def main() -> None:
    """Measure all layers."""
    print("| layer | reuse factor | values | LUT, estimated | LUT, Yosys | BRAM36, estimated | BRAM36, Yosys |")
    print("|---|---|---|---|---|---|---|")
    for inputs, outputs, reuse in LAYERS:
        layer = LayerOptions(Strategy.UNROLLED) if reuse == 1 else LayerOptions(Strategy.FOLDED, reuse)
        options = CompileOptions(hardware=HardwareOptions(default=layer))
        for values in VALUES:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                source = model(inputs, outputs, values, folder / "layer.onnx")
                design = fpgann.compile(source, folder / "build", options)
                found, total = design.synthesize("xcup"), design.report["total"]
            texts = [f"{inputs} to {outputs}", "unrolled" if reuse == 1 else str(reuse), str(values or "any")]
            texts += [str(n) for n in (total["lut"], round(found["lut"]), total["bram36"], found["bram36"])]
            print(f"| {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    main()
