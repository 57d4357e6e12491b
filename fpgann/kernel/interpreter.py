# SPDX-License-Identifier: Apache-2.0
"""What a netlist computes: evaluation on codes, and the linear forms of its outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fpgann.kernel.netlist import LINEAR, Netlist, Opcode
from fpgann.numerics.integers import IntArray, fits_int64, magnitude

_OF_TWO: dict[Opcode, Callable[..., IntArray]] = {
    Opcode.MULTIPLY: np.multiply,
    Opcode.MAXIMUM: np.maximum,
    Opcode.MINIMUM: np.minimum,
    Opcode.NOT_BELOW: np.greater_equal,
}


def evaluate(netlist: Netlist, inputs: IntArray) -> IntArray:  # noqa: C901 (one case an operation)
    """Run a netlist; registers are transparent.

    Args:
        netlist: the netlist.
        inputs: codes, shape (samples, inputs).

    Returns:
        Codes, shape (samples, outputs).
    """
    wide = not fits_int64(max(magnitude(netlist.low), magnitude(netlist.high)))
    kind = object if wide else np.int64
    values: list[IntArray] = []
    columns = inputs.astype(kind)
    rows = zip(
        *(
            array.tolist()
            for array in (
                netlist.opcode,
                netlist.a,
                netlist.b,
                netlist.c,
                netlist.shift,
                netlist.shift_b,
                netlist.shift_c,
                netlist.sign,
                netlist.sign_c,
            )
        ),
        netlist.immediate,
        netlist.immediate_b,
        strict=True,
    )
    for opcode, a, b, c, shift, shift_b, shift_c, sign, sign_c, immediate, immediate_b in rows:
        match opcode:
            case Opcode.INPUT:
                result = columns[:, shift]
            case Opcode.CONSTANT:
                result = np.full(len(columns), immediate, kind)
            case Opcode.ADD:
                result = (values[a] << shift) + sign * (values[b] << shift_b)
            case Opcode.ADD3:
                result = (values[a] << shift) + sign * (values[b] << shift_b) + sign_c * (values[c] << shift_c)
            case Opcode.FLOOR_SHIFT:
                result = values[a] // (1 << shift) if wide else values[a] >> min(shift, 63)
            case Opcode.EVEN_SHIFT:
                result = values[a] // (1 << shift)
                result = result - ((values[a] % (1 << shift) == 0) & (result % 2 != 0))
            case Opcode.BIT:
                result = (values[a] // (1 << shift)) % 2 if wide else (values[a] >> min(shift, 63)) & 1
            case Opcode.CLAMP:
                result = np.clip(values[a], immediate, immediate_b)
            case Opcode.AT_LEAST:
                result = (values[a] >= immediate).astype(kind)
            case Opcode.CHOOSE:
                result = np.where(values[a] != 0, values[b], values[c])
            case Opcode.REGISTER:
                result = values[a]
            case _:
                result = _OF_TWO[Opcode(opcode)](values[a], values[b]).astype(kind)
        values.append(result)
    if len(netlist.outputs) == 0:
        return np.zeros((len(columns), 0), np.int64)
    return np.stack([values[i] for i in netlist.outputs], axis=1)


def linear_form(netlist: Netlist, blocks: int = 1) -> tuple[IntArray, IntArray] | None:
    """Each output as constant + coefficients @ inputs of its block, or None if some operation is not linear.

    A netlist of linear operations is an affine map, so its values at zero and at the unit vectors are its exact
    symbolic form. Blocks whose outputs provably see no other's inputs are probed all at once.

    Args:
        netlist: its inputs and outputs are those of the blocks, one after another.
        blocks: how many equal parts there are.

    Returns:
        Coefficients, shape (inputs of a block, outputs), and constants, shape (outputs,); None also where an output
        depends on another block's inputs.
    """
    if not set(netlist.opcode.tolist()) <= {int(o) for o in LINEAR}:
        return None
    if blocks > 1 and not _are_apart(netlist, blocks):
        return None
    inputs = netlist.inputs // blocks
    points = np.concatenate([np.zeros((1, inputs), np.int64), np.eye(inputs, dtype=np.int64)])
    results = evaluate(netlist, np.tile(points, (1, blocks)))
    return results[1:] - results[0], results[0]


def _are_apart(netlist: Netlist, blocks: int) -> bool:
    """Whether no output depends on inputs of another block than its own."""
    inputs, outputs = netlist.inputs // blocks, len(netlist.outputs) // blocks
    none, mixed = -1, -2
    block: list[int] = []
    for opcode, element, *operands in zip(
        *(a.tolist() for a in (netlist.opcode, netlist.shift, netlist.a, netlist.b, netlist.c)), strict=True
    ):
        seen = {block[node] for node in operands if node >= 0} - {none}
        if opcode == Opcode.INPUT:
            seen = {element // inputs}
        block.append(none if not seen else seen.pop() if len(seen) == 1 else mixed)
    return all(block[node] in (none, i // outputs) for i, node in enumerate(netlist.outputs.tolist()))
