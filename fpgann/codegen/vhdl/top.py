# SPDX-License-Identifier: Apache-2.0
"""The top entity: stages and the streams between them."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.axil import AxilView, view_axil
from fpgann.codegen.vhdl.literals import bits
from fpgann.codegen.vhdl.noise import NoiseView, view_noise
from fpgann.codegen.vhdl.requantizers import dsp_style
from fpgann.hardware.design import Design, FoldedKernel, Port, Stage, Stream
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.names import printable
from fpgann.hardware.neurons import SharedArray
from fpgann.hardware.wiring import WiringKernel
from fpgann.numerics.interval import CodeRange


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
class WaitView:
    """A source on its way to the others."""

    name: str
    source: str
    bits: int
    cycles: int
    first_bit: int
    last_bit: int


@dataclass(frozen=True, slots=True)
class StageView:
    """An instance, or wires."""

    entity: str
    valid: str
    data: str
    in_bits: int
    target: str
    layers: str
    comment: str
    is_entity: bool
    is_joined: bool
    wires: tuple[str, ...]
    waits: tuple[WaitView, ...]
    is_loadable: bool
    load_number: int
    is_member: bool
    array: str


@dataclass(frozen=True, slots=True)
class ArrayView:
    """Neurons that stages share, and where the parts of a request lie."""

    name: str
    members: tuple[str, ...]
    requests: str
    pe: int
    simd: int
    in_bits: int
    weight_bits: int
    bias_bits: int
    acc_bits: int
    styles: tuple[str, ...]
    request_bits: int
    sum_bits: int
    in_high: int
    weights_low: int
    weights_high: int
    biases_low: int
    biases_high: int


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
    arrays: tuple[ArrayView, ...]
    valid_stream: str
    valid_wait_cycles: int
    axil: AxilView
    noise: tuple[NoiseView, ...]


def render_top(design: Design, entities: dict[str, str], loading: AddressMap | None) -> str:
    """The top entity.

    Args:
        design: the design.
        entities: stage name -> entity name.
        loading: addresses of the weights that are loaded at run time, if it has such.
    """
    streams = {port.stream.name: port.stream for port in design.inputs}
    streams |= {design.streams[noise.name].name: design.streams[noise.name] for noise in design.noise}
    streams |= {stage.target.name: stage.target for stage in design.stages}
    shown = design.outputs[0]
    loaded = [] if loading is None else [layer.name for layer in loading.layers]
    view = TopView(
        entity=design.name,
        title=f"{design.name}: {len(design.stages)} stages.",
        latency_cycles=design.latency_cycles,
        interval_cycles=design.interval_cycles,
        inputs=tuple(_port(port) for port in design.inputs),
        outputs=tuple(_port(port) for port in design.outputs),
        streams=tuple(StreamView(s.name, s.bits, _elements(s)) for s in streams.values()),
        stages=tuple(_stage(stage, entities.get(stage.name, ""), loaded) for stage in design.stages),
        arrays=tuple(_array(design, array) for array in design.arrays),
        valid_stream=shown.stream.name,
        valid_wait_cycles=shown.wait_cycles,
        axil=view_axil(loading),
        noise=tuple(view_noise(noise, design.streams[noise.name].name) for noise in design.noise),
    )
    return render("vhdl/top.vhd.j2", view)


def _elements(stream: Stream) -> str:
    sign = "signed" if stream.codes.signed else "unsigned"
    return f"{stream.elements} x {stream.element_bits} bits, {sign}"


def _port(port: Port) -> PortView:
    return PortView(port.name, port.stream.bits, port.stream.name, port.wait_cycles, _elements(port.stream))


def _stage(stage: Stage, entity: str, loaded: list[str]) -> StageView:
    data = f"{stage.target.name}_in_data" if stage.is_joined else f"{stage.source.name}_data"
    latest = stage.sources[stage.waits.index(0)]
    layers = printable(stage.layers)
    is_wiring, array = isinstance(stage.kernel, WiringKernel), _shared(stage)
    return StageView(
        entity=entity,
        valid=f"{latest.name}_valid",
        data=data,
        in_bits=stage.in_bits,
        target=stage.target.name,
        layers=layers,
        comment=f"{layers}: {stage.strategy.value}, latency {stage.latency_cycles}, interval {stage.interval_cycles}",
        is_entity=not is_wiring,
        is_joined=stage.is_joined,
        wires=_wires(stage, data),
        waits=_waits(stage) if stage.is_joined else (),
        is_loadable=stage.name in loaded,
        load_number=loaded.index(stage.name) if stage.name in loaded else 0,
        is_member=array is not None,
        array="" if array is None else array.name,
    )


def _shared(stage: Stage) -> SharedArray | None:
    return stage.kernel.shared if isinstance(stage.kernel, FoldedKernel) else None


def _array(design: Design, array: SharedArray) -> ArrayView:
    members = tuple(stage.target.name for stage in design.stages if _shared(stage) == array)
    weights_low = array.simd * array.in_bits
    biases_low = weights_low + array.pe * array.simd * array.weight_bits
    return ArrayView(
        name=array.name,
        members=members,
        requests=" or ".join(f"{member}_request" for member in members),
        pe=array.pe,
        simd=array.simd,
        in_bits=array.in_bits,
        weight_bits=array.weight_bits,
        bias_bits=array.bias_bits,
        acc_bits=array.sum_bits,
        styles=tuple(dsp_style(array.multipliers)),
        request_bits=array.request_bits,
        sum_bits=array.pe * array.sum_bits,
        in_high=weights_low - 1,
        weights_low=weights_low,
        weights_high=biases_low - 1,
        biases_low=biases_low,
        biases_high=array.request_bits - 2,
    )


def _waits(stage: Stage) -> tuple[WaitView, ...]:
    views, position = [], 0
    for number, (stream, cycles) in enumerate(zip(stage.sources, stage.waits, strict=True), 1):
        name = f"{stage.target.name}_wait_{number}"
        views.append(WaitView(name, f"{stream.name}_data", stream.bits, cycles, position, position + stream.bits - 1))
        position += stream.bits
    return tuple(views)


def _wires(stage: Stage, data: str) -> tuple[str, ...]:
    """One assignment per element of a stage without logic."""
    if not isinstance(stage.kernel, WiringKernel):
        return ()
    fields, width = stage.fields(), stage.target.element_bits
    lines = []
    for position, wire in enumerate(stage.kernel.wires):
        if wire.element is None:
            text = bits(wire.constant, width)
        else:
            lowest, codes = fields[wire.element]
            text = extended(data, lowest, codes, wire.shift, width)
        lines.append(f"{stage.target.name}_data({(position + 1) * width - 1} downto {position * width}) <= {text};")
    return tuple(lines)


def extended(data: str, lowest: int, codes: CodeRange, shift: int, width: int) -> str:
    """An element shifted left and extended to a width, as a concatenation."""
    kept = min(codes.width_bits, width - shift)
    highest = lowest + kept - 1
    sign = f"{data}({highest})" if codes.signed else "'0'"
    parts = [sign] * (width - shift - kept) + [f"{data}({highest} downto {lowest})"]
    return " & ".join([*parts, *([f'"{"0" * shift}"'] if shift else [])])
