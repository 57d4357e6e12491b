# SPDX-License-Identifier: Apache-2.0
"""The two headers of a layer: its function, and its constants."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import fpgann.codegen.hls.ops  # noqa: F401  registers the emitters
from fpgann.codegen.hls.block import signature
from fpgann.codegen.hls.literals import LINE_LENGTH, ConstantArray, type_of
from fpgann.codegen.hls.plan import Layer, Plan
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.codegen.render import render
from fpgann.errors import UnsupportedOperatorError
from fpgann.hardware.names import printable
from fpgann.ir import Graph, Node


@dataclass(frozen=True, slots=True)
class LayerView:
    """Vocabulary of templates/hls/layer.h.j2."""

    guard: str
    comments: tuple[str, ...]
    includes: tuple[str, ...]
    types: tuple[str, ...]
    functions: tuple[str, ...]
    signature: tuple[str, ...]
    body: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightsView:
    """Vocabulary of templates/hls/weights.h.j2."""

    guard: str
    layer: str
    arrays: tuple[ConstantArray, ...]


def render_layers(plan: Plan) -> dict[str, str]:
    """The headers of all layers of a plan, those of steps too.

    Raises:
        UnsupportedOperatorError: an operator has no C++.
    """
    files: dict[str, str] = {}
    for level in plan.plans:
        for layer in level.layers:
            files |= render_layer(layer, level.graph)
    return files


def render_layer(layer: Layer, graph: Graph) -> dict[str, str]:
    """The headers of a layer by path below hls/.

    Args:
        layer: the layer.
        graph: graph of codes.

    Raises:
        UnsupportedOperatorError: its operator has no C++.
    """
    node = layer.node
    emit = EMITTERS.get(type(node.op))
    if emit is None:
        where, hint = f"node '{node.name}' ({node.op.name})", "leave out --target hls: it has VHDL"
        raise UnsupportedOperatorError("it has no HLS C++ yet", where=where, hint=hint)
    writer = LayerWriter(layer, graph)
    emit(writer, node.op)
    writer.finish()
    files: dict[str, str] = {}
    includes = ["../fpgann/arithmetic.h", "../types.h"]
    if layer.body is not None:
        includes += [f"{inner.name}.h" for inner in layer.body.layers]
    if writer.constants:
        includes.append(f"../weights/{layer.name}.h")
        view = WeightsView(_guard("weights", layer), printable((node.name,)), tuple(writer.constants))
        files[f"weights/{layer.name}.h"] = render("hls/weights.h.j2", view)
    types = []
    if writer.acc_kind != layer.result.kind:
        types = [f"using {writer.acc_kind} = {type_of(writer.codes)};", ""]
    files[f"layers/{layer.name}.h"] = render(
        "hls/layer.h.j2",
        LayerView(
            guard=_guard("layers", layer),
            comments=tuple(_comments(layer, graph)),
            includes=tuple(includes),
            types=tuple(types),
            functions=tuple(writer.functions),
            signature=tuple(signature(f"inline void {layer.name}", writer.parameters, " {")),
            body=tuple(writer.code.lines),
        ),
    )
    return files


def _guard(folder: str, layer: Layer) -> str:
    return f"{folder}_{layer.name}_H".upper()


def _comments(layer: Layer, graph: Graph) -> list[str]:
    """Which nodes of the model a layer computes, and how."""
    found = [f"Layer '{printable((layer.node.name,))}' of the model."]
    for node in layer.nodes:
        found += textwrap.wrap(_described(node, graph), LINE_LENGTH - 3, subsequent_indent="  ", break_on_hyphens=False)
    schedule = layer.schedule
    if schedule.unrolled:
        found.append("Unrolled: one item a cycle.")
    elif schedule.pe:
        found.append(
            f"Folded: {schedule.pe} neurons of {schedule.simd} multipliers, {schedule.interval_cycles} cycles."
        )
    else:
        found.append(f"One item each {schedule.interval_cycles} cycles.")
    return found


def _described(node: Node, graph: Graph) -> str:
    text = "".join(c if " " <= c <= "~" else "?" for c in f"{node.op.name} {node.op.describe()}".strip())
    shape = "x".join(map(str, graph.types[node.output].shape)) or "scalar"
    return f"- '{printable((node.name,))}': {text} -> {shape}"
