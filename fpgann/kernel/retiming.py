# SPDX-License-Identifier: Apache-2.0
"""Which stage computes each node, so that adders of three operands end in registers, compiled.

On AMD's devices such an adder takes one LUT a bit if a register takes its sum, else half a LUT more. Nodes have times:
adders between them, counted over all stages; a stage is so many times. Times move at random while that lowers what
loose adders cost, first also where it does not (simulated annealing, Kirkpatrick, Gelatt and Vecchi 1983).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fpgann.kernel.bit_sum import LOOSE_ADDER3
from fpgann.kernel.compiled import compiled, random_number
from fpgann.kernel.netlist import NO_NODE, Netlist, Opcode
from fpgann.kernel.pipelining import PipelinedNetlist, first_times, levels, own_times, pipeline
from fpgann.kernel.sum_cones import adder_luts
from fpgann.kernel.sum_graph import Floats, Ints

FLIP_FLOP = 0.02  # LUTs: breaks ties, and keeps chains of registers short
_ABSORBED = (0.6, 0.0)  # share of the loss of a loose adder that may join its only reader: both are tried
_SWEEPS = 400
_HOT = 4.0  # LUTs


def pipeline_for_cells(netlist: Netlist, levels_per_stage: int) -> tuple[PipelinedNetlist, float]:
    """Insert registers where they save most LUTs of AMD's devices; as many stages as `pipeline` makes.

    Args:
        netlist: a netlist without registers.
        levels_per_stage: adders or comparators in a row per clock cycle, at least 1.

    Returns:
        The netlist with registers, and what its adders take.
    """
    found = [pipeline(netlist, levels_per_stage)]
    if levels_per_stage > 1 and found[0].latency_cycles > 1:
        search = _Search(netlist, levels_per_stage)
        found += [pipeline(netlist, levels_per_stage, search.times(absorbed)) for absorbed in _ABSORBED]
    rated = [(pipelined, adder_luts(pipelined.netlist)) for pipelined in found]
    return min(rated, key=lambda pair: pair[1])


def pipeline_deep(netlist_of: Callable[[int], Netlist], levels_per_stage: int) -> PipelinedNetlist:
    """The same for a netlist whose adders may be deeper: it uses the room that its last stage leaves, if that pays.

    Args:
        netlist_of: the netlist with so many adders in a row more than it needs.
        levels_per_stage: adders or comparators in a row per clock cycle, at least 1.
    """
    netlist = netlist_of(0)
    best, luts = pipeline_for_cells(netlist, levels_per_stage)
    room = best.latency_cycles * levels_per_stage - max(levels(netlist), default=0)
    if room > 0 and best.latency_cycles > 1:
        deeper, deeper_luts = pipeline_for_cells(netlist_of(room), levels_per_stage)
        if deeper.latency_cycles == best.latency_cycles and deeper_luts < luts:
            best = deeper
    return best


class _Graph(NamedTuple):
    """A netlist as the search sees it.

    Args:
        operands: of each node, shape (nodes, 3).
        starts: first place in `readers` of each node, and their number at the end.
        readers: of all nodes.
        outputs: 1 where a node leaves.
        own: times that each node takes.
        widths: flip-flops of a register behind each node.
        loss: LUTs that each adder takes more if its sum is loose.
        last: the last stage.
        stage: times of a stage.
        absorbed: share of the loss of an adder with one reader.
    """

    operands: Ints
    starts: Ints
    readers: Ints
    outputs: Ints
    own: Ints
    widths: Floats
    loss: Floats
    last: int
    stage: int
    absorbed: float


class _Search:
    """Looks for times of the nodes of a netlist without registers."""

    def __init__(self, netlist: Netlist, per_stage: int) -> None:
        self._first = np.array(first_times(netlist), np.int64)
        operands = np.stack([netlist.a, netlist.b, netlist.c], axis=1).astype(np.int64)
        places = np.flatnonzero(operands.ravel() != NO_NODE)
        read = operands.ravel()[places]
        order = np.argsort(read, kind="stable")
        outputs = np.zeros(len(netlist), np.int64)
        outputs[netlist.outputs] = 1
        widths = np.array([netlist.range(node).width_bits for node in range(len(netlist))], np.float64)
        widths[netlist.opcode == Opcode.CONSTANT] = 0
        self._graph = _Graph(
            operands,
            np.searchsorted(read[order], np.arange(len(netlist) + 1)),
            places[order] // 3,
            outputs,
            np.array(own_times(netlist), np.int64),
            widths,
            np.where(netlist.opcode == Opcode.ADD3, (LOOSE_ADDER3 - 1.0) * (widths - _wires(netlist)), 0.0),
            int(self._first[netlist.outputs].max(initial=0)) // per_stage,
            per_stage,
            0.0,
        )

    def times(self, absorbed: float) -> list[int]:
        """The best times found for a share."""
        times = self._first.copy()
        _anneal(times, self._graph._replace(absorbed=absorbed), np.zeros(1, np.int64))
        found: list[int] = times.tolist()
        return found


def _wires(netlist: Netlist) -> Floats:
    """Low bits of adders of three operands that only the first has."""
    free: Floats = np.where(netlist.shift == 0, np.minimum(netlist.shift_b, netlist.shift_c), 0).astype(np.float64)
    return free


@compiled
def _cost(node: int, times: Ints, graph: _Graph) -> float:
    """What a node costs beyond the bits of its adder: registers, and LUTs if its sum is loose."""
    stage = max(0, times[node]) // graph.stage
    latest = graph.last + 1 if graph.outputs[node] == 1 else stage
    same = 0
    for i in range(graph.starts[node], graph.starts[node + 1]):
        reading = max(0, times[graph.readers[i]]) // graph.stage
        latest = max(latest, reading)
        same += reading == stage
    cost = FLIP_FLOP * graph.widths[node] * (latest - stage)
    if same > 0:
        alone = graph.starts[node + 1] - graph.starts[node] + graph.outputs[node] == 1
        cost += graph.loss[node] * (graph.absorbed if alone else 1.0)
    return float(cost)


@compiled
def _around(node: int, times: Ints, graph: _Graph) -> float:
    """Cost of a node and of what it reads."""
    cost = _cost(node, times, graph)
    for i in range(3):
        operand = graph.operands[node, i]
        if operand >= 0 and not (i > 0 and operand == graph.operands[node, i - 1]):
            cost += _cost(operand, times, graph)
    return cost


@compiled
def _reach(node: int, times: Ints, graph: _Graph) -> tuple[int, int]:
    """The earliest and the latest time that a node may have."""
    low, high = -1, (graph.last + 1) * graph.stage - 1
    for i in range(3):
        if graph.operands[node, i] >= 0:
            low = max(low, times[graph.operands[node, i]])
    for i in range(graph.starts[node], graph.starts[node + 1]):
        high = min(high, times[graph.readers[i]] - graph.own[graph.readers[i]])
    return low + graph.own[node], high


@compiled
def _anneal(times: Ints, graph: _Graph, random: Ints) -> None:
    """Move times of single nodes."""
    count = len(times)
    for sweep in range(_SWEEPS):
        heat = _HOT * (1.0 - (sweep + 1.0) / _SWEEPS) ** 2
        for _ in range(count):
            node = min(count - 1, int(random_number(random) * count))
            if graph.operands[node, 0] < 0:
                continue  # inputs and constants
            low, high = _reach(node, times, graph)
            chosen = low + min(high - low, int(random_number(random) * (high - low + 1)))
            if high <= low or chosen == times[node]:
                continue
            before, old = times[node], _around(node, times, graph)
            times[node] = chosen
            new = _around(node, times, graph)
            if new > old and (heat <= 0.0 or random_number(random) >= np.exp((old - new) / heat)):
                times[node] = before
