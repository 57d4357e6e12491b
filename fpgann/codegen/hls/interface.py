# SPDX-License-Identifier: Apache-2.0
"""What the top function has to the outside, for the programs that call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fpgann.codegen.hls.plan import Array, Loaded


@dataclass(frozen=True, slots=True)
class Beats:
    """How a tensor becomes a packet of AXI4-Stream.

    Args:
        name: of the stream.
        bits: of a beat.
        element_bytes: of an element.
        lanes: elements of a beat.
    """

    name: str
    bits: int
    element_bytes: int
    lanes: int

    @property
    def stream_type(self) -> str:
        """C++ type of the stream."""
        return f"fpgann::stream<fpgann::beat<{self.bits}>>"

    @property
    def sizes(self) -> str:
        """Arguments of templates."""
        return f"{self.element_bytes}, {self.bits}, {self.lanes}"


@dataclass(frozen=True, slots=True)
class HostPort:
    """A tensor that enters or leaves.

    Args:
        name: C++ variable of its array.
        array: the array; `value` names the graph value whose codes it holds in their order.
        delivered: the graph value that users give or get.
        beats: AXI4-Stream, if that is how it travels.
        shape: of the tensor that is brought into another order on the way; empty where that is the same.
        order: axes of that tensor in the order that they have behind it.
    """

    name: str
    array: Array
    delivered: str
    beats: Beats | None = None
    shape: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    @property
    def port(self) -> str:
        """What users call it."""
        return self.name if self.beats is None else self.beats.name

    def describe(self) -> dict[str, Any]:
        """For hls/design.json."""
        named = {"port": self.port, "shape": list(self.shape), "order": list(self.order)}
        return {**describe_array(self.array), **named, "value": self.delivered}


@dataclass(frozen=True, slots=True)
class Interface:
    """All of them.

    Args:
        top: name of the top function.
        inputs: in the model's order.
        outputs: likewise.
        loaded: memories of weights and biases.
        headers: what declares the functions inside of the top one.
        stack_bytes: of a stack that holds all arrays.
    """

    top: str
    inputs: tuple[HostPort, ...]
    outputs: tuple[HostPort, ...]
    loaded: tuple[Loaded, ...]
    headers: tuple[str, ...]
    stack_bytes: int


def describe_loaded(loaded: Loaded) -> dict[str, Any]:
    """For hls/design.json."""
    return {**describe_array(loaded.array), "tensor": loaded.tensor}


def words_of(array: Array) -> int:
    """Words of 64 bits that a code takes."""
    return (array.codes.width_bits + 63) // 64


def describe_array(array: Array) -> dict[str, Any]:
    """For hls/design.json."""
    return {
        "name": array.name,
        "value": array.value,
        "elements": array.elements,
        "words": words_of(array),
        "signed": array.codes.signed,
    }
