# SPDX-License-Identifier: Apache-2.0
"""The top entity of a design with AXI4-Stream interfaces, around the core with parallel ports."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.axil import AxilView, view_axil
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.streaming import StreamDesign, StreamPort


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """An AXI4-Stream interface and the core's port behind it."""

    name: str
    port: str
    number: int
    beat_bits: int
    beat_bytes: int
    frame_bits: int
    elements: int
    element_bits: int
    element_bytes: int
    signed: str
    has_keep: bool
    comment: str


@dataclass(frozen=True, slots=True)
class StreamTopView:
    """Vocabulary of templates/vhdl/stream_top.vhd.j2."""

    entity: str
    core: str
    title: str
    latency_cycles: int
    interval_cycles: int
    fifo_frames: int
    input_count: int
    output_count: int
    inputs: tuple[InterfaceView, ...]
    outputs: tuple[InterfaceView, ...]
    axil: AxilView


def render_stream_top(design: StreamDesign, loading: AddressMap | None) -> str:
    """The top entity.

    Args:
        design: the interfaces and their core.
        loading: addresses of the weights that are loaded at run time, if the core has such.
    """
    view = StreamTopView(
        entity=design.core.name,
        core=design.core_entity,
        title=f"{design.core.name}: {len(design.core.stages)} stages between AXI4-Stream interfaces.",
        latency_cycles=design.latency_cycles,
        interval_cycles=design.interval_cycles,
        fifo_frames=design.fifo_frames,
        input_count=len(design.inputs),
        output_count=len(design.outputs),
        inputs=tuple(_interface(port, number) for number, port in enumerate(design.inputs)),
        outputs=tuple(_interface(port, number) for number, port in enumerate(design.outputs)),
        axil=view_axil(loading),
    )
    return render("vhdl/stream_top.vhd.j2", view)


def _interface(port: StreamPort, number: int) -> InterfaceView:
    stream = port.port.stream
    sign = "signed" if stream.codes.signed else "unsigned"
    beats = "1 beat" if port.beats == 1 else f"{port.beats} beats"
    return InterfaceView(
        name=port.name,
        port=port.port.name,
        number=number,
        beat_bits=port.beat_bits,
        beat_bytes=port.beat_bytes,
        frame_bits=stream.bits,
        elements=stream.elements,
        element_bits=stream.element_bits,
        element_bytes=port.element_bytes,
        signed="true" if stream.codes.signed else "false",
        has_keep=port.has_keep,
        comment=f"{stream.elements} x {stream.element_bits} bits, {sign}, in {beats}",
    )
