# SPDX-License-Identifier: Apache-2.0
"""Sums bit by bit: wires, and instances of the compressors of hdl/amd/."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fpgann.codegen.vhdl.literals import subtype
from fpgann.kernel.bit_sum import CONSTANT, Bit, BitSum, Chain, FullAdders, Last
from fpgann.numerics.interval import CodeRange

_BITS_PER_LINE = 6


@dataclass(frozen=True, slots=True)
class CellsView:
    """An instance of an entity of hdl/amd/; lines of its maps end as they must."""

    label: str
    entity: str
    generics: tuple[str, ...]
    ports: tuple[str, ...]


@dataclass(slots=True)
class SumText:
    """The VHDL of some sums.

    Args:
        names: of the nodes.
        carry_cell: bits of the carry cells.
    """

    names: Sequence[str]
    carry_cell: int
    declarations: list[str] = field(default_factory=list)
    assignments: list[str] = field(default_factory=list)
    cells: list[CellsView] = field(default_factory=list)

    def add(self, node: int, codes: CodeRange, plan: BitSum) -> None:
        """Write the sum that is a node's value; the node itself is declared, too.

        Args:
            node: the node.
            codes: its range.
            plan: its circuits.
        """
        name = self.names[node]
        self.declarations.append(f"signal {name} : {subtype(codes)};")
        for number, step in enumerate(plan.steps):
            self._step(name, _step_name(name, number), step)
        for index, bit in enumerate(plan.wires):
            self.assignments.append(f"{name}({index}) <= {self._bit(name, bit)};")
        if len(plan.wires) < plan.width:
            self._last(name, "u_signed" if codes.signed else "u_unsigned", plan)

    def _step(self, sum_name: str, name: str, step: Chain | FullAdders) -> None:
        groups = step.pairs if isinstance(step, Chain) else step.triples
        bits = [bit for group in groups for bit in group]
        self._wire(sum_name, f"{name}_in", bits)
        ports = (f"data => {name}_in", f"total => {name}")
        if isinstance(step, FullAdders):
            self._declare(name, 2 * len(step.triples))
            self._place(
                f"{name}_adders", "fpgann_full_adders", (f"ADDERS => {len(step.triples)}", _inverted(bits)), ports
            )
            return
        self._declare(name, step.bits)
        sizes = (f"PAIRS => {len(step.pairs)}", f"BITS => {step.bits}", _inverted(bits))
        carries = (f"CARRY_IN => '{int(step.carry_in)}'", f"CARRY_CELL => {self.carry_cell}")
        self._place(f"{name}_compress", "fpgann_compress6", (*sizes, *carries), ports)

    def _last(self, name: str, kind: str, plan: BitSum) -> None:
        first, width = len(plan.wires), plan.width - len(plan.wires)
        place = f"{name}({plan.width - 1} downto {first})"
        if plan.last is Last.REGISTERED:
            columns = [bit for column in zip(*plan.rows, strict=True) for bit in column]
            self._wire(name, f"{name}_rows", columns)
            self._declare(f"{name}_total", width)
            generics = (f"WIDTH => {width}", _inverted(columns), f"CARRY_IN => '{int(plan.carry_in)}'")
            ports = (f"data => {name}_rows", f"below => {self._bit(name, plan.below)}", f"total => {name}_total")
            self._place(f"{name}_add", "fpgann_add_rows", (*generics, f"CARRY_CELL => {self.carry_cell}"), ports)
            self.assignments.append(f"{place} <= {kind}({name}_total);")
            return
        rows = [f"{name}_{letter}" for letter, _ in zip("xyz", plan.rows, strict=False)]
        for row, bits in zip(rows, plan.rows, strict=True):
            self._wire(name, row, bits, inverts=True)
        if plan.last is Last.THREE:
            text = f"add3({', '.join(f'u_signed({row})' for row in rows)}, false, false, 0)"
            self.assignments.append(f"{place} <= {text if kind == 'u_signed' else f'u_unsigned({text})'};")
        else:
            self.assignments.append(f"{place} <= {' + '.join(f'{kind}({row})' for row in rows)};")

    def _declare(self, name: str, width: int) -> None:
        self.declarations.append(f"signal {name} : std_ulogic_vector({width - 1} downto 0);")

    def _wire(self, sum_name: str, name: str, bits: Sequence[Bit], *, inverts: bool = False) -> None:
        """A vector of bits, some in each line; cells invert by themselves."""
        self._declare(name, len(bits))
        for start in range(0, len(bits), _BITS_PER_LINE):
            part = bits[start : start + _BITS_PER_LINE]
            texts = [self._bit(sum_name, bit if inverts else bit._replace(inverted=False)) for bit in reversed(part)]
            if len(part) == 1:
                self.assignments.append(f"{name}({start}) <= {texts[0]};")
            else:
                self.assignments.append(f"{name}({start + len(part) - 1} downto {start}) <= {' & '.join(texts)};")

    def _bit(self, sum_name: str, bit: Bit) -> str:
        if bit.source == CONSTANT:
            return f"'{bit.place ^ bit.inverted}'"
        source = self.names[bit.source] if bit.source >= 0 else _step_name(sum_name, -2 - bit.source)
        return f"(not {source}({bit.place}))" if bit.inverted else f"{source}({bit.place})"

    def _place(self, label: str, entity: str, generics: tuple[str, ...], ports: tuple[str, ...]) -> None:
        self.cells.append(CellsView(label, entity, _listed(generics), _listed(ports)))


def _step_name(name: str, number: int) -> str:
    return f"{name}_step{number}"


def _inverted(bits: Sequence[Bit]) -> str:
    digits = "".join(str(int(bit.inverted)) for bit in reversed(bits))
    return f'INVERTED => "{digits}"'


def _listed(lines: tuple[str, ...]) -> tuple[str, ...]:
    return (*(f"{line}," for line in lines[:-1]), lines[-1])
