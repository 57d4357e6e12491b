# SPDX-License-Identifier: Apache-2.0
"""From a checked ONNX model to the graph of real-valued operators."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir

import fpgann.frontend.onnx.ops  # noqa: F401  registers the importers
from fpgann.errors import ModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.evaluate import fold
from fpgann.frontend.onnx.normalise import normalise
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.tables import IMPORTERS, Progress, Site
from fpgann.ir import Graph, GraphBuilder, TensorType


@dataclass(frozen=True, slots=True)
class NodeSupport:
    """What becomes of one ONNX node.

    Args:
        name: the node's name, or its first output's.
        op: operator type, with its domain if it is not ONNX's own.
        supported: whether it can be built.
        built_as: how it would be built; what is wrong with it if it cannot be.
        hint: what to change in the model if it cannot be built.
    """

    name: str
    op: str
    supported: bool
    built_as: str
    hint: str = ""


def import_onnx(model: OnnxModel) -> Graph:
    """Translate a model.

    Raises:
        UnsupportedOperatorError: nodes cannot be built; the message lists them all.
    """
    graph, report = _translate(model)
    failures = [entry for entry in report if not entry.supported]
    if failures or graph is None:
        raise _refusal(failures)
    return graph


def explain(model: OnnxModel) -> list[NodeSupport]:
    """For every node, whether and how it can be built."""
    return _translate(model)[1]


def _translate(model: OnnxModel) -> tuple[Graph | None, list[NodeSupport]]:
    source = normalise(model)
    builder = GraphBuilder(model.name)
    names = {value.name for node in source.graph for value in node.outputs if value.name}
    progress = Progress(builder, dict(source.opset_imports), names)
    for port in model.inputs:
        progress.values[port.name] = builder.input(port.name, TensorType(port.shape))
    for name, value in source.graph.initializers.items():
        if value.const_value is not None:
            progress.known[name] = Known.of(value.const_value.numpy())
    report = [_import_node(node, progress) for node in source.graph]
    if any(not entry.supported for entry in report):
        return None, report
    outputs = {name: progress.values[name] for name in model.outputs}
    return builder.build(outputs), report


def _import_node(node: onnx_ir.Node, progress: Progress) -> NodeSupport:
    site = Site(node, progress)
    op = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    try:
        operands = [value.name for value in node.inputs if value is not None and value.name]
        if all(name in progress.known for name in operands):
            results = fold(site, [progress.known[v.name or ""] if v is not None else None for v in node.inputs])
            for value, known in zip(node.outputs, results, strict=False):
                progress.known[value.name or ""] = known
            return NodeSupport(site.name, op, supported=True, built_as="a constant")
        importer = IMPORTERS.get((node.domain, node.op_type))
        if importer is None:
            raise UnsupportedOperatorError("the operator is not supported yet", hint="replace it")
        importer(site)
    except ModelError as error:
        return NodeSupport(site.name, op, supported=False, built_as=error.message, hint=error.hint)
    built = ", ".join(f"{part.name} ({part.describe()})" if part.describe() else part.name for part in site.built)
    return NodeSupport(site.name, op, supported=True, built_as=built or "nothing: it hands its input on")


def _refusal(failures: list[NodeSupport]) -> UnsupportedOperatorError:
    texts = [f"node '{f.name}' ({f.op}): {f.built_as}" + (f" ({f.hint})" if f.hint else "") for f in failures]
    return UnsupportedOperatorError("; ".join(texts))
