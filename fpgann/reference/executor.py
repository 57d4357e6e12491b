# SPDX-License-Identifier: Apache-2.0
"""Run a graph on many samples at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

import fpgann.reference.ops  # noqa: F401  registers the evaluators
from fpgann.dispatch import StageTable
from fpgann.ir import Graph, Value
from fpgann.ir.ops.recurrence import Recurrence
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.ops.recurrence import run_steps
from fpgann.reference.tables import ON_CODES, ON_VALUES


def run_values(graph: Graph, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Evaluate a graph of real numbers in float64.

    Args:
        graph: real-valued graph.
        inputs: graph input name -> float64 of shape (samples, *shape).

    Returns:
        Every value of the graph by name, shape (samples, *shape), but windows, which repeat what is there already;
        values inside a recurrence have the samples of one step after another.
    """
    return _run(
        graph, {name: np.asarray(array, np.float64) for name, array in inputs.items()}, ON_VALUES, _windows(graph)
    )


def run_codes(graph: Graph, inputs: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Evaluate a graph of integer codes: the definition of what the hardware computes.

    Args:
        graph: graph of codes.
        inputs: graph input name -> codes of shape (samples, *shape).

    Returns:
        The codes of every value by name, int64 (object beyond 63 bits), shape (samples, *shape).
    """
    return _run(graph, dict(inputs), ON_CODES)


def encode_input(value: Value, array: FloatArray) -> IntArray:
    """Turn real numbers into the codes of a graph input, exactly as its entry map defines.

    Args:
        value: graph input with an entry map.
        array: finite float64, shape (samples, *shape).

    Returns:
        Codes of the same shape.
    """
    if value.entry is None:
        raise TypeError(f"input '{value.name}' takes real numbers")
    return value.entry.apply_floats(array)


def _run(
    graph: Graph,
    values: dict[str, IntArray],
    table: StageTable[Callable[..., IntArray]],
    transient: Mapping[str, int] | None = None,
) -> dict[str, IntArray]:
    for i, node in enumerate(graph.nodes):
        operands = tuple(values[name] for name in node.inputs)
        if isinstance(node.op, Recurrence):
            results, inside = run_steps(node.op, operands, run_values)
            values.update(inside)
            values.update(zip(node.outputs, results, strict=True))
        else:
            values[node.output] = table[type(node.op)](node.op, *operands)
        for name in node.inputs:
            if transient is not None and transient.get(name) == i:
                values.pop(name, None)
    return values


def _windows(graph: Graph) -> dict[str, int]:
    """Windows, and the same memory in another shape, with the place of the last node that reads each."""
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    found: dict[str, int] = {}
    for node in graph.nodes:
        if isinstance(node.op, Windows) or (isinstance(node.op, Reshape) and node.inputs[0] in found):
            found[node.output] = last.get(node.output, len(graph.nodes))
    return {name: i for name, i in found.items() if name not in graph.outputs.values()}
