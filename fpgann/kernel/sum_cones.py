# SPDX-License-Identifier: Apache-2.0
"""Which adders of a stage are built as one sum of bits: a root, and adders before it that nothing else reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from fpgann.kernel.bit_sum import LOOSE_ADDER3, BitSum, Last, Operand, sum_bits
from fpgann.kernel.netlist import NO_NODE, Netlist, Opcode
from fpgann.kernel.pipelining import levels_in_stage

_FEW = 4  # inner adders of which every choice is tried


@dataclass(frozen=True, slots=True)
class SumCone:
    """Adders that are built as one sum.

    Args:
        root: the adder whose result it is.
        inner: adders that it takes in.
        plan: its circuits.
    """

    root: int
    inner: frozenset[int]
    plan: BitSum


@dataclass(frozen=True, slots=True)
class _Term:
    """An operand of an adder."""

    node: int
    shift: int
    sign: int


class _Adders:
    """Additions of a registered netlist as lists; wires are looked through."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.opcodes: list[int] = netlist.opcode.tolist()
        self._columns = [
            column.tolist()
            for column in (netlist.a, netlist.b, netlist.c, netlist.shift, netlist.shift_b, netlist.shift_c)
        ]
        self._signs = (netlist.sign.tolist(), netlist.sign_c.tolist())
        self.readers = [0] * len(netlist)
        self._others = [0] * len(netlist)  # readers that are no register
        for column in self._columns[:3]:
            for node, operand in enumerate(column):
                if operand != NO_NODE:
                    self.readers[operand] += 1
                    self._others[operand] += self.opcodes[node] != Opcode.REGISTER
        for node in netlist.outputs.tolist():
            self.readers[node] += 1
            self._others[node] += 1

    @cached_property
    def levels(self) -> list[int]:
        """Adders before each node in its own stage."""
        return levels_in_stage(self.netlist)

    def is_adder(self, node: int) -> bool:
        """Whether a node is an addition."""
        return self.opcodes[node] in (Opcode.ADD, Opcode.ADD3)

    def is_registered(self, node: int) -> bool:
        """Whether nothing but registers reads a node."""
        return self.readers[node] > 0 and not self._others[node]

    def terms(self, node: int) -> list[_Term]:
        """Operands of an addition."""
        a, b, c, shift, shift_b, shift_c = (column[node] for column in self._columns)
        found = [_Term(a, shift, 1), _Term(b, shift_b, self._signs[0][node])]
        return found if c == NO_NODE else [*found, _Term(c, shift_c, self._signs[1][node])]

    def is_absorbable(self, node: int) -> bool:
        """Whether a node is an adder with one reader."""
        return self.is_adder(node) and self.readers[node] == 1

    def bits(self, node: int) -> int:
        """Positions of its carry chain."""
        terms = self.terms(node)
        if len(terms) == 2 and self.opcodes[terms[1].node] == Opcode.CONSTANT and not self._constant(terms[1].node):
            return 0  # wires
        free = min(term.shift for term in terms[1:]) if terms[0].shift == 0 else 0
        return max(0, self.netlist.range(node).width_bits - free)

    def luts(self, node: int) -> float:
        """What an adder takes alone."""
        loose = self.opcodes[node] == Opcode.ADD3 and not self.is_registered(node)
        return self.bits(node) * (LOOSE_ADDER3 if loose else 1.0)

    def _constant(self, node: int) -> int:
        return int(self.netlist.immediate[node])

    def inner(self, root: int) -> list[int]:
        """Adders that the sum of a root can take in, each before those that read it."""
        found: list[int] = []
        waiting = [root]
        while waiting:
            for term in self.terms(waiting.pop()):
                if self.is_absorbable(term.node):
                    found.append(term.node)
                    waiting.append(term.node)
        return sorted(found)

    def plan(self, root: int, inner: Set[int]) -> BitSum | None:
        """The sum of a root and some inner adders, bit by bit, in no more levels than they have."""
        operands: list[Operand] = []
        constant = 0
        waiting = [_Term(root, 0, 1)]
        while waiting:
            outer = waiting.pop()
            for term in self.terms(outer.node):
                node, shift, sign = term.node, term.shift + outer.shift, term.sign * outer.sign
                if node in inner:
                    waiting.append(_Term(node, shift, sign))
                elif self.opcodes[node] == Opcode.CONSTANT:
                    constant += sign * (self._constant(node) << shift)
                else:
                    codes = self.netlist.range(node)
                    operands.append(Operand(node, codes.width_bits, codes.signed, shift, sign, self.levels[node]))
        width, levels = self.netlist.range(root).width_bits, self.levels[root]
        kinds = (Last.REGISTERED,) if self.is_registered(root) else (Last.TWO, Last.THREE)
        plans = [sum_bits(operands, constant, width, levels, kind) for kind in kinds]
        return min((plan for plan in plans if plan is not None), key=lambda plan: plan.luts, default=None)

    def choices(self, inner: Sequence[int]) -> Iterator[frozenset[int]]:
        """Sets of inner adders that are worth a trial; with an adder goes the one that reads it."""
        reader = {term.node: node for node in inner for term in self.terms(node) if term.node in inner}
        if len(inner) > _FEW:
            yield frozenset(inner)
            for node in inner:
                kept = {n for n in inner if not _leads_to(n, node, reader)}
                yield frozenset(kept)
            return
        for mask in range(1, 1 << len(inner)):
            chosen = frozenset(node for i, node in enumerate(inner) if mask >> i & 1)
            if all(reader.get(node, node) in chosen or node not in reader for node in chosen):
                yield chosen


def _leads_to(node: int, target: int, reader: Mapping[int, int]) -> bool:
    while node != target and node in reader:
        node = reader[node]
    return node == target


def sum_cones(netlist: Netlist) -> tuple[SumCone, ...]:
    """Sums of a registered netlist that take fewer LUTs bit by bit than adder by adder.

    Args:
        netlist: with registers.
    """
    adders = _Adders(netlist)
    found = []
    taken: set[int] = set()
    for root in range(len(netlist) - 1, -1, -1):
        if root in taken or not adders.is_adder(root):
            continue
        inner = adders.inner(root)
        best: SumCone | None = None
        gain = 0.0
        for chosen in adders.choices(inner) if inner else ():
            plan = adders.plan(root, chosen)
            saved = -1.0 if plan is None else adders.luts(root) + sum(map(adders.luts, chosen)) - plan.luts
            if plan is not None and saved > gain:
                best, gain = SumCone(root, chosen, plan), saved
        if best is not None:
            found.append(best)
            taken |= best.inner
    return tuple(found)


def adder_luts(netlist: Netlist) -> float:
    """LUTs of all adders of a registered netlist, with what `sum_cones` makes of them."""
    adders, cones = _Adders(netlist), sum_cones(netlist)
    done = {node for cone in cones for node in (cone.root, *cone.inner)}
    rest = sum(adders.luts(node) for node in range(len(netlist)) if adders.is_adder(node) and node not in done)
    return rest + sum(cone.plan.luts for cone in cones)


def adder_bits(netlist: Netlist) -> int:
    """Positions of the carry chains of all adders of a netlist, each adder by itself."""
    adders = _Adders(netlist)
    return sum(adders.bits(node) for node in range(len(netlist)) if adders.is_adder(node))
