# SPDX-License-Identifier: Apache-2.0
"""The top function: layers and the arrays between them."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.plan import Array, Plan
from fpgann.codegen.hls.region import ForkView, Region
from fpgann.codegen.render import render
from fpgann.hardware.design import Design, Port
from fpgann.hardware.names import printable
from fpgann.hardware.streaming import StreamDesign, StreamPort
from fpgann.ir import Encoding, Graph


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


def render_types(plan: Plan, streams: StreamDesign | None) -> str:
    """types.h: the codes of every array."""
    types = tuple(
        TypeView(array.kind, array.kind_text, f"'{printable((array.value,))}': {_meaning(part.graph, array)}")
        for part in plan.plans
        for array in (*part.inputs, *(layer.result for layer in part.layers))
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
        self.is_dataflow = streams is not None or not plan.unrolled
        self.forks: list[ForkView] = []

    @property
    def parameters(self) -> list[str]:
        """Parameters of the top function."""
        if self.streams is not None:
            ports = (*self.streams.inputs, *self.streams.outputs)
            return [f"fpgann::stream<{beat_type(port)}> &{port.name}" for port in ports]
        found = [f"const {a.qualified} {p.name}[{a.elements}]" for p, a in self._inputs]
        return found + [f"{a.qualified} {p.name}[{a.elements}]" for p, a in self._outputs]

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
        inputs, outputs = ([port.name for port in side] for side in (self.design.inputs, self.design.outputs))
        region = Region(self.plan, inputs, outputs, is_dataflow=self.is_dataflow, declares=self.streams is not None)
        if self.streams is not None:
            for port, array in self._inputs:
                region.declare(code, array, port.name)
            for stream_port, (port, array) in zip(self.streams.inputs, self._inputs, strict=True):
                sizes = f"{array.elements}, {_boolean(array.codes.signed)}, {stream_port.element_bytes}"
                code.call(f"fpgann::receive<{sizes}, {stream_port.beat_bits}>", [stream_port.name, port.name])
        region.write(code)
        self.forks = region.forks
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


def _boolean(value: bool) -> str:  # noqa: FBT001  a literal
    return "true" if value else "false"


def stack_bytes(plan: Plan) -> int:
    """A stack that holds all arrays of the program several times over; unused memory of it costs nothing."""
    return (64 << 20) + sum(256 * (1 + array.codes.width_bits // 64) * array.elements for array in plan.arrays)
