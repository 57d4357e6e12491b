# SPDX-License-Identifier: Apache-2.0
"""Check that a graph is well formed. A failure is a bug of whatever built the graph."""

from __future__ import annotations

from typing import NoReturn

from fpgann.errors import FpgannError, VerificationError
from fpgann.ir.graph import Graph, Node
from fpgann.ir.types import TensorType


def verify(graph: Graph, after: str) -> Graph:
    """Check definitions, order, types and outputs.

    Args:
        graph: the graph.
        after: what produced it, named in the error.

    Returns:
        The same graph.

    Raises:
        VerificationError: the graph is broken; the message names the node.
    """
    defined: set[str] = set()
    for value in graph.inputs:
        where = f"input '{value.name}'"
        if value.name in defined:
            _fail("its name is taken", after, where)
        if graph.types.get(value.name) != value.type:
            _fail(f"it is {value.type} but the graph lists {graph.types.get(value.name)}", after, where)
        if value.entry is not None and value.type.encoding is None:
            _fail("real numbers need no map to codes", after, where)
        _check_range(value.type, after, where)
        defined.add(value.name)
    names: set[str] = set()
    for node in graph.nodes:
        if node.name in names:
            _fail("its name is taken", after, _describe(node))
        names.add(node.name)
        _check_node(graph, node, defined, after)
        defined.update(node.outputs)
    for delivered, name in graph.outputs.items():
        if name not in defined:
            _fail(f"value '{name}' is never defined", after, f"output '{delivered}'")
    if graph.types.keys() - defined:
        _fail("it has a type but is never defined", after, f"value '{min(graph.types.keys() - defined)}'")
    return graph


def _check_node(graph: Graph, node: Node, defined: set[str], after: str) -> None:
    where = _describe(node)
    missing = [name for name in node.inputs if name not in defined]
    if missing:
        _fail(f"reads '{missing[0]}' before it is defined", after, where)
    if node.op.inputs >= 0 and len(node.inputs) != node.op.inputs:
        _fail(f"reads {len(node.inputs)} values, not {node.op.inputs}", after, where)
    try:
        inferred = node.op.infer(tuple(graph.types[name] for name in node.inputs))
    except FpgannError as error:
        _fail(error.message, after, where)
    if len(node.outputs) != len(inferred):
        _fail(f"defines {len(node.outputs)} values, not {len(inferred)}", after, where)
    for index, (name, type_) in enumerate(zip(node.outputs, inferred, strict=True)):
        if name in defined or name in node.outputs[:index]:
            _fail(f"defines '{name}' again", after, where)
        if graph.types.get(name) != type_:
            _fail(f"'{name}' is {graph.types.get(name)} but the operator yields {type_}", after, where)
        _check_range(type_, after, where)


def _check_range(type_: TensorType, after: str, where: str) -> None:
    encoding = type_.encoding
    if encoding is not None and encoding.range.union(encoding.fixed.range) != encoding.fixed.range:
        codes = f"{encoding.range.low}..{encoding.range.high}"
        _fail(f"codes {codes} do not fit {encoding.fixed}", after, where)


def _describe(node: Node) -> str:
    return f"node '{node.name}' ({node.op.name})"


def _fail(message: str, after: str, where: str) -> NoReturn:
    hint = "this is a bug of fpgann, please report it"
    raise VerificationError(f"after {after}: {message}", where=where, hint=hint)
