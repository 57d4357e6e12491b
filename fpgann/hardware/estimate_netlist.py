# SPDX-License-Identifier: Apache-2.0
"""What an unrolled kernel consists of, bit by bit: carry chains, logic, registers, shift registers, multipliers.

Computed from the netlist alone, as arrays. Each bit of each node gets an *origin*: the node and bit that computes it,
and the registers since. Bits of a sum below the reach of its second operand are wires and keep the origin of the
first operand's bit; so registers that synthesis merges, because they hold the same bit, are counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from fpgann.hardware.estimate_fabric import Fabric, Multiplier
from fpgann.kernel.netlist import NO_NODE, Netlist, Opcode
from fpgann.kernel.sum_cones import sum_cones

Bits = npt.NDArray[np.int64]
_DELAYS = 4096  # an origin is (node * width + bit) * _DELAYS + registers passed
_LOW = -1  # the constant 0


@dataclass(frozen=True, slots=True)
class NetlistAmounts:
    """Amounts of what a netlist consists of.

    Args:
        logic: bits by kind, for the coefficients of the calibration.
        ff: flip-flops.
        srl: LUTs that are shift registers.
        dsp: multiplier blocks.
    """

    logic: Counter[str]
    ff: int
    srl: int
    dsp: int


def netlist_amounts(netlist: Netlist, fabrics: Sequence[Fabric], *, names_cells: bool = False) -> list[NetlistAmounts]:
    """Count what synthesis makes of a registered netlist, for each of some families.

    Args:
        netlist: the netlist.
        fabrics: the families.
        names_cells: whether sums are written as LUTs and carry cells where that takes fewer.
    """
    shape = _Shape(netlist)
    origins = _origins(shape)
    registers = {longest: _registers(shape, origins, longest) for longest in {f.shift_register_bits for f in fabrics}}
    found = []
    for fabric in fabrics:
        logic, dsp = _logic(shape, fabric, names_cells=names_cells)
        ff, srl = registers[fabric.shift_register_bits]
        if fabric.packs_registers and fabric.multiplier is not None:
            ff -= _packed_registers(shape, fabric.multiplier)
        found.append(NetlistAmounts(logic, ff, srl, dsp))
    return found


class _Shape:
    """Columns of a netlist as int64 arrays, with widths, ranks, wires and live bits."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.opcode = netlist.opcode.astype(np.int64)
        self.operands = np.stack([netlist.a, netlist.b, netlist.c]).astype(np.int64)
        self.shifts = np.stack([netlist.shift, netlist.shift_b, netlist.shift_c]).astype(np.int64)
        bit_length = np.frompyfunc(lambda v: (int(v) if v >= 0 else -int(v) - 1).bit_length(), 1, 1)
        high, low = bit_length(netlist.high).astype(np.int64), bit_length(netlist.low).astype(np.int64)
        self.signed = (netlist.low < 0).astype(bool)
        self.width = np.where(self.signed, np.maximum(high, low) + 1, np.maximum(1, high))
        self.rank = _ranks(self.operands)
        self.zeros = np.array([_trailing_zeros(v) for v in netlist.immediate.tolist()], np.int64)
        self.wires, self.wired = _wires(self)
        self.lowest = _lowest_live(self)

    def __len__(self) -> int:
        return len(self.opcode)

    def by_rank(self) -> list[Bits]:
        """Nodes of each rank, ascending."""
        order = np.argsort(self.rank, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.rank[order])) + 1)

    def of(self, *opcodes: Opcode) -> npt.NDArray[np.bool_]:
        """Which nodes are of one of some kinds."""
        return np.isin(self.opcode, opcodes)


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1 if value else 62


def _ranks(operands: Bits) -> Bits:
    rank = [0] * operands.shape[1]
    for node, (a, b, c) in enumerate(operands.T.tolist()):
        if a >= 0:
            best = rank[a]
            if b >= 0 and rank[b] > best:
                best = rank[b]
            if c >= 0 and rank[c] > best:
                best = rank[c]
            rank[node] = best + 1
    return np.array(rank, np.int64)


def _wires(shape: _Shape) -> tuple[Bits, Bits]:
    """For sums: how many low bits are those of one operand, and which operand that is."""
    count, chosen = np.zeros(len(shape), np.int64), np.zeros(len(shape), np.int64)
    sums = np.flatnonzero(shape.of(Opcode.ADD, Opcode.ADD3))
    if not len(sums):
        return count, chosen
    signs = np.stack([np.ones(len(sums)), shape.netlist.sign[sums], shape.netlist.sign_c[sums]])
    operands = shape.operands[:, sums]
    constant = (shape.opcode[np.maximum(operands, 0)] == Opcode.CONSTANT) & (operands != NO_NODE)
    starts = shape.shifts[:, sums] + np.where(constant, shape.zeros[np.maximum(operands, 0)], 0)
    starts = np.where(operands == NO_NODE, 1 << 20, starts)
    order = np.argsort(starts, axis=0, kind="stable")
    first, second = order[0], order[1]
    column = np.arange(len(sums))
    gap = starts[second, column]
    # a subtracted operand below all others needs the borrow from its first bit on
    usable = signs[first, column] > 0
    count[sums] = np.where(usable, np.minimum(gap, shape.width[sums]), np.minimum(starts[first, column], 1 << 10))
    chosen[sums] = first
    return count, chosen


def _lowest_live(shape: _Shape) -> Bits:
    """The lowest bit of each node that something reads."""
    never = 1 << 20
    lowest = np.full(len(shape), never, np.int64)
    np.minimum.at(lowest, shape.netlist.outputs, 0)
    for nodes in reversed(shape.by_rank()):
        for place in range(3):
            readers = nodes[shape.operands[place, nodes] != NO_NODE]
            readers = readers[lowest[readers] < never]
            if not len(readers):
                continue
            opcode, low = shape.opcode[readers], lowest[readers]
            needed = np.zeros(len(readers), np.int64)
            wired = np.isin(opcode, (Opcode.ADD, Opcode.ADD3)) & (shape.wired[readers] == place)
            below = np.minimum(low, shape.wires[readers]) - shape.shifts[place, readers]
            needed = np.where(wired, np.maximum(0, below), needed)
            needed = np.where(opcode == Opcode.REGISTER, low, needed)
            needed = np.where(opcode == Opcode.FLOOR_SHIFT, low + shape.shifts[0, readers], needed)
            needed = np.where(opcode == Opcode.BIT, shape.shifts[0, readers], needed)
            np.minimum.at(lowest, shape.operands[place, readers], needed)
    found: Bits = np.minimum(lowest, shape.width)
    return found


def _origins(shape: _Shape) -> Bits:
    """Origin of every bit, shape (nodes, widest); bits above a node's width repeat its sign or are 0."""
    widest = int(shape.width.max())
    bits = np.arange(widest)
    origins = np.empty((len(shape), widest), np.int64)
    for nodes in shape.by_rank():
        width = shape.width[nodes][:, None]
        own = (nodes[:, None] * widest + bits) * _DELAYS
        opcode, a, shift = shape.opcode[nodes], shape.operands[0, nodes], shape.shifts[0, nodes]
        own[opcode == Opcode.CONSTANT] = _LOW
        held = opcode == Opcode.REGISTER
        if held.any():
            source = origins[a[held]]
            own[held] = np.where(source >= 0, source + 1, source)
        moved = np.isin(opcode, (Opcode.FLOOR_SHIFT, Opcode.BIT))
        if moved.any():
            place = np.minimum(bits + shift[moved][:, None], widest - 1)
            own[moved] = np.take_along_axis(origins[a[moved]], place, axis=1)
        even = opcode == Opcode.EVEN_SHIFT  # only its last bit is logic
        if even.any():
            place = np.minimum(bits + shift[even][:, None], widest - 1)
            own[even, 1:] = np.take_along_axis(origins[a[even]], place, axis=1)[:, 1:]
        sums = np.isin(opcode, (Opcode.ADD, Opcode.ADD3))
        if sums.any():
            own[sums] = _sum_origins(shape, origins, nodes[sums], own[sums])
        top = np.take_along_axis(own, np.minimum(width, widest) - 1, axis=1)
        above = np.where(shape.signed[nodes][:, None], top, _LOW)
        origins[nodes] = np.where(bits < width, own, above)
    return origins


def _sum_origins(shape: _Shape, origins: Bits, nodes: Bits, own: Bits) -> Bits:
    """Low bits of sums are wires from one operand, or 0 below its shift."""
    bits = np.arange(own.shape[1])
    place = shape.wired[nodes]
    source, shift = shape.operands[place, nodes], shape.shifts[place, nodes][:, None]
    inner = np.take_along_axis(origins[source], np.clip(bits - shift, 0, own.shape[1] - 1), axis=1)
    wires: Bits = np.where(bits < shape.wires[nodes][:, None], np.where(bits < shift, _LOW, inner), own)
    return wires


def _registers(shape: _Shape, origins: Bits, longest: int) -> tuple[int, int]:
    """Flip-flops and shift registers: chains of 3 or more whose inner bits nobody reads become shift registers."""
    bits = np.arange(origins.shape[1])
    registers = np.flatnonzero(shape.opcode == Opcode.REGISTER)
    live = (bits >= shape.lowest[registers][:, None]) & (bits < shape.width[registers][:, None])
    held = np.unique(origins[registers][live])
    held = held[(held >= 0) & (held % _DELAYS > 0)]
    if not len(held) or not longest:
        return len(held), 0
    used = np.isin(held, _consumed(shape, origins))
    last = np.append(held[1:] != held[:-1] + 1, True)
    ends = np.flatnonzero(used | last)
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts + 1
    chains = lengths >= _SHORTEST_CHAIN
    luts = int(np.ceil(lengths[chains] / longest).sum())
    return len(held) - int(lengths[chains].sum()), luts


def _consumed(shape: _Shape, origins: Bits) -> Bits:
    """Origins of the bits that logic reads or that leave; not of those that only pass by as wires."""
    bits = np.arange(origins.shape[1])
    found = [origins[shape.netlist.outputs][bits < shape.width[shape.netlist.outputs][:, None]]]
    logic = ~shape.of(Opcode.REGISTER, Opcode.FLOOR_SHIFT, Opcode.BIT)
    for place in range(3):
        readers = np.flatnonzero(logic & (shape.operands[place] != NO_NODE))
        source, shift = shape.operands[place, readers], shape.shifts[place, readers]
        wired = np.isin(shape.opcode[readers], (Opcode.ADD, Opcode.ADD3)) & (shape.wired[readers] == place)
        first = np.where(wired, np.maximum(0, shape.wires[readers] - shift), 0)
        last = np.where(shape.opcode[readers] == Opcode.EVEN_SHIFT, shift + 1, shape.width[source])
        inside = (bits >= first[:, None]) & (bits < np.minimum(last, shape.width[source])[:, None])
        found.append(origins[source][inside])
    return np.unique(np.concatenate(found))


_SHORTEST_CHAIN = 3  # `xilinx_srl -minlen 3` of Yosys


def _logic(shape: _Shape, fabric: Fabric, *, names_cells: bool) -> tuple[Counter[str], int]:
    """Bits by kind, and multiplier blocks."""
    logic: Counter[str] = Counter()
    width, operands = shape.width, shape.operands
    carried = np.maximum(0, width - shape.wires)
    sums = {"add": shape.of(Opcode.ADD), "add3": shape.of(Opcode.ADD3)}
    fused = _fused(shape)
    if names_cells:
        cones = sum_cones(shape.netlist)
        logic["add3_named"] += ceil(sum(cone.plan.luts for cone in cones))
        elsewhere = np.zeros(len(shape), bool)
        elsewhere[[node for cone in cones for node in (cone.root, *cone.inner)]] = True
        sums = {kind: nodes & ~elsewhere for kind, nodes in sums.items()}
        held = np.zeros(len(shape), bool)
        held[operands[0, shape.of(Opcode.REGISTER)]] = True
        sums["add3_named"], sums["add3"] = sums["add3"] & held, sums["add3"] & ~held
        fused &= ~sums["add3_named"]
    for kind, nodes in sums.items():
        logic[kind] += int(carried[nodes & ~fused].sum())
        logic[f"{kind}_fused"] += int(carried[nodes & fused].sum())
    first = np.maximum(operands[0], 0)
    source = width[first]
    clamps = np.flatnonzero(shape.of(Opcode.CLAMP))
    for node in clamps.tolist():
        logic["clamp"] += int(width[node])
        logic["clamp_range"] += int(source[node] - width[node])
        for bound in (int(shape.netlist.immediate[node]), int(shape.netlist.immediate_b[node]) + 1):
            if bound & (bound - 1) if bound > 0 else -bound & (-bound - 1):
                logic["compare"] += int(source[node])
    even = shape.of(Opcode.EVEN_SHIFT)
    logic["even"] += int(even.sum()) + int((shape.shifts[0, even] // (fabric.lut_inputs - 1)).sum())
    logic["compare"] += int(source[shape.of(Opcode.AT_LEAST)].sum())
    second = np.maximum(operands[1], 0)
    both = np.maximum(source, width[second])
    logic["compare2"] += int(both[shape.of(Opcode.NOT_BELOW)].sum())
    logic["extreme"] += int(both[shape.of(Opcode.MAXIMUM, Opcode.MINIMUM)].sum())
    logic["choose"] += int(width[shape.of(Opcode.CHOOSE)].sum())
    dsp = 0
    shapes = Counter(
        (*(int(width[n] + (not shape.signed[n])) for n in operands[:2, m]), int(width[m]))
        for m in np.flatnonzero(shape.of(Opcode.MULTIPLY)).tolist()
    )
    for (a_bits, b_bits, product_bits), number in shapes.items():
        blocks = 0 if fabric.multiplier is None else fabric.multiplier.blocks(a_bits, b_bits, product_bits)
        dsp += number * blocks
        if not blocks:
            logic["multiply"] += number * a_bits * b_bits
        elif blocks > 1:
            logic["add"] += number * (blocks - 1) * product_bits
    return +logic, dsp


def _packed_registers(shape: _Shape, multiplier: Multiplier) -> int:
    """Bits of registers that lie in the block of the product they hold."""
    held = shape.operands[0, shape.of(Opcode.REGISTER)]
    bits = 0
    for product in np.intersect1d(held, np.flatnonzero(shape.of(Opcode.MULTIPLY))).tolist():
        a_bits, b_bits = (int(shape.width[n] + (not shape.signed[n])) for n in shape.operands[:2, product])
        width = int(shape.width[product])
        bits += width if multiplier.blocks(a_bits, b_bits, width) == 1 else 0
    return bits


def _fused(shape: _Shape) -> npt.NDArray[np.bool_]:
    """Sums that the sum behind them takes in: synthesis adds their operands in rows of full adders instead."""
    readers = np.zeros(len(shape), np.int64)
    for place in range(3):
        np.add.at(readers, shape.operands[place][shape.operands[place] != NO_NODE], 1)
    np.add.at(readers, shape.netlist.outputs, 1)
    fused = np.zeros(len(shape), bool)
    outer = np.flatnonzero(shape.of(Opcode.ADD))
    for place in range(2):
        inner = shape.operands[place, outer]
        plain = (inner != NO_NODE) & (shape.shifts[place, outer] == 0) & (readers[np.maximum(inner, 0)] == 1)
        fused[inner[plain]] = True
    return fused & shape.of(Opcode.ADD, Opcode.ADD3)
