# SPDX-License-Identifier: Apache-2.0
"""Files that fix the batch size at something other than 1: take each row for a sample of its own.

Exporters write the batch size of the example they were given (64, or all of a data set). Hardware takes one sample
after another, so such a model is rewritten for one row, provided that this changes nothing: rows must come out alone as
they do together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np
import onnx

from fpgann.errors import ModelError
from fpgann.frontend.onnx.constants import Array
from fpgann.frontend.onnx.importer import import_onnx
from fpgann.frontend.onnx.ports import Port
from fpgann.frontend.onnx.reader import OnnxModel

_ROWS = 4  # of random numbers to try
_MAX_TRIED_ELEMENTS = 1 << 22


def samplewise(model: OnnxModel) -> OnnxModel:
    """The model for one row at a time, if the file fixes more rows and they do not depend on each other.

    All inputs must have the same number of rows (size of axis 0), and so must all outputs. That rows are independent
    is tried in onnxruntime on random numbers. Where the file names the number of rows in a Reshape, all of them are
    compared with the original model too.

    Returns:
        The model with an open batch axis (`Port.batched`) and `rows` set; the model as it is if it does not work out.
    """
    rows = {port.shape[0] if port.shape else 1 for port in model.inputs}
    count = next(iter(rows))
    if len(rows) > 1 or count == 1:
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    _open_batch_axis(proto, {port.name for port in model.inputs})
    patched = _free_reshapes(proto, count)
    ports = tuple(replace(port, shape=(1, *port.shape[1:]), batched=True) for port in model.inputs)
    candidate = replace(model, proto=proto, inputs=ports, rows=count)
    try:
        graph = import_onnx(candidate)
        alone = all(graph.types[value].shape[:1] == (1,) for value in graph.outputs.values())
        return candidate if alone and _independent(model, candidate, patched=patched) else model
    except ModelError:
        return model  # whatever is wrong is reported for the model as it is


def _independent(model: OnnxModel, candidate: OnnxModel, *, patched: bool) -> bool:
    from fpgann.frontend.onnx.runtime import Float32Runtime

    runtime = Float32Runtime(candidate)
    if not runtime.is_samplewise(_numbers(candidate.inputs, _ROWS)):
        return False
    if not patched:
        return True
    if sum(prod(port.shape) for port in model.inputs) > _MAX_TRIED_ELEMENTS:
        return False
    inputs = _numbers(candidate.inputs, candidate.rows)
    one_by_one = runtime.run(inputs)
    together = Float32Runtime(model).run(
        {name: array.reshape(1, len(array), *array.shape[2:]) for name, array in inputs.items()}
    )
    return all(_same_rows(together[name], one_by_one[name]) for name in model.outputs)


def _same_rows(together: Array, one_by_one: Array) -> bool:
    wanted = one_by_one.reshape(len(one_by_one), *one_by_one.shape[2:])
    return together.shape[1:] == wanted.shape and bool(np.allclose(together[0], wanted, rtol=1e-4, atol=1e-5))


def _numbers(ports: tuple[Port, ...], samples: int) -> Mapping[str, Array]:
    generator = np.random.default_rng(0)
    return {port.name: generator.standard_normal((samples, *port.shape)) for port in ports}


def _open_batch_axis(proto: onnx.ModelProto, inputs: set[str]) -> None:
    """Leave axis 0 of all inputs open, and forget all other shapes."""
    for value in proto.graph.input:
        if value.name in inputs:
            dim = value.type.tensor_type.shape.dim[0]
            dim.dim_param = "batch"  # takes the place of dim_value
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")


def _free_reshapes(proto: onnx.ModelProto, rows: int) -> bool:
    """Let Reshape nodes copy axis 0 (a size of 0) where the file writes the number of rows.

    Returns:
        Whether there was one.
    """
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    patched = False
    for index, node in enumerate(proto.graph.node):
        allow_zero = any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)
        if node.op_type != "Reshape" or allow_zero or len(node.input) < 2 or node.input[1] not in constants:
            continue
        sizes = onnx.numpy_helper.to_array(constants[node.input[1]])
        if sizes.ndim != 1 or not sizes.size or sizes[0] != rows:
            continue
        name = f"{node.input[1]}_of_one_row_{index}"
        freed = np.concatenate([np.zeros(1, np.int64), sizes[1:]])
        proto.graph.initializer.append(onnx.numpy_helper.from_array(freed, name))
        node.input[1] = name
        patched = True
    return patched
