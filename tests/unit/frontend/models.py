# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models for the tests, and the two sides of every comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fpgann.frontend import OnnxModel, import_onnx, read_model
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.ir import Graph, Operator
from fpgann.ir.verify import verify
from tests.frontend import interpreter

QONNX = "qonnx.custom_op.general"


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str] = ("y",), **attributes) -> onnx.NodeProto:
    return helper.make_node(op_type, list(inputs), list(outputs), **attributes)


def tensor(name: str, values, dtype=np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def value(name: str, shape, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str | None] = (1, 4),
    constants: Mapping[str, object] | Sequence[onnx.TensorProto] = (),
    *,
    opset: int = 17,
    outputs: Sequence[str] = ("y",),
    inputs: Sequence[onnx.ValueInfoProto] | None = None,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model with input x and output y unless told otherwise; numbers that are no arrays become float32."""
    if isinstance(constants, Mapping):
        constants = [
            numpy_helper.from_array(c if isinstance(c, np.ndarray) else np.asarray(c, np.float32), name)
            for name, c in constants.items()
        ]
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [value("x", shape)] if inputs is None else list(inputs),
        [onnx.ValueInfoProto(name=name) for name in outputs],
        list(constants),
    )
    for output in graph.output:
        output.type.tensor_type.elem_type = TensorProto.FLOAT
    domains = {n.domain for n in nodes} - {""}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))


def write(folder: Path, proto: onnx.ModelProto, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def read(folder: Path, proto: onnx.ModelProto, **options) -> OnnxModel:
    return read_model(write(folder, proto), **options)


def load(folder: Path, proto: onnx.ModelProto) -> Graph:
    return verify(import_onnx(read(folder, proto)), "the import")


def operators(graph: Graph) -> list[Operator]:
    return [n.op for n in graph.nodes]


def names(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes]


def agree(folder: Path, proto: onnx.ModelProto, *, samples: int = 8, tolerance: float = 1e-5) -> Graph:
    """Import a model, and compare what the interpreter makes of it with onnxruntime on random inputs."""
    imported = read(folder, proto)
    graph = verify(import_onnx(imported), "the import")
    generator = np.random.default_rng(0)
    inputs = {port.name: generator.normal(0, 2, (samples, *port.shape)).astype(np.float32) for port in imported.inputs}
    expected = Float32Runtime(imported).run(inputs)
    values = interpreter.run(graph, inputs)
    for delivered, name in graph.outputs.items():
        wanted = expected[delivered].astype(np.float64)
        assert values[name].shape == wanted.shape
        assert np.abs(values[name] - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max()), delivered
    return graph
