# SPDX-License-Identifier: Apache-2.0
"""A network of actors joined by streams of tokens: the hardware of maps (images, signals) that come bit by bit.

A token is one position of a map with all its channels. Every stream has valid, ready and data; an actor takes a token
where valid and ready are '1'. The core of a `TokenStage` is an ordinary design that computes one token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from fpgann.hardware.design import Design
from fpgann.hardware.noise import Noise
from fpgann.hardware.streaming import StreamDesign
from fpgann.ir import Graph
from fpgann.ir.ops.reduce import Reduction
from fpgann.numerics.interval import CodeRange

FIFO_CYCLES = 2  # fpgann_frame_fifo


@dataclass(frozen=True, slots=True)
class TokenStream:
    """Tokens of one graph value.

    Args:
        name: HDL name of the stream.
        value: name of the graph value.
        tokens: how many make up the value, in row-major order.
        elements: elements of a token, the first one in the low bits.
        codes: range of every element.
    """

    name: str
    value: str
    tokens: int
    elements: int
    codes: CodeRange

    @property
    def element_bits(self) -> int:
        """Bits of one element."""
        return self.codes.width_bits

    @property
    def bits(self) -> int:
        """Bits of a token."""
        return self.elements * self.element_bits


@dataclass(frozen=True, slots=True)
class WindowGeometry:
    """How windows lie in a map of rows and columns (a signal has one row).

    Args:
        sizes: rows, columns.
        kernel: rows, columns that a window sees.
        strides: likewise.
        dilations: likewise.
        fronts: padding above and on the left; negative: rows and columns to leave out.
        behinds: padding below and on the right.
    """

    sizes: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    fronts: tuple[int, int]
    behinds: tuple[int, int]

    @property
    def reach(self) -> tuple[int, int]:
        """Places between the first and the last tap."""
        rows, columns = ((k - 1) * d for k, d in zip(self.kernel, self.dilations, strict=True))
        return rows, columns

    @property
    def gaps(self) -> tuple[int, int]:
        """Padding that maps and rows share, as in fpgann_window_buffer."""
        rows, columns = (
            max(0, front, behind, front + behind - reach)
            for front, behind, reach in zip(self.fronts, self.behinds, self.reach, strict=True)
        )
        return rows, columns

    @property
    def counts(self) -> tuple[int, int]:
        """Windows in a column and in a row."""
        rows, columns = (
            (size + front + behind - reach - 1) // stride + 1
            for size, front, behind, reach, stride in zip(
                self.sizes, self.fronts, self.behinds, self.reach, self.strides, strict=True
            )
        )
        return rows, columns


class _OneToOne:
    """An actor that makes one stream out of one."""

    __slots__ = ()

    source: TokenStream
    target: TokenStream

    @property
    def sources(self) -> tuple[TokenStream, ...]:
        """What enters."""
        return (self.source,)

    @property
    def targets(self) -> tuple[TokenStream, ...]:
        """What leaves."""
        return (self.target,)


@dataclass(frozen=True, slots=True)
class WindowBuffer(_OneToOne):
    """Windows of a map.

    Args:
        name: HDL name.
        layers: graph nodes.
        source: tokens of the map.
        target: windows.
        geometry: how they lie.
        groups: parts of a token, which a window holds one after another.
        fill: code of the padding.
    """

    name: str
    layers: tuple[str, ...]
    source: TokenStream
    target: TokenStream
    geometry: WindowGeometry
    groups: int
    fill: int

    @property
    def token_bits(self) -> int:
        """Bits of a token in the buffer, which holds what padding may be, too."""
        return self.source.elements * self.target.element_bits

    @property
    def line_depth(self) -> int:
        """Words of the memory of rows; 0 for kernels of one row."""
        if self.geometry.kernel[0] == 1:
            return 0
        return self.geometry.dilations[0] * (self.geometry.sizes[1] + self.geometry.gaps[1])


@dataclass(frozen=True, slots=True)
class TokenStage:
    """A pipeline that computes one token from one token of each source.

    Args:
        name: HDL name.
        layers: graph nodes.
        sources: streams it reads, in the order of the core's inputs.
        targets: streams it drives, in the order of the core's outputs.
        graph: what it computes for a token.
        core: the pipeline.
    """

    name: str
    layers: tuple[str, ...]
    sources: tuple[TokenStream, ...]
    targets: tuple[TokenStream, ...]
    graph: Graph
    core: Design

    @property
    def places(self) -> int:
        """Places of the FIFO of each target; see StreamDesign.fifo_frames."""
        return ceil((self.core.latency_cycles + FIFO_CYCLES) / self.core.interval_cycles) + 1


@dataclass(frozen=True, slots=True)
class Fork:
    """The same tokens for several readers.

    Args:
        name: HDL name.
        source: the tokens.
        targets: one stream a reader.
    """

    name: str
    source: TokenStream
    targets: tuple[TokenStream, ...]
    layers: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[TokenStream, ...]:
        """The tokens."""
        return (self.source,)


@dataclass(frozen=True, slots=True)
class Fifo(_OneToOne):
    """Tokens that wait for those which take a longer way.

    Args:
        name: HDL name.
        source: tokens that enter.
        target: tokens that leave.
        places: how many can wait in its memory.
    """

    name: str
    source: TokenStream
    target: TokenStream
    places: int
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Regroup(_OneToOne):
    """Fewer and larger tokens out of small ones, or the other way round.

    Args:
        name: HDL name.
        source: tokens that enter.
        target: tokens that leave.
    """

    name: str
    source: TokenStream
    target: TokenStream
    layers: tuple[str, ...] = ()

    @property
    def factor(self) -> int:
        """Small tokens of a large one."""
        return max(self.source.tokens, self.target.tokens) // min(self.source.tokens, self.target.tokens)

    @property
    def gathers(self) -> bool:
        """Whether the large tokens leave."""
        return self.source.tokens > self.target.tokens


@dataclass(frozen=True, slots=True)
class Accumulate(_OneToOne):
    """Sum, maximum or minimum of consecutive tokens, element by element.

    Args:
        name: HDL name.
        layers: graph nodes.
        source: tokens that enter.
        target: tokens that leave.
        reduction: which.
    """

    name: str
    layers: tuple[str, ...]
    source: TokenStream
    target: TokenStream
    reduction: Reduction

    @property
    def factor(self) -> int:
        """Tokens of a result."""
        return self.source.tokens // self.target.tokens


@dataclass(frozen=True, slots=True)
class Expand(_OneToOne):
    """Several tokens for each: its parts (depth to space), or itself again (nearest neighbours, broadcasting).

    Args:
        name: HDL name.
        layers: graph nodes.
        source: tokens that enter.
        target: tokens that leave.
        columns: of the map that enters; 1 where only consecutive tokens are made.
        factors: rows and columns for each.
        parts: into how many parts a token is taken apart; 1 to repeat it.
        elements: elements of the token that enters, in the order of the parts.
    """

    name: str
    layers: tuple[str, ...]
    source: TokenStream
    target: TokenStream
    columns: int
    factors: tuple[int, int]
    parts: int
    elements: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """A generator of random tokens, which always has the next one.

    Args:
        name: HDL name.
        target: tokens that leave.
        noise: what they are.
    """

    name: str
    target: TokenStream
    noise: Noise
    layers: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[TokenStream, ...]:
        """Nothing enters."""
        return ()

    @property
    def targets(self) -> tuple[TokenStream, ...]:
        """What leaves."""
        return (self.target,)


Actor: TypeAlias = WindowBuffer | TokenStage | Fork | Fifo | Regroup | Accumulate | Expand | Draw


@dataclass(frozen=True, slots=True)
class TokenPort:
    """An AXI4-Stream interface of a network of maps: one packet is one map.

    Element 0 of token 0 comes first, in the low bytes. A token is a whole number of equal beats.

    Args:
        name: what the names of its signals begin with, like `s_axis`.
        model_name: name in the model.
        stream: the tokens behind it.
        shape: the tensor that the elements in their order make up.
        permutation: axes of that tensor in the order of the model; None where it is the same.
        beat_bits: width of tdata.
        elements_per_beat: elements of every beat.
    """

    name: str
    model_name: str
    stream: TokenStream
    shape: tuple[int, ...]
    permutation: tuple[int, ...] | None
    beat_bits: int
    elements_per_beat: int

    @property
    def element_bytes(self) -> int:
        """Bytes of an element."""
        return ceil(self.stream.element_bits / 8)

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat."""
        return self.beat_bits // 8

    @property
    def beats_per_token(self) -> int:
        """Beats of a token."""
        return self.stream.elements // self.elements_per_beat

    @property
    def beats(self) -> int:
        """Beats of a packet."""
        return self.beats_per_token * self.stream.tokens

    @property
    def has_keep(self) -> bool:
        """Whether beats are not filled with elements, so that tkeep has something to say."""
        return self.elements_per_beat * self.element_bytes != self.beat_bytes


@dataclass(frozen=True)
class MapDesign:
    """A network of maps between AXI4-Stream interfaces.

    Args:
        name: HDL name of the top entity.
        inputs: slaves, in the model's order.
        outputs: masters, in the model's order.
        actors: in the order of the data.
        latency_cycles: from the first beat of the inputs to the last beat of the outputs, if nothing stalls.
        interval_cycles: from one map to the next, if nothing stalls.
        settling_maps: maps after which results come at that interval.
        streams: every stream by name.
    """

    name: str
    inputs: tuple[TokenPort, ...]
    outputs: tuple[TokenPort, ...]
    actors: tuple[Actor, ...]
    latency_cycles: int
    interval_cycles: int
    settling_maps: int
    streams: Mapping[str, TokenStream]

    @property
    def cores(self) -> tuple[TokenStage, ...]:
        """The actors that compute."""
        return tuple(actor for actor in self.actors if isinstance(actor, TokenStage))

    @property
    def noise(self) -> tuple[Noise, ...]:
        """Inputs that generators drive."""
        return tuple(actor.noise for actor in self.actors if isinstance(actor, Draw))

    @property
    def warm_up_cycles(self) -> int:
        """Cycles after a reset until nothing moves: buffers walk over the padding in front of the first map."""
        buffers = [actor.geometry for actor in self.actors if isinstance(actor, WindowBuffer)]
        return max((g.gaps[0] * (g.sizes[1] + g.gaps[1]) + g.gaps[1] for g in buffers), default=0) + 2


Streams: TypeAlias = StreamDesign | MapDesign
"""What stands between a design and AXI4-Stream."""
