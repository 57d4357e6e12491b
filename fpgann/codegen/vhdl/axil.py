# SPDX-License-Identifier: Apache-2.0
"""The AXI4-Lite slave that loads weights: its ports on the top entity and its constants."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.vhdl.literals import bits
from fpgann.hardware.loading import MAP_VERSION, AddressMap
from fpgann.hardware.names import AXIL_PREFIX, AXIL_SIGNALS

_WIDTHS = {"awprot": 3, "wdata": 32, "wstrb": 4, "bresp": 2, "arprot": 3, "rdata": 32, "rresp": 2}
_LEAVING = frozenset({"awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid"})


@dataclass(frozen=True, slots=True)
class AxilPortView:
    """A port, its declaration as text."""

    name: str
    declaration: str


@dataclass(frozen=True, slots=True)
class AxilView:
    """The slave."""

    is_there: bool
    ports: tuple[AxilPortView, ...] = ()
    address_bits: int = 1
    load_address_bits: int = 1
    load_words: int = 1
    load_data_bits: int = 32
    layers: int = 1
    version: str = ""
    identity: str = ""


def view_axil(loading: AddressMap | None) -> AxilView:
    """What templates say about the slave.

    Args:
        loading: addresses of the weights that are loaded at run time, if the design has such.
    """
    if loading is None:
        return AxilView(is_there=False)
    return AxilView(
        is_there=True,
        ports=tuple(_port(signal, loading.address_bits) for signal in AXIL_SIGNALS),
        address_bits=loading.address_bits,
        load_address_bits=loading.address_bits - 2,
        load_words=loading.load_words,
        load_data_bits=32 * loading.load_words,
        layers=len(loading.layers),
        version=bits(MAP_VERSION, 32),
        identity=bits(loading.identity, 32),
    )


def port_bits(signal: str, address_bits: int) -> tuple[str, str, int]:
    """Name, direction (in or out) and bits of a port; 0 bits for one that is no vector.

    Args:
        signal: signal of AXI4-Lite.
        address_bits: bits of an address.
    """
    bits = address_bits if signal.endswith("addr") else _WIDTHS.get(signal, 0)
    return f"{AXIL_PREFIX}_{signal}", "out" if signal in _LEAVING else "in", bits


def _port(signal: str, address_bits: int) -> AxilPortView:
    name, direction, width = port_bits(signal, address_bits)
    kind = f"std_logic_vector({width - 1} downto 0)" if width else "std_logic"
    return AxilPortView(name, f"{name} : {direction:5} {kind};")
