# SPDX-License-Identifier: Apache-2.0
"""The graph of a model: every value defined once, nodes in order, nodes as the standard has them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import onnx

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS, first_line

OLDEST_OPSET = 6
_REEXPORT = "export the model again"


def check_opset(proto: onnx.ModelProto) -> int:
    """The version of the standard operators.

    Raises:
        MalformedModelError: it is missing.
        UnsupportedOperatorError: it is older or newer than what can be read.
    """
    versions = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions:
        raise MalformedModelError("it does not say which ONNX opset it uses", hint=_REEXPORT)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= versions[0] <= newest:
        raise UnsupportedOperatorError(
            f"its opset is {versions[0]}, and {OLDEST_OPSET} to {newest} can be read",
            hint="export with another opset_version, 17 for instance",
        )
    return int(versions[0])


def check_names(graph: onnx.GraphProto, *, only_constants: bool = False) -> None:
    """Every value is defined once, and there is something to compute.

    Args:
        graph: the graph.
        only_constants: it need not have inputs.

    Raises:
        MalformedModelError: it is not so.
    """
    if not graph.output:
        raise MalformedModelError("the graph has no outputs", hint=_REEXPORT)
    initializers = [tensor.name for tensor in graph.initializer]
    inputs = [value.name for value in graph.input]
    if set(inputs) <= set(initializers) and not only_constants:
        raise MalformedModelError("the graph has no inputs, only constants", hint="export it with its inputs")
    results = [name for node in graph.node for name in node.output if name]
    defined = list(dict.fromkeys([*inputs, *initializers])) + results
    for kind, names in (
        ("inputs", inputs),
        ("initializers", initializers),
        ("values", defined),
        ("outputs", [value.name for value in graph.output]),
    ):
        taken: set[str] = set()
        for name in names:
            if name in taken:
                raise MalformedModelError(f"two {kind} are called '{name}'", hint=_REEXPORT)
            taken.add(name)
        if "" in taken:
            raise MalformedModelError(f"one of the {kind} has no name", hint=_REEXPORT)
    missing = [value.name for value in graph.output if value.name not in set(defined)]
    if missing:
        raise MalformedModelError(f"nothing computes output '{missing[0]}'", hint=_REEXPORT)


def sort_nodes(graph: onnx.GraphProto) -> None:
    """Bring nodes into an order in which every value is computed before it is read; keep it where it is one.

    Raises:
        MalformedModelError: there is no such order, or a value is never computed.
    """
    sources = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    waiting: list[set[int]] = []
    readers: list[list[int]] = [[] for _ in graph.node]
    for i, node in enumerate(graph.node):
        needed = _reads(node) - sources
        unknown = sorted(needed - producer.keys())
        if unknown:
            raise MalformedModelError(
                f"it reads '{unknown[0]}', which nothing defines", where=node_name(node), hint=_REEXPORT
            )
        waiting.append({producer[name] for name in needed})
        for j in waiting[i]:
            readers[j].append(i)
    ready = [i for i, others in enumerate(waiting) if not others]
    order: list[int] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(i)
        for j in readers[i]:
            waiting[j].discard(i)
            if not waiting[j]:
                heapq.heappush(ready, j)
    if len(order) < len(graph.node):
        cycle = [node_name(graph.node[i]) for i in _cycle(waiting)]
        raise MalformedModelError(
            f"{', '.join(cycle[:3])}{' ...' if len(cycle) > 3 else ''} depend on each other in a cycle",
            hint="unroll the loop before exporting",
        )
    if order != sorted(order):
        nodes = [graph.node[i] for i in order]
        copies = onnx.GraphProto(node=nodes)
        del graph.node[:]
        graph.node.extend(copies.node)


def check_nodes(graph: onnx.GraphProto, opset: int) -> None:
    """Operands and attributes of standard operators are as the standard has them.

    Nodes with graphs inside are left out, for the checker would need to know what surrounds them; so are
    nodes with empty operands, which exporters write before the standard allows it (Resize, for instance), and
    deprecated ones, which the checker refuses although they have a meaning (GroupNormalization-18).

    Raises:
        MalformedModelError: a node has too many or too few of them, or of a wrong type.
    """
    context = onnx.checker.C.CheckerContext()
    context.ir_version = onnx.IR_VERSION
    context.opset_imports = {"": opset}
    for node in graph.node:
        nested = any(list(_graphs(attribute)) for attribute in node.attribute)
        standard = node.domain in ("", "ai.onnx") and onnx.defs.has(node.op_type, "")
        if nested or not standard or "" in node.input or _is_deprecated(node.op_type, opset):
            continue
        try:
            onnx.checker.check_node(node, context)
        except LIBRARY_ERRORS as error:
            raise MalformedModelError(
                f"it breaks the ONNX standard: {first_line(error)}",
                where=node_name(node),
                hint=f"check the exporter, or the opset ({opset}) that the file declares",
            ) from error


def _is_deprecated(op_type: str, opset: int) -> bool:
    return bool(onnx.defs.has(op_type, opset, "") and onnx.defs.get_schema(op_type, opset, "").deprecated)


def node_name(node: onnx.NodeProto) -> str:
    """What to call a node in a message."""
    return f"node '{node.name or next(iter(node.output), '')}' ({node.op_type})"


def _reads(node: onnx.NodeProto) -> set[str]:
    """Names of the values that a node reads, by its subgraphs too."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in _graphs(attribute):
            inside = {v.name for v in graph.input} | {t.name for t in graph.initializer}
            inside.update(name for inner in graph.node for name in inner.output)
            for inner in graph.node:
                names |= _reads(inner) - inside
    return names


def _graphs(attribute: onnx.AttributeProto) -> Iterable[onnx.GraphProto]:
    return ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)


def _cycle(waiting: list[set[int]]) -> list[int]:
    """Nodes that wait for each other."""
    node = next(i for i, others in enumerate(waiting) if others)
    path: list[int] = []
    while node not in path:
        path.append(node)
        node = min(waiting[node])
    return path[path.index(node) :]
