# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers, scans and loops: the body runs step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fpgann.ir import Graph
from fpgann.ir.ops.recurrence import Recurrence
from fpgann.numerics.integers import FloatArray

Trace = dict[str, FloatArray]
Run = Callable[[Graph, Mapping[str, FloatArray]], Trace]


def run_steps(op: Recurrence, operands: tuple[FloatArray, ...], run: Run) -> tuple[tuple[FloatArray, ...], Trace]:
    """Run all steps.

    Args:
        op: the recurrence.
        operands: float64 of shape (samples, *shape).
        run: evaluates the body.

    Returns:
        The results, and every value of the body in all steps, its axis 0 holding the samples of one step after
        another. Those of a state start before the first step and end behind the last one.
    """
    names = [value.name for value in op.body.inputs]
    states, scanned = list(operands[: op.states]), operands[op.states : op.states + op.scanned]
    parameters = operands[op.states + op.scanned :]
    seen: dict[str, list[FloatArray]] = {}
    stacks: list[list[FloatArray]] = [[] for _ in op.results[op.states :]]
    for step in range(op.steps):
        fed = [*states, *(array[:, step] for array in scanned), *parameters]
        values = run(op.body, dict(zip(names, fed, strict=True)))
        for name, array in values.items():
            seen.setdefault(name, []).append(array)
        states = [values[name] for name in op.results[: op.states]]
        for stack, name in zip(stacks, op.results[op.states :], strict=True):
            stack.append(values[name])
    for name, array in zip(op.state_inputs, states, strict=True):
        seen[name].append(array)
    trace = {name: np.concatenate(arrays) for name, arrays in seen.items()}
    return (*states, *(np.stack(stack, axis=1) for stack in stacks)), trace
