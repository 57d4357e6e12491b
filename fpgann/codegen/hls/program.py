# SPDX-License-Identifier: Apache-2.0
"""The top function: layers and the arrays between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.literals import type_of
from fpgann.codegen.hls.plan import Array, Plan
from fpgann.codegen.render import render
from fpgann.hardware.design import Design, Port
from fpgann.hardware.names import printable
from fpgann.hardware.streaming import StreamDesign, StreamPort
from fpgann.ir import Encoding, Graph

_LONGEST_LEVELS = 1  # a reader this many levels further takes what is there


@dataclass(frozen=True, slots=True)
class TypeView:
    """A type of types.h."""

    name: str
    definition: str
    comment: str


@dataclass(frozen=True, slots=True)
class TypesView:
    """Vocabulary of templates/hls/types.h.j2."""

    includes: tuple[str, ...]
    types: tuple[TypeView, ...]


@dataclass(frozen=True, slots=True)
class HeaderView:
    """Vocabulary of templates/hls/top.h.j2."""

    title: str
    guard: str
    signature: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForkView:
    """A function that copies an array."""

    name: str
    signature: tuple[str, ...]
    body: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopView:
    """Vocabulary of templates/hls/top.cpp.j2."""

    title: str
    comments: tuple[str, ...]
    header: str
    includes: tuple[str, ...]
    has_forks: bool
    forks: tuple[ForkView, ...]
    signature: tuple[str, ...]
    body: tuple[str, ...]


def beat_type(port: StreamPort) -> str:
    """C++ type of the beats of an AXI4-Stream interface."""
    return f"fpgann::beat<{port.beat_bits}>"


def render_types(plan: Plan, graph: Graph, streams: StreamDesign | None) -> str:
    """types.h: the codes of every array."""
    arrays = [*plan.inputs, *(layer.result for layer in plan.layers)]
    types = tuple(
        TypeView(array.kind, type_of(array.codes), f"'{printable((array.value,))}': {_meaning(graph, array)}")
        for array in arrays
    )
    includes = ("fpgann/integers.h",) if streams is None else ("fpgann/axis.h", "fpgann/integers.h")
    return render("hls/types.h.j2", TypesView(includes, types))


def _meaning(graph: Graph, array: Array) -> str:
    encoding: Encoding = graph.types[array.value].codes
    return printable((str(encoding),))


class Program:
    """Top function of a design.

    Args:
        design: the hardware, for names of ports.
        plan: its functions.
        streams: AXI4-Stream interfaces, if it has any.
    """

    def __init__(self, design: Design, plan: Plan, streams: StreamDesign | None) -> None:
        self.design = design
        self.plan = plan
        self.streams = streams
        self.interval = (streams or design).interval_cycles
        self.is_dataflow = streams is not None or any(not layer.schedule.unrolled for layer in plan.layers)
        self.forks: list[ForkView] = []

    @property
    def parameters(self) -> list[str]:
        """Parameters of the top function."""
        if self.streams is not None:
            ports = (*self.streams.inputs, *self.streams.outputs)
            return [f"fpgann::stream<{beat_type(port)}> &{port.name}" for port in ports]
        found = [f"const {_kind(a)} {p.name}[{a.elements}]" for p, a in self._inputs]
        return found + [f"{_kind(a)} {p.name}[{a.elements}]" for p, a in self._outputs]

    @property
    def _inputs(self) -> list[tuple[Port, Array]]:
        return list(zip(self.design.inputs, self.plan.inputs, strict=True))

    @property
    def _outputs(self) -> list[tuple[Port, Array]]:
        return list(zip(self.design.outputs, self.plan.outputs, strict=True))

    def render(self) -> dict[str, str]:
        """The top function's files by path below hls/."""
        name, title = self.design.name, f"{self.design.name}: what `fpgann compile` made of a model"
        body = self._body()
        files = {
            f"{name}.h": render(
                "hls/top.h.j2",
                HeaderView(title, f"{name}_H".upper(), tuple(signature(f"void {name}", self.parameters, ";"))),
            )
        }
        files[f"{name}.cpp"] = render(
            "hls/top.cpp.j2",
            TopView(
                title=title,
                comments=(f"One input each {self.interval} cycles, if the tool reaches what the pragmas ask for.",)
                if self.interval > 1
                else ("One input a cycle, if the tool reaches what the pragmas ask for.",),
                header=f"{name}.h",
                includes=tuple(sorted(f"layers/{layer.name}.h" for layer in self.plan.layers)),
                has_forks=bool(self.forks),
                forks=tuple(self.forks),
                signature=tuple(signature(f"void {name}", self.parameters, " {")),
                body=tuple(body.lines),
            ),
        )
        return files

    def _body(self) -> Block:
        code = Block()
        self._interfaces(code)
        code.pragma("DATAFLOW" if self.is_dataflow else "PIPELINE II=1")
        names: dict[str, list[str]] = {}
        for port, array in self._inputs:
            if self.streams is not None:
                self._declare(code, array, port.name)
        if self.streams is not None:
            for stream_port, (port, array) in zip(self.streams.inputs, self._inputs, strict=True):
                sizes = f"{array.elements}, {_boolean(array.codes.signed)}, {stream_port.element_bytes}"
                code.call(f"fpgann::receive<{sizes}, {stream_port.beat_bits}>", [stream_port.name, port.name])
        for port, array in self._inputs:
            self._deliver(code, array, port.name, names)
        for layer in self.plan.layers:
            sources = [_next(names[source.name]) for source in layer.sources]
            ports = [port.name for port, array in self._outputs if array == layer.result]
            direct = bool(ports) and self.plan.readers(layer.result) == 1
            target = ports[0] if direct else layer.name
            if not direct or self.streams is not None:
                self._declare(code, layer.result, target)
            code.call(f"layers::{layer.name}", [*sources, target])
            if not direct:
                self._deliver(code, layer.result, layer.name, names)
        if self.streams is not None:
            for stream_port, (port, array) in zip(self.streams.outputs, self._outputs, strict=True):
                sizes = f"{array.elements}, {stream_port.element_bytes}, {stream_port.beat_bits}"
                code.call(f"fpgann::send<{sizes}>", [port.name, stream_port.name])
        return code

    def _interfaces(self, code: Block) -> None:
        if self.streams is not None:
            for stream_port in (*self.streams.inputs, *self.streams.outputs):
                code.pragma(f"INTERFACE mode=axis port={stream_port.name}")
            code.pragma("INTERFACE mode=ap_ctrl_none port=return")
            return
        for port, _ in (*self._inputs, *self._outputs):
            code.pragma(f"INTERFACE mode=ap_vld port={port.name}")
            code.pragma(f"ARRAY_RESHAPE variable={port.name} complete")
        code.pragma("INTERFACE mode=ap_ctrl_hs port=return")

    def _deliver(self, code: Block, array: Array, name: str, names: dict[str, list[str]]) -> None:
        """Give every reader of an array what it reads."""
        readers = [layer for layer in self.plan.layers if array in layer.sources]
        ports = [port.name for port, wanted in self._outputs if wanted == array]
        names[array.name] = [name]
        copies = list(ports)
        if self.is_dataflow and len(readers) + len(ports) > 1:
            names[array.name] = [f"{name}_for_{reader.name}" for reader in readers]
            copies += names[array.name]
        if not copies:
            return
        for copy in copies:
            if copy not in ports or self.streams is not None:
                self._declare(code, array, copy)
        self._fork(array, len(copies))
        code.call(f"fork_{array.name}", [name, *copies])

    def _fork(self, array: Array, copies: int) -> None:
        kind, body = _kind(array), Block()
        with body.loop("i", array.elements, "UNROLL" if not self.is_dataflow else "PIPELINE II=1"):
            for index in range(copies):
                body.line(f"copy{index}[i] = from[i];")
        parameters = [f"const {kind} from[{array.elements}]"]
        parameters += [f"{kind} copy{index}[{array.elements}]" for index in range(copies)]
        head = tuple(signature(f"void fork_{array.name}", parameters, " {"))
        self.forks.append(ForkView(array.name, head, tuple(body.lines)))

    def _declare(self, code: Block, array: Array, name: str) -> None:
        code.line(f"{_kind(array)} {name}[{array.elements}];")
        partition = self._partition(array)
        if partition:
            code.pragma(f"ARRAY_PARTITION variable={name} {partition}")
        depth = self._distance(array)
        if self.is_dataflow and depth > _LONGEST_LEVELS:
            code.pragma(f"STREAM variable={name} type=pipo depth={depth + 1}")

    def _distance(self, array: Array) -> int:
        """Levels between an array and the last layer that reads it: so many items are under way in between."""
        levels = {a.name: 0 for a in self.plan.inputs}
        furthest = 0
        for layer in self.plan.layers:
            levels[layer.name] = 1 + max(levels[source.name] for source in layer.sources)
            if array in layer.sources:
                furthest = max(furthest, levels[layer.name] - levels[array.name])
        return furthest

    def _partition(self, array: Array) -> str:
        """How many elements of an array must be there at once."""
        writers = [layer for layer in self.plan.layers if layer.result == array]
        readers = [layer for layer in self.plan.layers if array in layer.sources]
        if not self.is_dataflow or any(layer.schedule.unrolled for layer in (*writers, *readers)):
            return "complete"
        factors = [max(1, layer.schedule.pe) for layer in writers] + [max(1, r.schedule.simd) for r in readers]
        factor = lcm(*factors) if factors else 1
        if factor == 1:
            return ""
        return f"cyclic factor={factor}" if array.elements % factor == 0 else "complete"


def _next(names: list[str]) -> str:
    """The next reader's array: one of its own, or the one for all."""
    return names.pop(0) if len(names) > 1 else names[0]


def _kind(array: Array) -> str:
    return f"layers::{array.kind}"


def _boolean(value: bool) -> str:  # noqa: FBT001  a literal
    return "true" if value else "false"


def stack_bytes(plan: Plan) -> int:
    """A stack that holds all arrays of the program several times over; unused memory of it costs nothing."""
    arrays: Sequence[Array] = [*plan.inputs, *(layer.result for layer in plan.layers)]
    return (64 << 20) + sum(256 * (1 + array.codes.width_bits // 64) * array.elements for array in arrays)
