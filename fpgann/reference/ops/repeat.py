# SPDX-License-Identifier: Apache-2.0
"""A body on codes that runs once per step."""

from __future__ import annotations

import numpy as np

from fpgann.ir.ops.repeat import Repeat
from fpgann.numerics.integers import IntArray
from fpgann.reference.tables import ON_CODES


@ON_CODES.register(Repeat)
def repeat_codes(op: Repeat, *operands: IntArray) -> IntArray:
    """Step by step, each by the definitions of its operators."""
    states, scanned = list(operands[: op.states]), operands[op.states : op.states + op.scanned]
    parameters = operands[op.states + op.scanned :]
    stack: list[IntArray] = []
    for step in range(op.steps):
        values = [*states, *(codes[:, step] for codes in scanned), *parameters]
        for inner, reads in zip(op.operators, op.reads, strict=True):
            values.append(ON_CODES[type(inner)](inner, *(values[i] for i in reads)))
        states = [values[i] for i in op.results[: op.states]]
        if op.is_stacked:
            stack.append(values[op.results[op.delivered]])
    return np.stack(stack, axis=1) if op.is_stacked else states[op.delivered]
