# SPDX-License-Identifier: Apache-2.0
"""The model as onnxruntime can run it: without the quantizers of QONNX."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx.version_converter
import onnx_ir

from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend.onnx.importer import walk
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS, first_line
from fpgann.frontend.onnx.normalise import is_quantizer, normalise
from fpgann.frontend.onnx.ops.quantize import quantizer_of, truncation_of
from fpgann.frontend.onnx.quantizer import Quantizer
from fpgann.frontend.onnx.quantizer_graph import OLDEST_OPSET, quantizer_nodes
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.tables import Site
from fpgann.frontend.onnx.truncation import Truncation

_OLDEST_RUNTIME_OPSET = 7
_PREFIX = "fpgann_quantizer_"


def plain_model(model: OnnxModel) -> onnx.ModelProto:
    """The model without quantizers, its batch axis open where the file leaves it open.

    Raises:
        UnsupportedOperatorError: a quantizer cannot be replaced, or the opset is too old.
    """
    source = normalise(model)
    progress = walk(model, source).progress
    quantizers = {
        node.outputs[0].name or "": _meaning(Site(node, progress)) for node in source.graph if is_quantizer(node)
    }
    if quantizers and model.opset < OLDEST_OPSET:
        raise UnsupportedOperatorError(
            f"its opset is {model.opset}, and quantizers need {OLDEST_OPSET} or newer to be run in float32",
            where=model.path.name,
            hint="export with a newer opset_version",
        )
    proto = onnx_ir.to_proto(source)
    _replace(proto.graph, quantizers, model.opset)
    if model.opset < _OLDEST_RUNTIME_OPSET:  # while all sizes are numbers
        proto = _converted(proto, model)
    batched = {port.name for port in model.inputs if port.batched}
    for value in proto.graph.input:
        if value.name in batched:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto


def _meaning(site: Site) -> Quantizer | Truncation:
    return truncation_of(site) if site.op_type == "Trunc" else quantizer_of(site)


def _replace(graph: onnx.GraphProto, quantizers: Mapping[str, Quantizer | Truncation], opset: int) -> None:
    """Put plain nodes in the place of quantizers; drop node names, which onnxruntime wants to be unique."""
    nodes: list[onnx.NodeProto] = []
    for i, node in enumerate(graph.node):
        quantizer = quantizers.get(next(iter(node.output), ""))
        if quantizer is None:
            nodes.append(node)
        else:
            nodes += quantizer_nodes(node, quantizer, opset, f"{_PREFIX}{i}_")
    copies = onnx.GraphProto(node=nodes)
    for node in copies.node:
        node.name = ""
    del graph.node[:]
    graph.node.extend(copies.node)


def _converted(proto: onnx.ModelProto, model: OnnxModel) -> onnx.ModelProto:
    """The model in the oldest opset that onnxruntime takes."""
    for tensor in proto.graph.initializer:  # the converter knows only initialisers that are inputs too
        value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        proto.graph.input.append(value)
    try:
        converted = onnx.version_converter.convert_version(proto, _OLDEST_RUNTIME_OPSET)
    except LIBRARY_ERRORS as error:
        raise UnsupportedOperatorError(
            f"its opset {model.opset} cannot be brought up to {_OLDEST_RUNTIME_OPSET}: {first_line(error)}",
            where=model.path.name,
            hint="export with a newer opset_version",
        ) from error
    del converted.graph.value_info[:]  # of one sample; the batch axis may be opened
    for output in converted.graph.output:
        output.type.tensor_type.ClearField("shape")
    return converted
