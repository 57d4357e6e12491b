# SPDX-License-Identifier: Apache-2.0
"""How the error of a recurrence's states grows from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from fpgann.ir import Encoding
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.report.measured import ErrorFigures, layer_error


class Drift(TypedDict):
    """The error of a state against the model in float64, behind each step."""

    state: str
    type: str
    steps: list[ErrorFigures]


def drifts(states: Mapping[str, tuple[Encoding, IntArray]], values: Mapping[str, FloatArray]) -> list[Drift]:
    """Compare states with the model.

    Args:
        states: what the codes of each state mean, and the codes behind each step, shape (steps, samples, *shape).
        values: float64 of every value of the graph of real numbers; a state has the samples before the first step, then
            those behind each step along axis 0.

    Returns:
        Each state whose numbers are finite in the model.
    """
    found: list[Drift] = []
    for name, (encoding, codes) in states.items():
        steps, samples = codes.shape[:2]
        real = values[name][samples:].reshape(steps, samples, -1)
        errors = [error for i in range(steps) if (error := layer_error(encoding, codes[i], real[i])) is not None]
        if len(errors) == steps:
            found.append({"state": name, "type": str(encoding.fixed), "steps": errors})
    return found
