# SPDX-License-Identifier: Apache-2.0
"""Ports and bus interfaces of the top entity, as descriptions for other tools need them."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.vhdl.axil import port_bits
from fpgann.hardware.design import Design
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.names import AXIL_PREFIX, AXIL_SIGNALS
from fpgann.hardware.streaming import StreamPort
from fpgann.hardware.token_graph import Streams, TokenPort


@dataclass(frozen=True, slots=True)
class PortView:
    """A port; `bits` is 0 for a single bit that is no vector."""

    name: str
    direction: str
    bits: int

    @property
    def is_vector(self) -> bool:
        """Whether it is a std_logic_vector."""
        return self.bits > 0


@dataclass(frozen=True, slots=True)
class MapView:
    """A signal of a bus, and the port that carries it."""

    logical: str
    port: str


@dataclass(frozen=True, slots=True)
class ParameterView:
    """A parameter of a bus interface."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class BusView:
    """A bus interface: kind and abstraction by the names that Vivado's library gives them."""

    name: str
    library: str
    kind: str
    is_master: bool
    memory_map: str
    maps: tuple[MapView, ...]
    parameters: tuple[ParameterView, ...] = ()

    @property
    def has_memory(self) -> bool:
        """Whether addresses are behind it."""
        return bool(self.memory_map)

    @property
    def has_parameters(self) -> bool:
        """Whether it has parameters."""
        return bool(self.parameters)


@dataclass(frozen=True, slots=True)
class TopView:
    """The top entity from outside."""

    clock: str
    reset: str
    ports: tuple[PortView, ...]
    buses: tuple[BusView, ...]


def view_top(design: Design, streams: Streams | None, loading: AddressMap | None) -> TopView:
    """Ports and interfaces of a design.

    Args:
        design: the design.
        streams: AXI4-Stream interfaces around it, if it has any.
        loading: addresses of the weights that are loaded at run time, if it has such.
    """
    clock, reset = ("clk", "rst") if streams is None else ("aclk", "aresetn")
    ports = [PortView(clock, "in", 0), PortView(reset, "in", 0)]
    buses = []
    if loading is not None:
        ports += [PortView(*port_bits(signal, loading.address_bits)) for signal in AXIL_SIGNALS]
        maps = tuple(MapView(signal.upper(), f"{AXIL_PREFIX}_{signal}") for signal in AXIL_SIGNALS)
        protocol = (ParameterView("PROTOCOL", "AXI4LITE"),)
        buses.append(BusView(AXIL_PREFIX, "interface", "aximm", False, AXIL_PREFIX, maps, protocol))
    if streams is None:
        ports += [PortView("in_valid", "in", 0), PortView("in_ready", "out", 0)]
        ports += [PortView(port.name, "in", port.stream.bits) for port in design.inputs]
        ports += [PortView(port.name, "out", port.stream.bits) for port in design.outputs]
        ports.append(PortView("out_valid", "out", 0))
    else:
        for is_master, interfaces in ((False, streams.inputs), (True, streams.outputs)):
            for interface in interfaces:
                found = _stream_ports(interface, is_master=is_master)
                ports += found
                maps = tuple(MapView(p.name.removeprefix(f"{interface.name}_").upper(), p.name) for p in found)
                buses.append(BusView(interface.name, "interface", "axis", is_master, "", maps))
        ports.append(PortView("frame_error", "out", 0))
    return TopView(clock, reset, tuple(ports), (*buses, *_clock_and_reset(clock, reset, buses)))


def _stream_ports(port: StreamPort | TokenPort, *, is_master: bool) -> list[PortView]:
    forth, back = ("out", "in") if is_master else ("in", "out")
    found = [
        PortView(f"{port.name}_tvalid", forth, 0),
        PortView(f"{port.name}_tready", back, 0),
        PortView(f"{port.name}_tdata", forth, port.beat_bits),
    ]
    if port.has_keep:
        found.append(PortView(f"{port.name}_tkeep", forth, port.beat_bytes))
    return [*found, PortView(f"{port.name}_tlast", forth, 0)]


def _clock_and_reset(clock: str, reset: str, buses: list[BusView]) -> list[BusView]:
    """Block designs connect clock and reset by themselves if they know what belongs to them."""
    belonging = [ParameterView("ASSOCIATED_RESET", reset)]
    if buses:
        belonging.insert(0, ParameterView("ASSOCIATED_BUSIF", ":".join(bus.name for bus in buses)))
    level = "ACTIVE_LOW" if reset.endswith("n") else "ACTIVE_HIGH"
    return [
        BusView(clock, "signal", "clock", False, "", (MapView("CLK", clock),), tuple(belonging)),
        BusView(reset, "signal", "reset", False, "", (MapView("RST", reset),), (ParameterView("POLARITY", level),)),
    ]
