# SPDX-License-Identifier: Apache-2.0
"""AXI4-Stream interfaces for the compiled engine: which bits of its vectors belong to which interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpgann.cosim.words import MIN_WORDS, WORD_BITS
from fpgann.errors import ConfigError

MAX_INTERFACES = 64
_MASK = (1 << WORD_BITS) - 1


def words_of(bits: int) -> int:
    """32-bit words of a beat or of its tkeep."""
    return -(-bits // WORD_BITS)


@dataclass(frozen=True, slots=True)
class _Place:
    """An interface, and the words of the engine's vectors where its data and its tkeep begin."""

    port: Mapping[str, Any]
    index: int
    first_word: int
    first_keep: int

    @property
    def lanes(self) -> int:
        return int(self.port["beat_bits"]) // 8

    @property
    def words(self) -> int:
        return words_of(self.port["beat_bits"])

    @property
    def keep_words(self) -> int:
        return words_of(self.lanes)

    @property
    def keeps(self) -> tuple[int, int]:
        """Values of tkeep in a full beat and in the last one."""
        port = self.port
        last = port["elements"] - (port["beats"] - 1) * port["elements_per_beat"]
        full = port["elements_per_beat"] * port["element_bytes"]
        return (1 << full) - 1, (1 << last * port["element_bytes"]) - 1

    def row(self) -> str:
        return f"{{{self.first_word}, {self.words}, {self.port['beats']}, {self.first_keep}, {self.keep_words}}}"

    def limbs(self, keep: int) -> list[str]:
        return [f"{keep >> (WORD_BITS * word) & _MASK}u" for word in range(self.keep_words)]

    def pins(self, side: str) -> list[str]:
        """Connections of the signals that both sides have."""
        name = self.port["port"]
        bits = [f".{name}_t{signal}({side}_{signal}[{self.index}])" for signal in ("valid", "ready", "last")]
        return [*bits, f".{name}_tdata({_field(f'{side}_data', self.first_word, self.port['beat_bits'])})"]


def describe_interfaces(simulation: Mapping[str, Any]) -> dict[str, str]:
    """batch_ports.vh and batch_ports.h for sim/batch_stream_top.v and sim/batch_stream.cpp.

    Raises:
        ConfigError: there are more interfaces than a 64-bit number has bits.
    """
    inputs, outputs = _places(simulation["inputs"]), _places(simulation["outputs"])
    if max(len(inputs), len(outputs)) > MAX_INTERFACES:
        where = f"top entity '{simulation['top']}'"
        raise ConfigError(
            f"--batch drives up to {MAX_INTERFACES} interfaces a side", where=where, hint="leave --batch out"
        )
    return {
        "batch_ports.vh": _verilog(simulation["top"], inputs, outputs),
        "batch_ports.h": _header(inputs, outputs),
    }


def _places(ports: list[Mapping[str, Any]]) -> list[_Place]:
    places: list[_Place] = []
    word = keep = 0
    for index, port in enumerate(ports):
        places.append(_Place(port, index, word, keep))
        word, keep = word + places[-1].words, keep + places[-1].keep_words
    return places


def _verilog(top: str, inputs: list[_Place], outputs: list[_Place]) -> str:
    pins = [pin for place in inputs for pin in place.pins("in")]
    pins += [pin for place in outputs for pin in place.pins("out")]
    constants = []
    for place in inputs:
        if place.port["tkeep"]:
            full, last = (f"{place.lanes}'d{keep}" for keep in place.keeps)
            pins.append(f".{place.port['port']}_tkeep(in_last[{place.index}] ? {last} : {full})")
    for place in outputs:
        used = _field("out_keep", place.first_keep, place.lanes)
        if place.port["tkeep"]:
            pins.append(f".{place.port['port']}_tkeep({used})")
        else:
            constants.append(f"assign {used} = {place.lanes}'d{place.keeps[0]};")
    in_words, out_words, keep_words = (
        max(MIN_WORDS, sum(words))
        for words in (
            [place.words for place in inputs],
            [place.words for place in outputs],
            [place.keep_words for place in outputs],
        )
    )
    constants += _zeros("out_data", [(p.first_word, p.port["beat_bits"]) for p in outputs], out_words)
    constants += _zeros("out_keep", [(p.first_keep, p.lanes) for p in outputs], keep_words)
    defines = {
        "DESIGN": top,
        "INPUTS": len(inputs),
        "OUTPUTS": len(outputs),
        "IN_BITS": WORD_BITS * in_words,
        "OUT_BITS": WORD_BITS * out_words,
        "KEEP_BITS": WORD_BITS * keep_words,
        "PORTS": ", ".join(pins),
        "CONSTANTS": " ".join(constants),
    }
    return "".join(f"`define {name} {value}\n" for name, value in defines.items())


def _field(vector: str, first_word: int, bits: int) -> str:
    return f"{vector}[{WORD_BITS * first_word + bits - 1}:{WORD_BITS * first_word}]"


def _zeros(vector: str, fields: list[tuple[int, int]], words: int) -> list[str]:
    """Assignments to the bits of a vector between fields (first word, bits) and behind them."""
    starts = [WORD_BITS * first for first, _ in fields[1:]] + [WORD_BITS * words]
    gaps = [(WORD_BITS * first + bits, start) for (first, bits), start in zip(fields, starts, strict=True)]
    return [f"assign {vector}[{high - 1}:{low}] = 0;" for low, high in gaps if low < high]


def _header(inputs: list[_Place], outputs: list[_Place]) -> str:
    widest = max(outputs, key=lambda place: int(place.port["beats"]))
    full = [limb for place in outputs for limb in place.limbs(place.keeps[0])]
    last = [limb for place in outputs for limb in place.limbs(place.keeps[1])]
    lines = [
        "struct Interface { int first_word, words, beats, first_keep, keeps; };",
        f"constexpr int INPUTS = {len(inputs)};",
        f"constexpr int OUTPUTS = {len(outputs)};",
        f"constexpr int WIDEST = {widest.index};  // the output with most beats",
        f"constexpr Interface INPUT[] = {{{', '.join(place.row() for place in inputs)}}};",
        f"constexpr Interface OUTPUT[] = {{{', '.join(place.row() for place in outputs)}}};",
        f"constexpr uint32_t KEEP_FULL[] = {{{', '.join(full)}}};",
        f"constexpr uint32_t KEEP_LAST[] = {{{', '.join(last)}}};",
    ]
    return "\n".join([*lines, ""])
