# SPDX-License-Identifier: Apache-2.0
"""Stimuli, and streams as the bench reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fpgann.hardware.noise import Noise
from fpgann.ir import Graph
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange

DEFAULT_VECTORS = 64
_FEWEST_VECTORS = 4
_CYCLES = 10_000  # of default vectors of networks of maps, one after another


def vectors_in(interval_cycles: int) -> int:
    """How many vectors are simulated by default where each takes so many cycles."""
    return min(DEFAULT_VECTORS, max(_FEWEST_VECTORS, _CYCLES // interval_cycles))


def corner_and_random(graph: Graph, count: int, seed: int = 0) -> dict[str, IntArray]:
    """Input codes: all least, all greatest, alternating, zero, single extremes; random ones for the rest.

    Args:
        graph: graph of codes.
        count: number of samples.
        seed: of the random ones.
    """
    rng = np.random.default_rng(seed)
    return {value.name: _fill(value.type.shape, value.type.codes.range, count, rng) for value in graph.inputs}


def with_noise(inputs: Mapping[str, IntArray], noise: Iterable[Noise]) -> dict[str, IntArray]:
    """Input codes with what the hardware draws: the numbers behind a reset, in the order of the samples.

    Args:
        inputs: codes of inputs, shape (samples, *shape), at least one that is not drawn.
        noise: what is drawn.
    """
    given = dict(inputs)
    count = len(next(iter(given.values())))
    return given | {drawn.name: drawn.codes(count) for drawn in noise}


def _fill(shape: tuple[int, ...], codes: CodeRange, count: int, rng: np.random.Generator) -> IntArray:
    size = int(np.prod(shape))
    low, high = codes.low, codes.high
    kind = object if max(-low, high) >> 62 else np.int64
    nearest_zero = min(max(0, low), high)
    alternating = np.where(np.arange(size) % 2 == 0, low, high)
    corners = [
        np.full(size, low),
        np.full(size, high),
        alternating,
        low + high - alternating,
        np.full(size, nearest_zero),
    ]
    rows = [np.asarray(corner, kind) for corner in corners[:count]]
    while len(rows) < count:
        wide = rng.random(size)
        random = (
            low + (wide * (high - low + 1)).astype(np.int64)
            if kind is np.int64
            else np.array([low + int(w * (high - low)) for w in wide], object)
        )
        if len(rows) % 3 == 0:  # near zero, where rounding and saturation of small values happen
            random = nearest_zero + (random - nearest_zero) // 16
        rows.append(np.clip(random, low, high))
    return np.stack(rows).reshape(count, *shape)


def pack(codes: IntArray, element_bits: int) -> list[str]:
    """Samples of a stream as hexadecimal numbers, element 0 in the low bits.

    Args:
        codes: shape (samples, elements).
        element_bits: bits of an element.
    """
    if codes.dtype == object or element_bits > 63:
        mask = (1 << element_bits) - 1
        return [f"{sum((int(c) & mask) << (i * element_bits) for i, c in enumerate(row)):x}" for row in codes]
    positions = np.arange(element_bits, dtype=np.int64)
    bits = ((codes[:, :, None] >> positions) & 1).astype(np.uint8).reshape(len(codes), -1)
    octets = np.packbits(bits, axis=1, bitorder="little")
    return [f"{int.from_bytes(row.tobytes(), 'little'):x}" for row in octets]


def unpack(words: list[str], elements: int, element_bits: int, *, signed: bool) -> IntArray | None:
    """Codes from hexadecimal numbers; None where a word holds undefined bits."""
    if any(word == "x" for word in words):
        return None
    mask, sign = (1 << element_bits) - 1, 1 << (element_bits - 1)
    rows = []
    for word in words:
        number = int(word, 16)
        row = [(number >> (i * element_bits)) & mask for i in range(elements)]
        rows.append([(code ^ sign) - sign if signed else code for code in row])
    kind = np.int64 if element_bits <= 63 else object
    return np.array(rows, kind).reshape(len(words), elements)


def vectors_document(simulation: Mapping[str, Any], values: Mapping[str, IntArray], seed: int) -> dict[str, Any]:
    """vectors.json: every stream of the design for every sample.

    Args:
        simulation: contents of design.json.
        values: the reference's codes of every value, shape (samples, *shape).
        seed: for the bench's random pauses.
    """
    entries = [*simulation["inputs"], *simulation["outputs"], *simulation["stages"]]
    streams = {}
    for entry in entries:
        codes = values[entry["value"]]
        streams[entry["stream"]] = pack(codes.reshape(len(codes), -1), entry["element_bits"])
    count = len(values[simulation["inputs"][0]["value"]])
    return {"count": count, "seed": seed, "streams": streams}
