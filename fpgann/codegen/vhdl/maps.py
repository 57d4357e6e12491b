# SPDX-License-Identifier: Apache-2.0
"""The top entity of a network of maps: actors, and the streams of tokens between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.literals import packed, vector
from fpgann.codegen.vhdl.noise import NoiseView, view_noise
from fpgann.codegen.vhdl.top import extended
from fpgann.hardware.names import printable
from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Draw,
    Expand,
    Fifo,
    Fork,
    MapDesign,
    Regroup,
    TokenPort,
    TokenStage,
    TokenStream,
    WindowBuffer,
)


@dataclass(frozen=True, slots=True)
class MapPortView:
    """An AXI4-Stream interface."""

    name: str
    stream: str
    number: int
    beat_bits: int
    beat_bytes: int
    tokens: int
    beats: int
    per_beat: int
    element_bits: int
    element_bytes: int
    signed: str
    has_keep: bool
    comment: str


@dataclass(frozen=True, slots=True)
class TokenStreamView:
    """A stream, and the port of the core at an end of it."""

    name: str
    bits: int
    number: int = 0
    port: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class GenericView:
    """A generic and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ActorView:
    """An actor; its name is that of the (first) stream that it drives, but for forks."""

    name: str
    comment: str
    is_shell: bool = False
    is_fork: bool = False
    is_fifo: bool = False
    is_stage: bool = False
    draws: tuple[NoiseView, ...] = ()
    entity: str = ""
    generics: tuple[GenericView, ...] = ()
    source: str = ""
    in_data: str = ""
    in_bits: int = 0
    is_wired: bool = False
    wires: tuple[str, ...] = ()
    places: int = 0
    sources: tuple[TokenStreamView, ...] = ()
    targets: tuple[TokenStreamView, ...] = ()
    input_count: int = 1
    output_count: int = 1


@dataclass(frozen=True, slots=True)
class MapsTopView:
    """Vocabulary of templates/vhdl/maps_top.vhd.j2."""

    entity: str
    title: str
    latency_cycles: int
    interval_cycles: int
    input_count: int
    inputs: tuple[MapPortView, ...]
    outputs: tuple[MapPortView, ...]
    streams: tuple[TokenStreamView, ...]
    actors: tuple[ActorView, ...]


def render_maps_top(design: MapDesign, cores: Mapping[str, str]) -> str:
    """The top entity.

    Args:
        design: the network.
        cores: name of a pipeline -> entity of its core.
    """
    view = MapsTopView(
        entity=design.name,
        title=f"{design.name}: {len(design.cores)} pipelines between streams of tokens.",
        latency_cycles=design.latency_cycles,
        interval_cycles=design.interval_cycles,
        input_count=len(design.inputs),
        inputs=tuple(_port(port, number) for number, port in enumerate(design.inputs)),
        outputs=tuple(_port(port, number) for number, port in enumerate(design.outputs)),
        streams=tuple(TokenStreamView(s.name, s.bits, comment=_tokens(s)) for s in design.streams.values()),
        actors=tuple(_actor(actor, cores) for actor in design.actors),
    )
    return render("vhdl/maps_top.vhd.j2", view)


def _tokens(stream: TokenStream) -> str:
    sign = "signed" if stream.codes.signed else "unsigned"
    tokens = "1 token" if stream.tokens == 1 else f"{stream.tokens} tokens"
    return f"{tokens} of {stream.elements} x {stream.element_bits} bits, {sign}"


def _port(port: TokenPort, number: int) -> MapPortView:
    stream = port.stream
    beats = "1 beat" if port.beats_per_token == 1 else f"{port.beats_per_token} beats"
    return MapPortView(
        name=port.name,
        stream=stream.name,
        number=number,
        beat_bits=port.beat_bits,
        beat_bytes=port.beat_bytes,
        tokens=stream.tokens,
        beats=port.beats_per_token,
        per_beat=port.elements_per_beat,
        element_bits=stream.element_bits,
        element_bytes=port.element_bytes,
        signed=_boolean(stream.codes.signed),
        has_keep=port.has_keep,
        comment=f"{_tokens(stream)}, {beats} a token",
    )


def _boolean(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"


def _actor(actor: Actor, cores: Mapping[str, str]) -> ActorView:
    match actor:
        case TokenStage():
            return _stage(actor, cores[actor.name])
        case Fork(source=source, targets=targets):
            return ActorView(
                actor.name,
                f"For {len(targets)} readers",
                is_fork=True,
                source=source.name,
                targets=_numbered(targets),
                output_count=len(targets),
            )
        case Fifo(source=source, places=places):
            comment = "Waits for what takes a longer way"
            return ActorView(actor.name, comment, is_fifo=True, source=source.name, in_bits=source.bits, places=places)
        case Draw(noise=noise):
            return ActorView(actor.name, "Random numbers", draws=(view_noise(noise, actor.name),))
        case _:
            return _shell(actor)


def _stage(actor: TokenStage, entity: str) -> ActorView:
    core = actor.core
    layers = printable(actor.layers)
    return ActorView(
        actor.name,
        f"Layer {layers}: latency {core.latency_cycles}, interval {core.interval_cycles}",
        is_stage=True,
        entity=entity,
        places=actor.places,
        sources=_numbered(actor.sources, [port.name for port in core.inputs]),
        targets=_numbered(actor.targets, [port.name for port in core.outputs]),
        input_count=len(actor.sources),
        output_count=len(actor.targets),
    )


def _numbered(streams: Sequence[TokenStream], ports: Sequence[str] = ()) -> tuple[TokenStreamView, ...]:
    named = ports or [""] * len(streams)
    pairs = enumerate(zip(streams, named, strict=True))
    return tuple(TokenStreamView(stream.name, stream.bits, number, port) for number, (stream, port) in pairs)


def _shell(actor: WindowBuffer | Regroup | Accumulate | Expand) -> ActorView:
    source, in_bits = actor.source, actor.source.bits
    wires: tuple[str, ...] = ()
    generics: tuple[tuple[str, object], ...]
    match actor:
        case WindowBuffer():
            entity, generics, what = "fpgann_window_buffer", _window_generics(actor), "windows"
            in_bits = actor.token_bits
            if actor.target.element_bits != source.element_bits:
                wires = _wires(actor.name, source, range(source.elements), actor.target.element_bits)
        case Expand(columns=columns, factors=factors, parts=parts):
            entity, what = "fpgann_token_expand", "larger map"
            numbers = (("COLUMNS", columns), ("ROW_FACTOR", factors[0]), ("COLUMN_FACTOR", factors[1]))
            generics = (*numbers, ("WIDTH", source.bits), ("PARTS", parts))
            if actor.elements != tuple(range(source.elements)):
                wires = _wires(actor.name, source, actor.elements, source.element_bits)
        case Accumulate(factor=factor, reduction=reduction, target=target):
            entity, what = "fpgann_token_reduce", reduction.value
            shape = (("TOKENS", factor), ("ELEMENTS", source.elements), ("IN_WIDTH", source.element_bits))
            signs = (("IN_SIGNED", _boolean(source.codes.signed)), ("OUT_WIDTH", target.element_bits))
            generics = (*shape, *signs, ("KIND", f'"{reduction.value}"'))
        case Regroup(gathers=gathers, factor=factor):
            entity = f"fpgann_token_{'gather' if gathers else 'scatter'}"
            what = "tokens side by side" if gathers else "tokens one after another"
            generics = (("TOKENS", factor), ("WIDTH", min(source.bits, actor.target.bits)))
    layers = printable(actor.layers)
    return ActorView(
        actor.name,
        f"Layer {layers}: {what}" if actor.layers else what.capitalize(),
        is_shell=True,
        entity=entity,
        generics=_aligned(generics),
        source=source.name,
        in_data=f"{actor.name}_source" if wires else f"{source.name}_data",
        in_bits=in_bits,
        is_wired=bool(wires),
        wires=wires,
    )


def _window_generics(actor: WindowBuffer) -> tuple[tuple[str, object], ...]:
    geometry, width = actor.geometry, actor.target.element_bits
    named = (
        ("{}S", geometry.sizes),
        ("KERNEL_{}S", geometry.kernel),
        ("STRIDE_{}S", geometry.strides),
        ("DILATION_{}S", geometry.dilations),
    )
    pairs = [
        (name.format(axis), number)
        for name, numbers in named
        for axis, number in zip(("ROW", "COLUMN"), numbers, strict=True)
    ]
    pads = zip(("PAD_TOP", "PAD_LEFT", "PAD_BOTTOM", "PAD_RIGHT"), (*geometry.fronts, *geometry.behinds), strict=True)
    fill = vector(packed([actor.fill] * actor.source.elements, width), actor.token_bits)
    return (("TOKEN_WIDTH", actor.token_bits), ("GROUPS", actor.groups), *pairs, *pads, ("FILL", fill))


def _aligned(generics: Sequence[tuple[str, object]]) -> tuple[GenericView, ...]:
    width = max(len(name) for name, _ in generics)
    return tuple(GenericView(name.ljust(width), str(value)) for name, value in generics)


def _wires(name: str, source: TokenStream, elements: Sequence[int], width: int) -> tuple[str, ...]:
    """One assignment per element that enters a shell, which may be wider than it comes."""
    bits = source.element_bits
    lines = []
    for position, element in enumerate(elements):
        text = extended(f"{source.name}_data", element * bits, source.codes, 0, width)
        lines.append(f"{name}_source({(position + 1) * width - 1} downto {position * width}) <= {text};")
    return tuple(lines)
