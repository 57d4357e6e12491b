# SPDX-License-Identifier: Apache-2.0
"""The top function: layers and the arrays between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.harness import load_arrays, read_array, write_array
from fpgann.codegen.hls.interface import Beats, HostPort, Interface
from fpgann.codegen.hls.layer import render_layers
from fpgann.codegen.hls.noise import LIBRARY as NOISE_LIBRARY
from fpgann.codegen.hls.noise import render_noise
from fpgann.codegen.hls.plan import Array, Plan
from fpgann.codegen.hls.region import ForkView, Region
from fpgann.codegen.render import render
from fpgann.hardware.design import Design
from fpgann.hardware.names import printable
from fpgann.hardware.streaming import StreamDesign
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


def type_view(array: Array, graph: Graph) -> TypeView:
    """The type of an array's codes."""
    encoding: Encoding = graph.types[array.value].codes
    return TypeView(array.kind, array.kind_text, f"'{printable((array.value,))}': {printable((str(encoding),))}")


def plan_types(plan: Plan) -> list[TypeView]:
    """The types of all arrays of a plan, and of weights that are loaded."""
    found = [type_view(array, level.graph) for level in plan.plans for array in level.own_arrays]
    for loaded in plan.loaded:
        array, comment = loaded.array, f"each {loaded.tensor} of '{printable((loaded.array.value,))}'"
        found.append(TypeView(array.kind, array.kind_text, comment))
    return found


def render_top(
    name: str, interval: int, parameters: Sequence[str], body: Block, includes: Sequence[str], forks: Sequence[ForkView]
) -> dict[str, str]:
    """The top function's files by path below hls/."""
    title = f"{name}: what `fpgann compile` made of a model"
    pace = "One input a cycle" if interval == 1 else f"One input each {interval} cycles"
    head = HeaderView(title, f"{name}_H".upper(), tuple(signature(f"void {name}", list(parameters), ";")))
    view = TopView(
        title=title,
        comments=(f"{pace}, if the tool reaches what the pragmas ask for.",),
        header=f"{name}.h",
        includes=tuple(sorted(includes)),
        has_forks=bool(forks),
        forks=tuple(forks),
        signature=tuple(signature(f"void {name}", list(parameters), " {")),
        body=tuple(body.lines),
    )
    return {f"{name}.h": render("hls/top.h.j2", head), f"{name}.cpp": render("hls/top.cpp.j2", view)}


class Program:
    """A design whose layers exchange whole tensors.

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
        self._inputs = list(zip(design.inputs, plan.inputs, strict=True))
        self._outputs = list(zip(design.outputs, plan.outputs, strict=True))

    @property
    def library(self) -> tuple[str, ...]:
        """Headers of fpgann/ that only some designs need."""
        found = () if self.streams is None else ("axis.h",)
        return NOISE_LIBRARY if self.plan.drawn else found

    @property
    def interface(self) -> Interface:
        """What it has to the outside."""
        beats: dict[str, Beats] = {}
        for port in () if self.streams is None else (*self.streams.inputs, *self.streams.outputs):
            beats[port.port.name] = Beats(port.name, port.beat_bits, port.element_bytes, port.elements_per_beat)
        inputs, outputs = (
            tuple(HostPort(port.name, array, array.value, beats.get(port.name)) for port, array in side)
            for side in (self._inputs, self._outputs)
        )
        loaded, bytes_ = self.plan.loaded, stack_bytes(self.plan.arrays)
        return Interface(self.design.name, inputs, outputs, loaded, self._headers, bytes_)

    @property
    def traced(self) -> list[tuple[Array, str]]:
        """Arrays that a trace delivers, and the layer in front of each."""
        return [(layer.result, layer.node.name) for layer in self.plan.layers]

    @property
    def _headers(self) -> tuple[str, ...]:
        noise = ["noise.h"] if self.plan.drawn else []
        return tuple(sorted([*(f"layers/{layer.name}.h" for layer in self.plan.layers), *noise]))

    @property
    def _parameters(self) -> list[str]:
        ports = (*self.interface.inputs, *self.interface.outputs)
        loaded = [f"const {loaded.declaration}" for loaded in self.plan.loaded]
        if self.streams is not None:
            return [f"{port.beats.stream_type} &{port.port}" for port in ports if port.beats is not None] + loaded
        found = [f"const {a.qualified} {p.name}[{a.elements}]" for p, a in self._inputs]
        return found + [f"{a.qualified} {p.name}[{a.elements}]" for p, a in self._outputs] + loaded

    def render(self) -> dict[str, str]:
        """Its files by path below hls/.

        Raises:
            UnsupportedOperatorError: an operator has no C++.
        """
        files = render_layers(self.plan)
        includes = ("fpgann/integers.h",) if self.streams is None else ("fpgann/axis.h", "fpgann/integers.h")
        files["types.h"] = render("hls/types.h.j2", TypesView(includes, tuple(plan_types(self.plan))))
        if self.plan.drawn:
            files["noise.h"] = render_noise({array.name: noise for array, noise in self.plan.drawn})
        body, forks = self._body()
        return files | render_top(self.design.name, self.interval, self._parameters, body, self._headers, forks)

    def trace(self) -> Block:
        """One layer after another; every layer's result is delivered."""
        code = Block()
        for index, array in enumerate(self.plan.inputs):
            read_array(code, array, array.name, index)
        load_arrays(code, self.plan.loaded, len(self.plan.inputs))
        for array, _ in self.plan.drawn:
            code.line(f"{array.qualified} {array.name}[{array.elements}];")
            code.call(f"fpgann::draw<noise::{array.name}>", [array.name])
        for index, layer in enumerate(self.plan.layers):
            code.line(f"{layer.result.qualified} {layer.name}[{layer.result.elements}];")
            loaded = [loaded.array.name for loaded in layer.loaded]
            code.call(f"layers::{layer.name}", [*(source.name for source in layer.sources), *loaded, layer.name])
            write_array(code, layer.result, layer.name, index)
        return code

    def _body(self) -> tuple[Block, list[ForkView]]:
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
        if self.streams is not None:
            for stream_port, (port, array) in zip(self.streams.outputs, self._outputs, strict=True):
                sizes = f"{array.elements}, {stream_port.element_bytes}, {stream_port.beat_bits}"
                code.call(f"fpgann::send<{sizes}>", [port.name, stream_port.name])
        return code, region.forks

    def _interfaces(self, code: Block) -> None:
        for layer in self.plan.layers:
            factors = {"weight": (layer.schedule.simd, layer.schedule.pe), "bias": (layer.schedule.pe,)}
            for loaded in layer.loaded:
                code.pragma(f"INTERFACE mode=bram port={loaded.array.name}")
                for dim, factor in enumerate(factors[loaded.tensor], start=1):
                    if factor > 1:
                        shape = f"cyclic factor={factor} dim={dim}"
                        code.pragma(f"ARRAY_RESHAPE variable={loaded.array.name} {shape}")
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


def stack_bytes(arrays: Iterable[Array]) -> int:
    """A stack that holds arrays several times over; unused memory of it costs nothing."""
    return (64 << 20) + sum(256 * (1 + array.codes.width_bits // 64) * array.elements for array in arrays)
