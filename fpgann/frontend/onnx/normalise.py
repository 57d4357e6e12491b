# SPDX-License-Identifier: Apache-2.0
"""Bring a model into the form that the importers know."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import prod

import numpy as np
import onnx
import onnx_ir
import onnx_ir.passes.common as passes

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.channels_first import CHANNELS_LAST, with_channels_first
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS, first_line
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.schemas import quantizer_schemas
from fpgann.frontend.onnx.tables import QONNX

_LOG = logging.getLogger(__name__)
_MAX_FOLDED_BY_OPTIMIZER = 4096
_QUANTIZERS = frozenset({"Quant", "IntQuant", "BipolarQuant", "Trunc", "FloatQuant"})
_QUANTIZER_DOMAINS = frozenset({QONNX, CHANNELS_LAST, "onnx.brevitas", "finn.custom_op.general"})


def normalise(model: OnnxModel) -> onnx_ir.Model:
    """Constants as initialisers, input shapes fixed, shapes of all else forgotten, nothing unused.

    Raises:
        MalformedModelError: onnx-ir cannot represent the model.
    """
    try:
        normalised = onnx_ir.from_proto(with_channels_first(model.proto))
        _rename_quantizers(normalised)
        _pin_shapes(normalised, {port.name: port.shape for port in model.inputs})
        passes.RemoveInitializersFromInputsPass()(normalised)
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(normalised)
        passes.RemoveUnusedNodesPass()(normalised)
    except LIBRARY_ERRORS as error:
        raise MalformedModelError(
            f"onnx-ir cannot read the graph: {first_line(error)}",
            where=model.path.name,
            hint="check the file with onnx.checker and export it again",
        ) from error
    return normalised


def optimise(model: OnnxModel) -> onnx_ir.Model | None:
    """The normalised model after the onnxscript optimizer: conditions decided, sizes computed.

    Only integers and conditions are folded here; the import folds real numbers, in float64.

    Returns:
        None if the optimizer fails on the model; the log says why.
    """
    from onnxscript.optimizer import fold_constants_ir

    normalised = normalise(model)
    try:
        for _ in range(3):
            with quantizer_schemas(), np.errstate(all="ignore"):
                result = fold_constants_ir(normalised, onnx_shape_inference=True, should_fold=_is_small_integer)
            passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(normalised)
            passes.RemoveUnusedNodesPass()(normalised)
            if not result.modified:
                break
    except LIBRARY_ERRORS as error:
        _LOG.warning("%s: the onnxscript optimizer fails, going on without it: %s", model.path.name, first_line(error))
        return None
    return normalised


def inferred_shapes(model: onnx_ir.Model) -> Mapping[str, tuple[int, ...]]:
    """Shapes that ONNX's shape inference finds, for values whose nodes cannot be imported."""
    try:
        with quantizer_schemas():
            proto = onnx.shape_inference.infer_shapes(onnx_ir.to_proto(model), data_prop=True)
    except LIBRARY_ERRORS as error:
        _LOG.info("shape inference fails: %s", first_line(error))
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for value in [*proto.graph.value_info, *proto.graph.output]:
        tensor = value.type.tensor_type
        sizes = [dim.dim_value for dim in tensor.shape.dim]
        if tensor.HasField("shape") and all(size > 0 for size in sizes):
            found[value.name] = tuple(sizes)
    return found


def is_quantizer(node: onnx_ir.Node) -> bool:
    """Whether a node is a quantizer of QONNX, in any of the domains that exporters gave it."""
    return node.op_type in _QUANTIZERS and node.domain in _QUANTIZER_DOMAINS


def _rename_quantizers(model: onnx_ir.Model) -> None:
    """One domain for the quantizers, whatever the exporter called it, and an opset for it."""
    for node in model.graph.all_nodes():
        if is_quantizer(node):
            node.domain = QONNX
            model.opset_imports[QONNX] = 1


def _pin_shapes(model: onnx_ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Inputs get the shapes they will have; what the exporter noted elsewhere may be stale."""
    for node in model.graph.all_nodes():
        for value in node.outputs:
            value.shape = None
    for value in model.graph.inputs:
        if value.name is not None and value.name in shapes:
            value.shape = onnx_ir.Shape(shapes[value.name])


def _is_small_integer(node: onnx_ir.Node) -> bool:
    """Whether the optimizer may evaluate a node on constants."""
    for value in node.outputs:
        if value.dtype is None or value.dtype.is_floating_point() or value.shape is None:
            return False
        sizes = [size for size in value.shape if isinstance(size, int)]
        if len(sizes) < len(value.shape) or prod(sizes) > _MAX_FOLDED_BY_OPTIMIZER:
            return False
    return True
