# SPDX-License-Identifier: Apache-2.0
"""The top entity: stages and the streams between them."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.hardware.design import Design, Port, Stage, Stream, WiringKernel
from fpgann.hardware.names import printable


@dataclass(frozen=True, slots=True)
class PortView:
    """A data port."""

    name: str
    bits: int
    stream: str
    wait_cycles: int
    comment: str


@dataclass(frozen=True, slots=True)
class StreamView:
    """A pair of signals."""

    name: str
    bits: int
    comment: str


@dataclass(frozen=True, slots=True)
class StageView:
    """An instance, or wires."""

    entity: str
    source: str
    target: str
    layers: str
    comment: str
    is_entity: bool
    is_wiring: bool
    wires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopView:
    """Vocabulary of templates/vhdl/top.vhd.j2."""

    entity: str
    title: str
    latency_cycles: int
    interval_cycles: int
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    streams: tuple[StreamView, ...]
    stages: tuple[StageView, ...]
    valid_stream: str
    valid_wait_cycles: int


def render_top(design: Design, entities: dict[str, str]) -> str:
    """The top entity.

    Args:
        design: the design.
        entities: stage name -> entity name.
    """
    streams = {port.stream.name: port.stream for port in design.inputs}
    streams |= {stage.target.name: stage.target for stage in design.stages}
    shown = design.outputs[0]
    view = TopView(
        entity=design.name,
        title=f"{design.name}: {len(design.stages)} stages.",
        latency_cycles=design.latency_cycles,
        interval_cycles=design.interval_cycles,
        inputs=tuple(_port(port) for port in design.inputs),
        outputs=tuple(_port(port) for port in design.outputs),
        streams=tuple(StreamView(s.name, s.bits, _elements(s)) for s in streams.values()),
        stages=tuple(_stage(stage, entities.get(stage.name, "")) for stage in design.stages),
        valid_stream=shown.stream.name,
        valid_wait_cycles=shown.wait_cycles,
    )
    return render("vhdl/top.vhd.j2", view)


def _elements(stream: Stream) -> str:
    sign = "signed" if stream.codes.signed else "unsigned"
    return f"{stream.elements} x {stream.element_bits} bits, {sign}"


def _port(port: Port) -> PortView:
    return PortView(port.name, port.stream.bits, port.stream.name, port.wait_cycles, _elements(port.stream))


def _stage(stage: Stage, entity: str) -> StageView:
    wires: tuple[str, ...] = ()
    if isinstance(stage.kernel, WiringKernel):
        bits = stage.source.element_bits
        wires = tuple(
            f"{stage.target.name}_data({(i + 1) * bits - 1} downto {i * bits}) <= "
            f"{stage.source.name}_data({(j + 1) * bits - 1} downto {j * bits});"
            for i, j in enumerate(stage.kernel.permutation)
        )
    layers = printable(stage.layers)
    comment = f"{layers}: {stage.strategy.value}, latency {stage.latency_cycles}, interval {stage.interval_cycles}"
    return StageView(entity, stage.source.name, stage.target.name, layers, comment, not wires, bool(wires), wires)
