# SPDX-License-Identifier: Apache-2.0
"""What the states of recurrences are behind every step, of codes that a graph has computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fpgann.ir import Encoding, Graph
from fpgann.ir.ops.recurrence import StateCodes
from fpgann.ir.ops.repeat import Repeat
from fpgann.numerics.integers import IntArray
from fpgann.reference.ops.repeat import repeat_codes


def state_codes(
    graph: Graph, codes: Mapping[str, IntArray], states: Mapping[str, StateCodes]
) -> dict[str, tuple[Encoding, IntArray]]:
    """The states of recurrences, step by step.

    Args:
        graph: graph of codes.
        codes: codes of every value of it, shape (samples, *shape).
        states: where the states are in it.

    Returns:
        For each state what its codes mean, and the codes, shape (steps, samples, *shape).
    """
    found = {}
    for name, place in states.items():
        if place.number is None:
            encoding = graph.types[place.values[0]].codes
            found[name] = encoding, np.stack([codes[value] for value in place.values])
            continue
        node = graph.producers()[place.values[0]]
        op = node.op
        assert isinstance(op, Repeat)
        told = replace(op, results=(*op.results[: op.states], op.results[place.number]), delivered=op.states)
        stack = repeat_codes(told, *(codes[operand] for operand in node.inputs))
        found[name] = op.types[place.number].codes, stack.swapaxes(0, 1)
    return found
