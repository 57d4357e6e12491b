# SPDX-License-Identifier: Apache-2.0
"""What passes over an AXI4-Stream interface, packet by packet, and how it differs from what should (bench_stream)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench_parallel import cycle_now, hex_or_x, number


class DivergenceError(Exception):
    """The hardware did something else than predicted; the argument says what (first_divergence of result.json)."""


@dataclass
class Packet:
    """Beats up to a tlast: their cycles, and data, keep, last as text."""

    cycles: list[int] = field(default_factory=list)
    beats: list[tuple[str, str, str]] = field(default_factory=list)


class Interface:
    """One AXI4-Stream interface: what passes over it, packet by packet."""

    def __init__(self, dut, side: str, port: dict) -> None:
        self.side = side
        self.port = port
        self.name = port["port"]
        self.signals = {key: getattr(dut, f"{self.name}_{key}") for key in ("tvalid", "tready", "tdata", "tlast")}
        if port["tkeep"]:
            self.signals["tkeep"] = getattr(dut, f"{self.name}_tkeep")
        self.lanes = port["beat_bits"] // 8
        self.packets: list[Packet] = []
        self.open = Packet()
        self.last_cycle = 0

    def text(self, key: str) -> str:
        return str(self.signals[key].value)

    def sample(self) -> None:
        """Note the beat that passes at the next rising edge, if one does."""
        valid, ready = self.text("tvalid"), self.text("tready")
        if set(valid + ready) - {"0", "1"}:
            raise self.undefined(f"tvalid {valid}, tready {ready}")
        if valid != "1" or ready != "1":
            return
        data, last = self.text("tdata"), self.text("tlast")
        keep = self.text("tkeep") if self.port["tkeep"] else "1" * self.lanes
        if set(data + keep + last) - {"0", "1"}:
            raise self.undefined(data)
        self.last_cycle = cycle_now()
        self.open.cycles.append(self.last_cycle)
        self.open.beats.append((data, keep, last))
        if last == "1":
            self.packets.append(self.open)
            self.open = Packet()

    def undefined(self, got: str) -> DivergenceError:
        """What to raise where a signal is neither 0 nor 1, before a source or sink stumbles over it."""
        place = {"layer": f"{self.side} {self.name}", "vector": len(self.packets), "cycle": cycle_now()}
        return DivergenceError({**place, "element": None, "expected": "0 or 1", "got": got})

    def forget(self) -> None:
        self.packets, self.open = [], Packet()

    def beats(self, word: str) -> list[tuple[int, int, int]]:
        """Data, keep and last of every beat of a frame, given as hexadecimal elements side by side."""
        port, bits = self.port, int(word, 16)
        codes = []
        for index in range(port["elements"]):
            code = bits >> (index * port["element_bits"]) & ((1 << port["element_bits"]) - 1)
            if port["signed"] and code >> (port["element_bits"] - 1):
                code -= 1 << port["element_bits"]
            codes.append(code)
        size = port["element_bytes"]
        found = []
        for first in range(0, len(codes), port["elements_per_beat"]):
            held = codes[first : first + port["elements_per_beat"]]
            data = sum((code % (1 << 8 * size)) << (8 * size * place) for place, code in enumerate(held))
            found.append((data, (1 << size * len(held)) - 1, int(first + len(held) == len(codes))))
        return found

    def word(self, packet: Packet) -> str:
        """The elements of a packet side by side, as hexadecimal digits; "x" where a bit is undefined."""
        port, fields = self.port, []
        for data, _, _ in packet.beats:
            for place in range(port["elements_per_beat"]):
                end = len(data) - 8 * port["element_bytes"] * place
                fields.append(data[end - port["element_bits"] : end])
        return hex_or_x("".join(reversed(fields[: port["elements"]])) or "x")

    def difference(self, vector: int, word: str, packet: Packet) -> dict | None:
        """Where a packet differs from a frame; None if it is that frame."""
        wanted = self.beats(word)
        place = {"layer": f"output {self.name}", "vector": vector}
        for index, ((data, keep, last), (data_w, keep_w, last_w)) in enumerate(zip(packet.beats, wanted, strict=False)):
            place["cycle"] = packet.cycles[index]
            text = f"{data_w:0{len(data)}b}"
            if data != text:
                return {**place, **self.element(index, data, text)}
            for kind, got, expected in (("tkeep", keep, f"{keep_w:0{len(keep)}b}"), ("tlast", last, str(last_w))):
                if got != expected:
                    return {**place, "element": None, "expected": f"{kind} {expected} in beat {index}", "got": got}
        if len(packet.beats) != len(wanted):
            beats = f"{len(packet.beats)} beats"
            return {**place, "element": None, "expected": f"{len(wanted)} beats", "got": beats}
        return None

    def element(self, beat: int, data: str, wanted: str) -> dict:
        """The first element of a beat that differs, with its padding."""
        size = 8 * self.port["element_bytes"]
        for place in range(self.port["elements_per_beat"]):
            end = len(data) - size * place
            got, right = data[end - size : end], wanted[end - size : end]
            if got != right:
                signed = self.port["signed"]
                return {
                    "element": beat * self.port["elements_per_beat"] + place,
                    "expected": number(right, signed),
                    "got": number(got, signed),
                }
        return {"element": None, "expected": f"padding {wanted} in beat {beat}", "got": data}
