# SPDX-License-Identifier: Apache-2.0
"""Bring a model into the one form that the importers know."""

from __future__ import annotations

import onnx_ir
import onnx_ir.passes.common as passes

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.evaluate import LIBRARY_ERRORS, first_line
from fpgann.frontend.onnx.reader import OnnxModel


def normalise(model: OnnxModel) -> onnx_ir.Model:
    """Nodes in order, constants as initialisers, input shapes fixed, nothing unused.

    Raises:
        MalformedModelError: onnx-ir cannot represent the model.
    """
    try:
        graph_model = onnx_ir.from_proto(model.proto)
        pipeline = onnx_ir.passes.Sequential(
            passes.RemoveInitializersFromInputsPass(),
            passes.TopologicalSortPass(),
            passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            passes.RemoveUnusedNodesPass(),
        )
        normalised = pipeline(graph_model).model
    except LIBRARY_ERRORS as error:
        raise MalformedModelError(
            f"onnx-ir cannot read the graph: {first_line(error)}",
            where=model.path.name,
            hint="check the file with onnx.checker and re-export it",
        ) from error
    shapes = {port.name: port.shape for port in model.inputs}
    for value in normalised.graph.inputs:
        value.shape = onnx_ir.Shape(shapes[value.name or ""])
    return normalised
