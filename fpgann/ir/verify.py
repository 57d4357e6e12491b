# SPDX-License-Identifier: Apache-2.0
"""Check that a graph is well formed. A failure is a bug of whatever built the graph."""

from __future__ import annotations

from fpgann.errors import FpgannError, VerificationError
from fpgann.ir.graph import Graph


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

    def fail(message: str, where: str) -> None:
        raise VerificationError(f"after {after}: {message}", where=where, hint="this is a bug of fpgann, please report it")

    defined = {value.name for value in graph.inputs}
    names: set[str] = set()
    for node in graph.nodes:
        where = f"node '{node.name}' ({node.op.name})"
        if node.name in names:
            fail("its name is taken", where)
        names.add(node.name)
        missing = [name for name in node.inputs if name not in defined]
        if missing:
            fail(f"reads '{missing[0]}' before it is defined", where)
        if node.op.inputs >= 0 and len(node.inputs) != node.op.inputs:
            fail(f"reads {len(node.inputs)} values, not {node.op.inputs}", where)
        try:
            inferred = node.op.infer(tuple(graph.types[name] for name in node.inputs))
        except FpgannError as error:
            fail(error.message, where)
        for name, type_ in zip(node.outputs, inferred, strict=True):
            if name in defined:
                fail(f"defines '{name}' again", where)
            if graph.types[name] != type_:
                fail(f"'{name}' is {graph.types[name]} but the operator yields {type_}", where)
            defined.add(name)
    for delivered, name in graph.outputs.items():
        if name not in defined:
            fail(f"value '{name}' is never defined", f"output '{delivered}'")
    return graph
