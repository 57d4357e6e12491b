# SPDX-License-Identifier: Apache-2.0
"""Which stage computes each node, so that adders of three operands end in registers, compiled.

On AMD's devices such an adder takes one LUT a bit if a register takes its sum, else half a LUT more. Nodes have times:
adders between them, counted over all stages; a stage is so many times. Times move at random while that lowers what
loose adders cost, first also where it does not (simulated annealing, Kirkpatrick, Gelatt and Vecchi 1983).
"""

from __future__ import annotations

import numpy as np

from fpgann.kernel.bit_sum import LOOSE_ADDER3
from fpgann.kernel.compiled import compiled, random_number
from fpgann.kernel.netlist import NO_NODE, Netlist, Opcode
from fpgann.kernel.sum_graph import Floats, Ints

FLIP_FLOP = 0.02  # LUTs: breaks ties, and keeps chains of registers short
_SHARED = 1.0  # share of the loss of an adder that several read in its stage ...
_ABSORBED = 0.0  # ... and of one that may join its only reader
_SWEEPS = 400
_HOT = 4.0  # LUTs


def retime(netlist: Netlist, times: list[int], own: list[int], per_stage: int) -> list[int]:
    """Better times for the nodes of a netlist without registers.

    Args:
        netlist: the netlist.
        times: of each node: the first possible; -1 of inputs and constants.
        own: times that each node takes.
        per_stage: times of a stage.

    Returns:
        Times with which the netlist has as many stages.
    """
    operands = np.stack([netlist.a, netlist.b, netlist.c], axis=1).astype(np.int64)
    readers = np.flatnonzero(operands.ravel() != NO_NODE)
    read = operands.ravel()[readers]
    order = np.argsort(read, kind="stable")
    starts = np.searchsorted(read[order], np.arange(len(netlist) + 1))
    outputs = np.zeros(len(netlist), np.int64)
    outputs[netlist.outputs] = 1
    widths = np.array([netlist.range(node).width_bits for node in range(len(netlist))], np.float64)
    widths[netlist.opcode == Opcode.CONSTANT] = 0
    loss = np.where(netlist.opcode == Opcode.ADD3, (LOOSE_ADDER3 - 1.0) * (widths - _wires(netlist)), 0.0)
    state = np.array(times, np.int64)
    last = max((times[int(n)] for n in netlist.outputs), default=0) // per_stage
    graph = (operands, starts, readers[order] // 3, outputs, np.array(own, np.int64))
    best = state
    least = _total(state, *graph[1:4], widths, loss, per_stage, last)
    for seed in range(2):
        trial = state.copy()
        _anneal(trial, *graph, widths, loss, per_stage, last, np.array([seed], np.int64))
        cost = _total(trial, *graph[1:4], widths, loss, per_stage, last)
        if cost < least:
            best, least = trial, cost
    found: list[int] = best.tolist()
    return found


def _wires(netlist: Netlist) -> Floats:
    """Low bits of adders of three operands that only the first has."""
    free: Floats = np.where(netlist.shift == 0, np.minimum(netlist.shift_b, netlist.shift_c), 0).astype(np.float64)
    return free


@compiled
def _cost(
    node: int, times: Ints, starts: Ints, readers: Ints, outputs: Ints, widths: Floats, loss: Floats, per: int, last: int
) -> float:
    """What a node costs beyond the bits of its adder: registers, and LUTs if its sum is loose."""
    stage = max(0, times[node]) // per
    latest = last + 1 if outputs[node] == 1 else stage
    same = 0
    for i in range(starts[node], starts[node + 1]):
        reading = max(0, times[readers[i]]) // per
        latest = max(latest, reading)
        same += reading == stage
    cost = FLIP_FLOP * widths[node] * (latest - stage)
    if same > 0:
        alone = starts[node + 1] - starts[node] + outputs[node] == 1
        cost += loss[node] * (_ABSORBED if alone else _SHARED)
    return float(cost)


@compiled
def _total(
    times: Ints, starts: Ints, readers: Ints, outputs: Ints, widths: Floats, loss: Floats, per: int, last: int
) -> float:
    total = 0.0
    for node in range(len(times)):
        total += _cost(node, times, starts, readers, outputs, widths, loss, per, last)
    return total


@compiled
def _anneal(
    times: Ints,
    operands: Ints,
    starts: Ints,
    readers: Ints,
    outputs: Ints,
    own: Ints,
    widths: Floats,
    loss: Floats,
    per: int,
    last: int,
    random: Ints,
) -> None:
    """Move times of single nodes."""
    count = len(times)
    for sweep in range(_SWEEPS):
        heat = _HOT * (1.0 - (sweep + 1.0) / _SWEEPS) ** 2
        for _ in range(count):
            node = min(count - 1, int(random_number(random) * count))
            if operands[node, 0] < 0:
                continue  # inputs and constants
            low, high = -1, (last + 1) * per - 1
            for i in range(3):
                if operands[node, i] >= 0:
                    low = max(low, times[operands[node, i]])
            low += own[node]
            for i in range(starts[node], starts[node + 1]):
                high = min(high, times[readers[i]] - own[readers[i]])
            if high <= low:
                continue
            before = times[node]
            chosen = low + min(high - low, int(random_number(random) * (high - low + 1)))
            if chosen == before:
                continue
            old = _around(node, times, operands, starts, readers, outputs, widths, loss, per, last)
            times[node] = chosen
            new = _around(node, times, operands, starts, readers, outputs, widths, loss, per, last)
            if new > old and (heat <= 0.0 or random_number(random) >= np.exp((old - new) / heat)):
                times[node] = before


@compiled
def _around(
    node: int,
    times: Ints,
    operands: Ints,
    starts: Ints,
    readers: Ints,
    outputs: Ints,
    widths: Floats,
    loss: Floats,
    per: int,
    last: int,
) -> float:
    """Cost of a node and of what it reads."""
    cost = _cost(node, times, starts, readers, outputs, widths, loss, per, last)
    for i in range(3):
        operand = operands[node, i]
        if operand >= 0 and not (i > 0 and operand == operands[node, 0]) and not (i > 1 and operand == operands[node, 1]):
            cost += _cost(operand, times, starts, readers, outputs, widths, loss, per, last)
    return cost
