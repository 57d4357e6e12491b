# SPDX-License-Identifier: Apache-2.0
"""A graph as readable text (`--dump-ir`)."""

from __future__ import annotations

from fpgann.ir.graph import Graph


def to_text(graph: Graph) -> str:
    """One line per input, node and output."""
    lines = [f"graph {graph.name} {{"]
    lines += [f"  input  {value.name} : {value.type}" for value in graph.inputs]
    for node in graph.nodes:
        results = ", ".join(f"{name} : {graph.types[name]}" for name in node.outputs)
        attributes = node.op.describe()
        text = f"  {results} = {node.op.name}({', '.join(node.inputs)})"
        lines.append(f"{text} {{{attributes}}}" if attributes else text)
    lines += [f"  output {delivered} = {name}" for delivered, name in graph.outputs.items()]
    return "\n".join([*lines, "}", ""])
