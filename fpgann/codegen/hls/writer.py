# SPDX-License-Identifier: Apache-2.0
"""What the functions of `ops/` write with: the operands of a layer, its constants, its result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import TypeVar

import numpy as np

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.literals import ConstantArray, constant_array, literal, range_of, type_of
from fpgann.codegen.hls.loops import LoopNest, broadcast_strides, nest, strides_of
from fpgann.codegen.hls.plan import Array, Layer
from fpgann.codegen.hls.staircase import StaircaseWriter, write_form
from fpgann.hardware.names import printable
from fpgann.hardware.options import Memory, Multipliers
from fpgann.ir import Graph, Node
from fpgann.ir.alignment import Alignment
from fpgann.ir.operator import Operator
from fpgann.ir.ops.requantize import Requantize
from fpgann.kernel.requantize import choose_form
from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.interval import CodeRange

OpT = TypeVar("OpT", bound=Operator)
_STORAGE = {Memory.BLOCK: "bram", Memory.DISTRIBUTED: "lutram"}
_MULTIPLIERS = {Multipliers.DSP: "dsp", Multipliers.LUT: "fabric"}


class LayerWriter:
    """A layer as it is written.

    Args:
        layer: what to write.
        graph: graph of codes.

    Attributes:
        code: the function's body.
        constants: arrays for the layer's header of weights.
        functions: functions of its staircases, as lines.
        shape: shape of the result.
        codes: range of the results before the staircases.
    """

    def __init__(self, layer: Layer, graph: Graph) -> None:
        self.layer = layer
        self.graph = graph
        self.code = Block()
        self.constants: list[ConstantArray] = []
        self.functions: list[str] = []
        node = layer.node
        self.shape = graph.types[node.output].shape
        self.codes = graph.types[node.output].codes.range
        self._names = {array.name: name for array, name in zip(layer.sources, self._parameters(), strict=True)}
        self._calls: list[tuple[str, Requantize | None]] = []
        codes = self.codes = layer.operands[0].codes if isinstance(node.op, Requantize) else self.codes
        stairs = [n for n in (node, *layer.staircases) if isinstance(n.op, Requantize)]
        for stair in stairs:
            target = graph.types[stair.output].codes.range
            kind = layer.result.kind if stair is stairs[-1] else type_of(target)
            self._add_staircase(stair, kind, codes, target)
            codes = target

    def _parameters(self) -> list[str]:
        count = len(self.layer.sources)
        return ["x"] if count == 1 else [f"x{index}" for index in range(count)]

    @property
    def parameters(self) -> list[str]:
        """The function's parameters."""
        found = [f"const {a.kind} {self._names[a.name]}[{a.elements}]" for a in self.layer.sources]
        found += [f"const {loaded.declaration}" for loaded in self.layer.loaded]
        return [*found, f"{self.layer.result.kind} y[{self.layer.result.elements}]"]

    @property
    def unrolled(self) -> bool:
        """Whether every operation is a circuit of its own."""
        return self.layer.schedule.unrolled

    @property
    def inner(self) -> tuple[str, ...]:
        """The directive of an innermost loop."""
        return ("UNROLL",) if self.unrolled else ("PIPELINE II=1",)

    @property
    def acc_kind(self) -> str:
        """C++ type of a result before the staircases."""
        return f"{self.layer.name}_acc_t" if self._calls else self.layer.result.kind

    def operand(self, index: int) -> str:
        """The parameter behind an operand of the node."""
        return self._names[self.layer.operands[index].name]

    def operand_array(self, index: int) -> Array:
        """The array behind an operand of the node."""
        return self.layer.operands[index]

    def operand_shape(self, index: int) -> tuple[int, ...]:
        """The shape in which the node sees an operand."""
        return self.graph.types[self.layer.node.inputs[index]].shape

    def constant(self, suffix: str, numbers: IntArray, comment: str) -> str:
        """The name of a new constant array of the layer."""
        name = f"{self.layer.name}_{suffix}"
        self.constants.append(constant_array(name, integers(numbers), comment))
        return name

    def begin(self) -> None:
        """The directives of the function itself."""
        if not self.unrolled:
            self.code.pragma("INLINE off")
            return
        self.code.pragma("PIPELINE II=1")
        for name in (*self._names.values(), "y"):
            self.code.pragma(f"ARRAY_PARTITION variable={name} complete")

    def finish(self) -> None:
        """Say so where an operand has turned out not to be needed."""
        text = "\n".join(line for line in self.code.lines if not line.startswith("#"))
        for name in self._names.values():
            if not re.search(rf"\b{name}\b", text):
                self.code.line(f"static_cast<void>({name});")

    def store_constant(self, name: str) -> None:
        """Where a constant array of a folded layer is kept."""
        directive = self._storage(name)
        if directive is not None:
            self.code.pragma(directive)

    def _storage(self, name: str) -> str | None:
        memory = self.layer.schedule.memory
        if memory is Memory.REGISTERS:
            return f"ARRAY_PARTITION variable={name} complete dim=0"
        impl = _STORAGE.get(memory)
        return None if impl is None else f"BIND_STORAGE variable={name} type=rom_1p impl={impl}"

    def bind_product(self, variable: str) -> None:
        """What a multiplier is made of."""
        impl = _MULTIPLIERS.get(self.layer.schedule.multipliers)
        if impl is not None:
            self.code.pragma(f"BIND_OP variable={variable} op=mul impl={impl}")

    def over(self, operands: Sequence[Sequence[int]]) -> LoopNest:
        """Loops over the result; places of operands with these strides, and last that of the result."""
        return nest(self.shape, [*operands, strides_of(self.shape)])

    def elementwise(self, *further: tuple[int, ...]) -> LoopNest:
        """Loops over the result; places of all operands, of arrays of further shapes, of the result."""
        shapes = [self.operand_shape(i) for i in range(len(self.layer.operands))]
        return self.over([broadcast_strides(shape, self.shape) for shape in (*shapes, *further)])

    @contextmanager
    def outer_loops(self, loops: list[tuple[str, int]]) -> Iterator[None]:
        """Loops around others."""
        loops = [(variable, count) for variable, count in loops if count > 1 or variable in ("row", "column")]
        if self.unrolled:
            with self._unrolled(loops):
                yield
            return
        with self.code.loops(loops):
            yield

    @contextmanager
    def element_loops(self, loops: list[tuple[str, int]]) -> Iterator[None]:
        """Loops in which each iteration is a circuit of its own, or all use one."""
        if self.unrolled:
            with self._unrolled(loops):
                yield
            return
        with self.code.loops(loops, "PIPELINE II=1"):
            yield

    @contextmanager
    def _unrolled(self, loops: list[tuple[str, int]]) -> Iterator[None]:
        if not loops:
            yield
            return
        (variable, count), inner = loops[0], loops[1:]
        with self.code.loop(variable, count, "UNROLL"), self._unrolled(inner):
            yield

    def store(self, place: str, value: str, *, channel: str | None = None) -> None:
        """Write a result through the staircases.

        Args:
            place: position of the element in the result.
            value: what it is before them.
            channel: its position along the last axis, where that is known.
        """
        kind = self.layer.result.kind
        if not self._calls:
            self.code.assign(f"y[{place}]", f"fpgann::narrow<{kind}>({value})")
            return
        for position, (name, op) in enumerate(self._calls):
            arguments = value if op is None else f"{value}, {self._channel(op, place, channel)}"
            value = f"{name}({arguments})"
            if position < len(self._calls) - 1:
                self.code.let("auto", f"step{position}", value)
                value = f"step{position}"
        self.code.assign(f"y[{place}]", value)

    def _channel(self, op: Requantize, place: str, channel: str | None) -> str:
        """Which staircase an element of the result has."""
        if channel is not None and op.axis == -1:
            return channel
        count = op.map.channels
        inner = prod(self.shape[op.axis :]) // self.shape[op.axis]
        position = f"({place})" if " " in place else place
        position = position if inner == 1 else f"{position} / {inner}"
        outer = prod(self.shape[: op.axis]) if op.axis < -1 else prod(self.shape[:-1])
        return position if outer == 1 else f"{position} % {count}"

    def _add_staircase(self, node: Node, kind: str, source: CodeRange, target: CodeRange) -> None:
        """Add the function of a staircase."""
        op = node.op
        assert isinstance(op, Requantize)
        count = len(self._calls)
        name = f"{self.layer.name}_staircase" + (f"{count + 1}" if count else "")
        writer = StaircaseWriter(name, source, target, kind, self._storage)
        write_form(choose_form(op.map, source), writer)
        entering = type_of(source) if count else f"{self.layer.name}_acc_t"
        parameters = [f"const {entering} &code", *(["int channel"] if writer.uses_channel else [])]
        self.functions += [
            f"// '{printable((node.name,))}': {printable((op.describe(),))}",
            *signature(f"inline {kind} {name}", parameters, " {"),
            "#pragma HLS INLINE",
            *writer.code.lines,
            "}",
            "",
        ]
        self.constants += writer.constants
        self._calls.append((name, op if writer.uses_channel else None))


def aligned(
    writer: LayerWriter, index: int, element: str, numbers: tuple[IntArray, IntArray], places: tuple[str, str]
) -> tuple[str, CodeRange]:
    """An operand's element in the common unit: element * coefficient + constant.

    Args:
        writer: the layer.
        index: which operand.
        element: its element.
        numbers: coefficients and constants of the alignment.
        places: where those of the element lie.

    Returns:
        The expression, and the range of its values.
    """
    coefficients, constants = numbers
    codes = writer.operand_array(index).codes
    pairs = np.broadcast_arrays(coefficients, constants)
    found = {tuple(map(int, pair)) for pair in zip(*(a.reshape(-1).tolist() for a in pairs), strict=True)}
    reach = CodeRange.hull(codes.scaled(f) + CodeRange(c, c) for f, c in found)
    if found == {(1, 0)}:
        return element, codes
    names = [
        literal(int(array.reshape(-1)[0]))
        if array.size == 1
        else f"{writer.constant(f'{name}{index}', array.reshape(-1), f'{name} of operand {index}')}[{place}]"
        for name, array, place in zip(("coefficient", "addend"), numbers, places, strict=True)
    ]
    largest = range_of(
        -1, 1, *(n for pair in found for n in pair), *(f * e for f, _ in found for e in (codes.low, codes.high))
    )
    kind = type_of(CodeRange.hull([reach, codes, largest]))
    return f"fpgann::affine<{kind}>({element}, {names[0]}, {names[1]})", reach


@contextmanager
def aligned_elements(writer: LayerWriter, alignment: Alignment, *, first: int = 0) -> Iterator[tuple[list[str], str]]:
    """Loops over the result.

    Args:
        writer: the layer.
        alignment: how operands come to one unit.
        first: operands before this one are taken as they are.

    Yields:
        An element of every operand in the common unit, and the place of the result.
    """
    writer.begin()
    arrays = [a for pair in zip(alignment.coefficients, alignment.constants, strict=True) for a in pair]
    loops = writer.elementwise(*(array.shape for array in arrays))
    count = len(writer.layer.operands)
    places = loops.places
    with writer.element_loops(loops.loops):
        elements = [f"{writer.operand(index)}[{places[index]}]" for index in range(first)]
        for index in range(first, count):
            at = count + 2 * (index - first)
            numbers = (alignment.coefficients[index - first], alignment.constants[index - first])
            element = f"{writer.operand(index)}[{places[index]}]"
            value, codes = aligned(writer, index, element, numbers, (places[at], places[at + 1]))
            if value != element:
                writer.code.let(type_of(codes), f"element{index}", value)
                value = f"element{index}"
            elements.append(value)
        yield elements, places[-1]


def centred(writer: LayerWriter, index: int, element: str, zero: int) -> tuple[str, CodeRange]:
    """An operand's element with its zero point taken away, and the range of that."""
    codes = writer.operand_array(index).codes
    if zero == 0:
        return element, codes
    reach = CodeRange(codes.low - zero, codes.high - zero)
    kind = type_of(CodeRange.hull([reach, codes, range_of(zero, -1)]))
    return f"fpgann::difference<{kind}>({element}, {literal(zero)})", reach


def joined(outer: str, inner: str) -> str:
    """The sum of two places."""
    parts = [part for part in (outer, inner) if part != "0"]
    return " + ".join(parts) or "0"
