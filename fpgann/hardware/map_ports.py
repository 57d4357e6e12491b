# SPDX-License-Identifier: Apache-2.0
"""AXI4-Stream interfaces of networks of maps: how tokens become beats."""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import ceil

from fpgann.errors import ConfigError
from fpgann.hardware.folding import divisors
from fpgann.hardware.map_drafts import Border
from fpgann.hardware.map_partition import Partition
from fpgann.hardware.names import Namespace
from fpgann.hardware.streaming import INTERFACE_SUFFIXES, MAX_WIDTH_BITS
from fpgann.hardware.token_graph import TokenPort, TokenStream

WIDEST_TOKEN_BITS = 512  # without --stream-width a beat is a token, if that is not wider


def plan_ports(
    partition: Partition,
    inputs: Sequence[TokenStream],
    outputs: Sequence[TokenStream],
    width_bits: int | None,
    noise: Container[str] = (),
) -> tuple[tuple[TokenPort, ...], tuple[TokenPort, ...]]:
    """Interfaces for the inputs and outputs of a graph.

    Args:
        partition: the graph's division.
        inputs: streams of its inputs.
        outputs: streams of its outputs.
        width_bits: width of every tdata; None leaves it to the tokens.
        noise: inputs that have no interface, because generators drive them.

    Raises:
        ConfigError: the width is no number of bytes, or below an element.
    """
    names = Namespace()

    def ports(borders: list[Border], streams: Sequence[TokenStream], prefix: str) -> tuple[TokenPort, ...]:
        found = []
        for border, stream in zip(borders, streams, strict=True):
            name = prefix
            if len(borders) > 1:
                name = names.claim(border.name, "data", prefix=f"{prefix}_", suffixes=INTERFACE_SUFFIXES)
            beat_bits, per_beat = _beat(border, stream, width_bits)
            found.append(TokenPort(name, border.name, stream, border.shape, border.permutation, beat_bits, per_beat))
        return tuple(found)

    entering = [border for border in partition.inputs if border.name not in noise]
    return ports(entering, inputs, "s_axis"), ports(partition.outputs, outputs, "m_axis")


def _beat(border: Border, stream: TokenStream, width_bits: int | None) -> tuple[int, int]:
    """Width of tdata, and elements of a beat: a whole fraction of a token."""
    size = 8 * ceil(stream.element_bits / 8)
    if width_bits is None:
        widest = WIDEST_TOKEN_BITS if stream.tokens > 1 else size
        per_beat = max((d for d in divisors(stream.elements) if d * size <= widest), default=1)
        return per_beat * size, per_beat
    where = "--stream-width"
    if width_bits % 8 or not 8 <= width_bits <= MAX_WIDTH_BITS:
        hint = f"give a multiple of 8 up to {MAX_WIDTH_BITS}"
        raise ConfigError(f"{width_bits} bits are no whole number of bytes in range", where=where, hint=hint)
    if width_bits < size:
        raise ConfigError(
            f"a beat of {width_bits} bits holds no element of '{border.name}' ({stream.element_bits} bits)",
            where=where,
            hint=f"the least that works is {size}",
        )
    return width_bits, max(d for d in divisors(stream.elements) if d * size <= width_bits)
