# SPDX-License-Identifier: Apache-2.0
"""Cut a netlist into pipeline stages by inserting registers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.kernel.netlist import Netlist, NetlistBuilder, Opcode
from fpgann.numerics.interval import CodeRange

_LEVELS = {
    Opcode.ADD: 1,
    Opcode.ADD3: 1,
    Opcode.CLAMP: 1,
    Opcode.AT_LEAST: 1,
    Opcode.EVEN_SHIFT: 1,
    Opcode.MULTIPLY: 2,
    Opcode.MAXIMUM: 1,
    Opcode.MINIMUM: 1,
    Opcode.NOT_BELOW: 1,
}


@dataclass(frozen=True)
class PipelinedNetlist:
    """A netlist with registers.

    Args:
        netlist: the netlist; all paths from inputs to outputs cross `latency_cycles` registers.
        latency_cycles: clock cycles from input to output, at least 1.
    """

    netlist: Netlist
    latency_cycles: int


def own_times(netlist: Netlist) -> list[int]:
    """Adders (or comparators) in a row within each node."""
    second = np.maximum(netlist.b, 0)
    wires = (netlist.opcode == Opcode.ADD) & (netlist.opcode[second] == Opcode.CONSTANT)
    wires &= netlist.immediate[second] == 0
    return [
        0 if wired else _LEVELS.get(Opcode(opcode), 0)
        for opcode, wired in zip(netlist.opcode.tolist(), wires.tolist(), strict=True)
    ]


def levels(netlist: Netlist) -> list[int]:
    """Adders (or comparators) on the longest path that ends in each node; wires and constants count nothing."""
    depth: list[int] = []
    columns = (netlist.a, netlist.b, netlist.c)
    for own, a, b, c in zip(own_times(netlist), *(column.tolist() for column in columns), strict=True):
        depth.append(own + max((depth[n] for n in (a, b, c) if n >= 0), default=0))
    return depth


def levels_in_stage(netlist: Netlist) -> list[int]:
    """The same from the registers of a registered netlist on."""
    depth: list[int] = []
    columns = (netlist.opcode, netlist.a, netlist.b, netlist.c)
    for own, opcode, a, b, c in zip(own_times(netlist), *(column.tolist() for column in columns), strict=True):
        before = max((depth[n] for n in (a, b, c) if n >= 0), default=0)
        depth.append(0 if opcode == Opcode.REGISTER else before + own)
    return depth


def first_times(netlist: Netlist) -> list[int]:
    """The earliest time of each node: adders before it on the longest path; -1 of inputs and constants."""
    return [level - 1 for level in levels(netlist)]


def pipeline(netlist: Netlist, levels_per_stage: int, times: list[int] | None = None) -> PipelinedNetlist:
    """Insert registers so that at most `levels_per_stage` adders lie between two of them.

    Every output leaves through a register, all after the same number of cycles.

    Args:
        netlist: a netlist without registers.
        levels_per_stage: adders or comparators in a row per clock cycle, at least 1.
        times: of each node, `levels_per_stage` in a stage; by default the earliest.
    """
    stage = [max(0, time) // levels_per_stage for time in (first_times(netlist) if times is None else times)]
    last = max((stage[int(n)] for n in netlist.outputs), default=0)
    builder = NetlistBuilder([netlist.range(i) for i in range(netlist.inputs)])
    at: dict[tuple[int, int], int] = {}  # (old node, stage) -> new node

    def value_at(node: int, wanted: int) -> int:
        have = stage[node]
        while (node, wanted) not in at:
            back = wanted
            while back > have and (node, back) not in at:
                back -= 1
            at[node, back + 1] = builder.register(at[node, back])
        return at[node, wanted]

    for node in range(len(netlist)):
        at[node, stage[node]] = _copy(
            netlist, node, builder, [value_at(n, stage[node]) for n in _operands(netlist, node)]
        )
    outputs = [builder.register(value_at(int(n), last)) for n in netlist.outputs]
    return PipelinedNetlist(builder.build(outputs), last + 1)


def _operands(netlist: Netlist, node: int) -> list[int]:
    return [int(n) for n in (netlist.a[node], netlist.b[node], netlist.c[node]) if n >= 0]


def _copy(netlist: Netlist, node: int, builder: NetlistBuilder, operands: list[int]) -> int:
    opcode, codes = Opcode(int(netlist.opcode[node])), netlist.range(node)
    shift = int(netlist.shift[node])
    match opcode:
        case Opcode.INPUT:
            return builder.input(shift)
        case Opcode.CONSTANT:
            return builder.constant(int(netlist.immediate[node]))
        case Opcode.ADD:
            return builder.add(
                *operands,
                shift_a=shift,
                shift_b=int(netlist.shift_b[node]),
                subtract=bool(netlist.sign[node] < 0),
                codes=codes,
            )
        case Opcode.ADD3:
            first, second, third = operands
            return builder.add3(
                (first, second, third),
                (shift, int(netlist.shift_b[node]), int(netlist.shift_c[node])),
                (int(netlist.sign[node]), int(netlist.sign_c[node])),
                codes,
            )
        case Opcode.FLOOR_SHIFT:
            return builder.floor_shift(operands[0], shift)
        case Opcode.EVEN_SHIFT:
            return builder.even_shift(operands[0], shift)
        case Opcode.BIT:
            return builder.bit(operands[0], shift)
        case Opcode.CLAMP:
            return builder.clamp(operands[0], int(netlist.immediate[node]), int(netlist.immediate_b[node]))
        case Opcode.AT_LEAST:
            return builder.at_least(operands[0], int(netlist.immediate[node]))
        case Opcode.REGISTER:
            raise ValueError("the netlist is pipelined already")
        case _:
            return _copy_choice(builder, opcode, operands, codes)


def _copy_choice(builder: NetlistBuilder, opcode: Opcode, operands: list[int], codes: CodeRange) -> int:
    match opcode:
        case Opcode.MULTIPLY:
            return builder.multiply(*operands, codes=codes)
        case Opcode.MAXIMUM | Opcode.MINIMUM:
            return builder.extreme(*operands, greatest=opcode is Opcode.MAXIMUM)
        case Opcode.NOT_BELOW:
            return builder.not_below(*operands)
        case _:
            return builder.choose(*operands)


def register_bits(netlist: Netlist) -> int:
    """Flip-flops of a pipelined netlist."""
    nodes = np.flatnonzero(netlist.opcode == Opcode.REGISTER)
    return sum(CodeRange(int(netlist.low[n]), int(netlist.high[n])).width_bits for n in nodes)
