# SPDX-License-Identifier: Apache-2.0
"""Functions defined inside the model: put their nodes in the place of the calls."""

from __future__ import annotations

from typing import TypeAlias

import onnx
import onnx.inliner

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS, first_line
from fpgann.frontend.onnx.limits import MAX_DEPTH, MAX_NODES

Key: TypeAlias = tuple[str, str, str]


def inline_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without local functions.

    Raises:
        MalformedModelError: functions call themselves, unfold into too many nodes, or cannot be inlined.
    """
    if not proto.functions:
        return proto
    total = _unfolded(proto)
    if total > MAX_NODES:
        raise MalformedModelError(
            f"its functions unfold into {total} nodes, more than {MAX_NODES}",
            hint="the file is hostile or damaged; export the model without functions",
        )
    try:
        inlined = onnx.inliner.inline_local_functions(proto)
        if inlined.functions:
            inlined = onnx.inliner.inline_local_functions(proto, convert_version=True)
    except LIBRARY_ERRORS as error:
        raise MalformedModelError(
            f"its functions cannot be inlined: {first_line(error)}", hint="export the model without functions"
        ) from error
    if inlined.functions:
        names = ", ".join(f"'{function.name}'" for function in inlined.functions)
        raise MalformedModelError(
            f"functions {names} cannot be inlined",
            hint="export them with the opset of the model, or without functions",
        )
    return inlined


def _unfolded(proto: onnx.ModelProto) -> int:
    """How many nodes are left when every call is replaced by its function."""
    bodies = {_key(function): list(function.node) for function in proto.functions}
    sizes: dict[Key, int] = {}

    def size(nodes: list[onnx.NodeProto], open_calls: tuple[Key, ...]) -> int:
        total = 0
        for node in _all_nodes(nodes):
            key = (_domain(node.domain), node.op_type, node.overload)
            if key not in bodies:
                total += 1
                continue
            if key in open_calls or len(open_calls) > MAX_DEPTH:
                raise MalformedModelError(
                    f"function '{node.op_type}' calls itself, or is nested too deeply",
                    hint="export the model without functions",
                )
            if key not in sizes:
                sizes[key] = size(bodies[key], (*open_calls, key))
            total += sizes[key]
        return total

    return size(list(proto.graph.node), ())


def _all_nodes(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Nodes and the nodes of their subgraphs."""
    found = []
    for node in nodes:
        found.append(node)
        for attribute in node.attribute:
            for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                found += _all_nodes(list(graph.node))
    return found


def _key(function: onnx.FunctionProto) -> Key:
    return _domain(function.domain), function.name, function.overload


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name
