# SPDX-License-Identifier: Apache-2.0
"""Unrolled kernels: one line of VHDL per operation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.bit_sums import CellsView, SumText
from fpgann.codegen.vhdl.literals import boolean, signed_literal, subtype
from fpgann.hardware.design import Stage, UnrolledKernel
from fpgann.hardware.names import printable
from fpgann.kernel.netlist import Netlist, Opcode
from fpgann.kernel.sum_cones import sum_cones
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True)
class Adder3View:
    """An instance of hdl/amd/fpgann_add3.vhd."""

    label: str
    width: int
    free: int
    minus_y: str
    minus_z: str
    carry_cell: int
    x: str
    y: str
    z: str
    total: str


@dataclass(frozen=True, slots=True)
class UnrolledView:
    """Vocabulary of templates/vhdl/unrolled.vhd.j2."""

    entity: str
    layers: str
    shape: str
    in_bits: int
    out_bits: int
    latency_cycles: int
    adders: int
    register_bits: int
    declarations: tuple[str, ...]
    assignments: tuple[str, ...]
    adders3: tuple[Adder3View, ...]
    cells: tuple[CellsView, ...]
    registers: tuple[str, ...]
    outputs: tuple[str, ...]
    has_registers: bool


def render_unrolled(stage: Stage, entity: str) -> str:
    """The entity of an unrolled stage."""
    assert isinstance(stage.kernel, UnrolledKernel)
    pipeline = stage.kernel.pipeline
    writer = _Writer(pipeline.netlist, stage)
    netlist = pipeline.netlist
    registers = [int(n) for n in (netlist.opcode == Opcode.REGISTER).nonzero()[0]]
    view = UnrolledView(
        entity=entity,
        layers=printable(stage.layers),
        shape=f"{stage.in_elements} inputs, {stage.target.elements} outputs",
        in_bits=stage.in_bits,
        out_bits=stage.target.bits,
        latency_cycles=stage.latency_cycles,
        adders=netlist.count(Opcode.ADD) + netlist.count(Opcode.ADD3),
        register_bits=sum(netlist.range(n).width_bits for n in registers),
        declarations=tuple(writer.declarations),
        assignments=tuple(writer.assignments),
        adders3=tuple(writer.adders3),
        cells=tuple(writer.cells),
        registers=tuple(writer.registers),
        outputs=tuple(writer.outputs()),
        has_registers=bool(registers),
    )
    return render("vhdl/unrolled.vhd.j2", view)


class _Writer:
    """Turns nodes into lines."""

    def __init__(self, netlist: Netlist, stage: Stage) -> None:
        self.netlist = netlist
        self.stage = stage
        self.declarations: list[str] = []
        self.assignments: list[str] = []
        self.adders3: list[Adder3View] = []
        self.cells: list[CellsView] = []
        self.registers: list[str] = []
        assert isinstance(stage.kernel, UnrolledKernel)
        self._carry_cell = stage.kernel.carry_cell
        self._registered = _registered(netlist)
        self._fields = stage.fields()
        columns = (netlist.opcode, netlist.a, netlist.b, netlist.shift, netlist.shift_b, netlist.sign)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        self._opcodes = netlist.opcode.tolist()
        self._multiples = _multiples(netlist)
        self._names = [self._name(i, opcode) for i, opcode in enumerate(self._opcodes)]
        used = set().union(*(n.tolist() for n in (netlist.a, netlist.b, netlist.c, netlist.outputs)))
        elsewhere = self._bit_sums()
        for node, (opcode, a, b, shift, shift_b, sign) in enumerate(rows):
            if (node in used or opcode != Opcode.INPUT) and node not in elsewhere:
                self._node(node, Opcode(opcode), a, b, shift, shift_b, sign)

    def _bit_sums(self) -> set[int]:
        """Write the sums that take fewer cells bit by bit; the nodes that are in them."""
        if self._carry_cell is None:
            return set()
        text = SumText(self._names, self._carry_cell, self.declarations, self.assignments, self.cells)
        done: set[int] = set()
        for cone in sum_cones(self.netlist):
            text.add(cone.root, self.netlist.range(cone.root), cone.plan)
            done |= {cone.root, *cone.inner}
        return done

    def _name(self, node: int, opcode: int) -> str:
        if opcode == Opcode.INPUT:
            return f"x{self.netlist.shift[node]}"
        if node in self._multiples:
            element, factor = self._multiples[node]
            return f"x{element}_times_{factor}"
        return f"{'r' if opcode == Opcode.REGISTER else 'n'}{node}"

    def _wide(self, node: int, width: int, shift: int = 0) -> str:
        """A node as u_signed of a width, shifted left."""
        if self._opcodes[node] == Opcode.CONSTANT:
            return signed_literal(int(self.netlist.immediate[node]) << shift, width)
        text = f"wide({self._names[node]}, {width})"
        return f"shift_left({text}, {shift})" if shift else text

    def _node(self, node: int, opcode: Opcode, a: int, b: int, shift: int, shift_b: int, sign: int) -> None:
        if opcode is Opcode.CONSTANT:
            return  # a literal where it is used
        name, codes = self._names[node], self.netlist.range(node)
        self.declarations.append(f"signal {name} : {subtype(codes)};")
        if opcode is Opcode.REGISTER:
            self.registers.append(f"{name} <= {self._names[a]};")
            return
        if opcode is Opcode.INPUT:
            lowest, stored = self._fields[shift]
            field = f"in_data({lowest + stored.width_bits - 1} downto {lowest})"
            kind = "u_signed" if stored.signed else "u_unsigned"
            self.assignments.append(f"{name} <= {kind}({field});")
            return
        if opcode is Opcode.ADD3 and self._carry_cell is not None and node in self._registered:
            self._place_adder3(node, codes, self._carry_cell)
            return
        self.assignments.append(f"{name} <= {self._expression(node, opcode, a, b, shift, shift_b, sign, codes)};")

    def _expression(
        self, node: int, opcode: Opcode, a: int, b: int, shift: int, shift_b: int, sign: int, codes: CodeRange
    ) -> str:
        width = codes.width_bits
        cast = "" if codes.signed else "u_unsigned"
        operand = self.netlist.range(a)
        match opcode:
            case Opcode.ADD:
                left, right = self._wide(a, width, shift), self._wide(b, width, shift_b)
                zero_b = self._opcodes[b] == Opcode.CONSTANT and self.netlist.immediate[b] == 0
                text = left if zero_b else f"{left} {'+' if sign > 0 else '-'} {right}"
                return f"{cast}({text})" if cast else text
            case Opcode.ADD3:
                view = self._adder3(node, width, 0)
                text = f"add3({view.x}, {view.y}, {view.z}, {view.minus_y}, {view.minus_z}, {view.free})"
                return f"{cast}({text})" if cast else text
            case Opcode.FLOOR_SHIFT:
                last = operand.width_bits - 1
                return f"{self._names[a]}({last} downto {min(shift, last)})"
            case Opcode.EVEN_SHIFT:
                return self._even_shift(a, shift, codes)
            case Opcode.BIT:
                return f"(0 => {self._names[a]}({min(shift, operand.width_bits - 1)}))"
            case Opcode.CLAMP:
                low, high = int(self.netlist.immediate[node]), int(self.netlist.immediate_b[node])
                bound_bits = CodeRange(min(low, -1), max(high, 0)).width_bits
                span = operand.width_bits + 1
                bounds = f"{signed_literal(low, bound_bits)}, {signed_literal(high, bound_bits)}"
                text = f"saturate({self._wide(a, span)}, {bounds}, {width})"
                return f"{cast}({text})" if cast else text
            case Opcode.MULTIPLY:
                return self._product(a, b, codes)
            case Opcode.MAXIMUM | Opcode.MINIMUM | Opcode.NOT_BELOW:
                return self._comparison(opcode, a, b, codes)
            case Opcode.CHOOSE:
                chosen, other = self._wide(b, width), self._wide(int(self.netlist.c[node]), width)
                text = f"choose(or {self._names[a]}, {chosen}, {other})"
                return f"{cast}({text})" if cast else text
            case _:
                span = CodeRange(min(operand.low, -1), operand.high).width_bits
                bound = signed_literal(int(self.netlist.immediate[node]), span)
                return f"(0 => at_least({self._wide(a, span)}, {bound}))"

    def _adder3(self, node: int, width: int, carry_cell: int) -> Adder3View:
        shifts = [int(column[node]) for column in (self.netlist.shift, self.netlist.shift_b, self.netlist.shift_c)]
        nodes = [int(column[node]) for column in (self.netlist.a, self.netlist.b, self.netlist.c)]
        x, y, z = (self._wide(n, width, s) for n, s in zip(nodes, shifts, strict=True))
        minus_y, minus_z = (boolean(column[node] < 0) for column in (self.netlist.sign, self.netlist.sign_c))
        free = min(shifts[1:]) if shifts[0] == 0 else 0  # bits that the first operand alone has
        name = self._names[node]
        return Adder3View(f"sum_{name}", width, free, minus_y, minus_z, carry_cell, x, y, z, name)

    def _place_adder3(self, node: int, codes: CodeRange, carry_cell: int) -> None:
        """An instance; its total is signed, that of the node perhaps not."""
        view = self._adder3(node, codes.width_bits, carry_cell)
        if not codes.signed:
            total = f"{view.total}_bits"
            self.declarations.append(f"signal {total} : u_signed({view.width - 1} downto 0);")
            self.assignments.append(f"{view.total} <= u_unsigned({total});")
            view = replace(view, total=total)
        self.adders3.append(view)

    def _even_shift(self, a: int, shift: int, codes: CodeRange) -> str:
        # extended or cut so that the result's bits are left: clearing the last bit of -1 yields -2, one bit wider
        text = f"even_shift({self._wide(a, shift + codes.width_bits)}, {shift})"
        return text if codes.signed else f"u_unsigned({text})"

    def _product(self, a: int, b: int, codes: CodeRange) -> str:
        # both operands signed, so that one multiplier of the device serves
        widths = [CodeRange(min(r.low, -1), r.high).width_bits for r in map(self.netlist.range, (a, b))]
        text = f"wide({self._wide(a, widths[0])} * {self._wide(b, widths[1])}, {codes.width_bits})"
        return text if codes.signed else f"u_unsigned({text})"

    def _comparison(self, opcode: Opcode, a: int, b: int, codes: CodeRange) -> str:
        hull = self.netlist.range(a).union(self.netlist.range(b))
        span = CodeRange(min(hull.low, -1), hull.high).width_bits
        left, right = self._wide(a, span), self._wide(b, span)
        if opcode is Opcode.NOT_BELOW:
            return f"(0 => at_least({left}, {right}))"
        name = "larger_of" if opcode is Opcode.MAXIMUM else "smaller_of"
        text = f"wide({name}({left}, {right}), {codes.width_bits})"
        return text if codes.signed else f"u_unsigned({text})"

    def outputs(self) -> list[str]:
        """One line per output element."""
        width = self.stage.target.element_bits
        return [
            f"out_data({(i + 1) * width - 1} downto {i * width}) <= std_ulogic_vector({self._wide(int(node), width)});"
            for i, node in enumerate(self.netlist.outputs)
        ]


def _registered(netlist: Netlist) -> set[int]:
    """Nodes that nothing but registers reads."""
    registers = netlist.opcode == Opcode.REGISTER
    read = {int(n) for column in (netlist.a, netlist.b, netlist.c) for n in column[~registers]}
    return {int(n) for n in netlist.a[registers]} - read - {int(n) for n in netlist.outputs}


def _multiples(netlist: Netlist) -> dict[int, tuple[int, int]]:
    """Sums that are a positive multiple of a single input: node -> (element, factor), each multiple once."""
    known: dict[int, tuple[int, int]] = {}
    named: dict[tuple[int, int], int] = {}
    columns = (netlist.opcode, netlist.a, netlist.b, netlist.shift, netlist.shift_b, netlist.sign)
    for node, (opcode, a, b, shift, shift_b, sign) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        if opcode == Opcode.INPUT:
            known[node] = (shift, 1)
        elif opcode == Opcode.ADD and a in known and b in known and known[a][0] == known[b][0]:
            factor = (known[a][1] << shift) + sign * (known[b][1] << shift_b)
            multiple = (known[a][0], factor)
            if factor > 0 and multiple not in named:
                known[node], named[multiple] = multiple, node
    return {node: multiple for multiple, node in named.items()}
