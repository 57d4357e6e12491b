# SPDX-License-Identifier: Apache-2.0
"""The memories of weights and biases that are written at run time, and their addresses on AXI4-Lite.

The slave (hdl/fpgann_axil_loader.vhd) has registers at the lowest addresses and a window per memory
(hdl/fpgann_loadable_memory.vhd). An element takes one word of 32 bits, or several of which the lowest comes first;
the multipliers of a step, the steps, and the windows begin at powers of two, so that decoding takes no arithmetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from fpgann.errors import ConfigError
from fpgann.hardware.design import Design, FoldedKernel
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange

MAP_VERSION = 1
REGISTER_BYTES = 16  # version, identity, two places that are free
MAX_ADDRESS_BITS = 30
MAX_ELEMENT_BITS = 63
_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class Window:
    """The addresses of a memory, in bytes.

    Args:
        base: of the first element; a multiple of the size.
        element_bits: bits of an element.
        lanes: elements that are read together.
        depth: words of so many elements.
    """

    base: int
    element_bits: int
    lanes: int
    depth: int

    @property
    def element_words(self) -> int:
        """32-bit words of an element."""
        return ceil(self.element_bits / _WORD_BITS)

    @property
    def lane_stride(self) -> int:
        """From a lane to the next."""
        return _WORD_BITS // 8 * _power_of_two(self.element_words)

    @property
    def step_stride(self) -> int:
        """From a word of the memory to the next."""
        return self.lane_stride * _power_of_two(self.lanes)

    @property
    def size(self) -> int:
        """Of the window, with what is not used."""
        return self.step_stride * _power_of_two(self.depth)

    def writes(self, rows: IntArray) -> tuple[list[int], list[int]]:
        """Addresses and 32-bit data that fill the memory.

        Args:
            rows: codes, shape (depth, lanes).
        """
        addresses, data = [], []
        for step, row in enumerate(rows.tolist()):
            for lane, code in enumerate(row):
                place = self.base + step * self.step_stride + lane * self.lane_stride
                for word in range(self.element_words):
                    addresses.append(place + _WORD_BITS // 8 * word)
                    data.append(code >> (_WORD_BITS * word) & 0xFFFF_FFFF)
        return addresses, data


@dataclass(frozen=True, slots=True)
class LayerWindows:
    """A layer whose weights and biases can be written.

    The weight of input i to output o is in lane (o % pe) * simd + i % simd of word
    (o // pe) * (inputs // simd) + i // simd; the bias of output o in lane o % pe of word o // pe.

    Args:
        name: HDL name of its stage.
        layer: name in the model.
        inputs: rows of the weights.
        outputs: columns of the weights.
        pe: neurons side by side.
        simd: multipliers of a neuron.
        weights: addresses of the weights.
        biases: addresses of the biases.
    """

    name: str
    layer: str
    inputs: int
    outputs: int
    pe: int
    simd: int
    weights: Window
    biases: Window

    def writes(self, weight: IntArray, bias: IntArray) -> tuple[list[int], list[int]]:
        """Addresses and data that load the layer.

        Args:
            weight: codes, shape (inputs, outputs).
            bias: codes, shape (outputs,).
        """
        first = self.weights.writes(weight_rows(weight, self.pe, self.simd))
        second = self.biases.writes(bias.reshape(-1, self.pe))
        return first[0] + second[0], first[1] + second[1]


@dataclass(frozen=True, slots=True)
class AddressMap:
    """What the AXI4-Lite slave of a design answers to.

    Args:
        layers: the windows, in the order of the data.
        identity: tells designs with other layers, types, staircases or addresses apart; 32 bits.
    """

    layers: tuple[LayerWindows, ...]
    identity: int

    @property
    def windows(self) -> tuple[Window, ...]:
        """Of all memories."""
        return tuple(window for layer in self.layers for window in (layer.weights, layer.biases))

    @property
    def address_bits(self) -> int:
        """Bits of an address."""
        return max((window.base + window.size - 1).bit_length() for window in self.windows)

    @property
    def load_words(self) -> int:
        """Words of 32 bits of the widest element."""
        return max(window.element_words for window in self.windows)

    def writes(self, codes: Mapping[str, tuple[IntArray, IntArray]]) -> tuple[list[int], list[int]]:
        """Addresses and data that load all layers.

        Args:
            codes: HDL name of each layer -> weights of shape (inputs, outputs) and biases of shape (outputs,).
        """
        addresses, data = [], []
        for layer in self.layers:
            more = layer.writes(*codes[layer.name])
            addresses += more[0]
            data += more[1]
        return addresses, data


def plan_address_map(design: Design, fingerprint: bytes) -> AddressMap | None:
    """Give every memory that can be written a window; None if there is none.

    Args:
        design: the design.
        fingerprint: of the graph of codes without weights.

    Raises:
        ConfigError: there are more weights than addresses.
    """
    layers, end = [], REGISTER_BYTES
    for stage in design.stages:
        kernel = stage.kernel
        if not isinstance(kernel, FoldedKernel) or kernel.loadable is None:
            continue
        inputs, outputs = (int(size) for size in kernel.weights.shape)
        weights = _place(end, kernel.weight_bits, kernel.pe * kernel.simd, kernel.steps)
        biases = _place(weights.base + weights.size, kernel.bias_bits, kernel.pe, kernel.groups)
        end = biases.base + biases.size
        widest = max(kernel.weight_bits, kernel.bias_bits)
        if widest > MAX_ELEMENT_BITS:
            hint = "choose a narrower --precision, or leave its weights constant"
            message = f"its biases of {widest} bits are wider than {MAX_ELEMENT_BITS}"
            raise ConfigError(message, where=f"layer '{stage.layers[0]}'", hint=hint)
        if end > 1 << MAX_ADDRESS_BITS:
            hint = "leave the weights of some layers constant"
            message = f"its weights lie beyond {MAX_ADDRESS_BITS} bits of address"
            raise ConfigError(message, where=f"layer '{stage.layers[0]}'", hint=hint)
        layers.append(
            LayerWindows(stage.name, stage.layers[0], inputs, outputs, kernel.pe, kernel.simd, weights, biases)
        )
    # a set of addresses and data fits where numbers mean the same and stand at the same places
    digest = hashlib.sha256(fingerprint + repr(layers).encode()).digest()
    return AddressMap(tuple(layers), int.from_bytes(digest[:4], "big")) if layers else None


def weight_rows(weights: IntArray, pe: int, simd: int) -> IntArray:
    """Weights in the order in which neurons read them.

    Args:
        weights: shape (inputs, outputs).
        pe: neurons side by side.
        simd: multipliers of a neuron.

    Returns:
        Shape (steps, pe * simd): one row a step, element pe * SIMD + simd.
    """
    inputs, outputs = weights.shape
    blocks = weights.reshape(inputs // simd, simd, outputs // pe, pe)
    rows: IntArray = blocks.transpose(2, 0, 3, 1).reshape(-1, pe * simd)
    return rows


def codes_in(codes: IntArray, bounds: CodeRange) -> bool:
    """Whether all codes lie in a range."""
    return int(np.min(codes)) in bounds and int(np.max(codes)) in bounds


def _place(end: int, element_bits: int, lanes: int, depth: int) -> Window:
    size = Window(0, element_bits, lanes, depth).size
    return Window(ceil(end / size) * size, element_bits, lanes, depth)


def _power_of_two(least: int) -> int:
    return int(1 << (least - 1).bit_length())
