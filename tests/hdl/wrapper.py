# SPDX-License-Identifier: Apache-2.0
"""A VHDL top level that holds one entity of hdl/ many times, since generics of array type cannot be given
on a simulator's command line, and since building one simulation is faster than building many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TOP = "bench_top"


@dataclass(frozen=True)
class Vector:
    """A std_ulogic_vector generic; the value may be negative."""

    value: int
    width: int


@dataclass(frozen=True)
class Words:
    """A word_array_t generic."""

    words: Sequence[int]
    width: int


@dataclass(frozen=True)
class Mode:
    """A literal of rounding_t."""

    name: str


Generic = bool | int | str | Vector | Words | Mode
Generics = Mapping[str, Generic]


@dataclass(frozen=True)
class Port:
    """A port; a width of 0 is a single bit, `numeric` an u_unsigned."""

    name: str
    direction: str
    width: Callable[[Generics], int] = lambda generics: 0
    numeric: bool = False


def index_width(depth: int) -> int:
    """Bits of an address, as in fpgann_pkg."""
    return max(1, (depth - 1).bit_length())


def _in(name: str, width: Callable[[Generics], int] = lambda generics: 0, *, numeric: bool = False) -> Port:
    return Port(name, "in", width, numeric)


def _out(name: str, width: Callable[[Generics], int] = lambda generics: 0, *, numeric: bool = False) -> Port:
    return Port(name, "out", width, numeric)


def _packet(side: str) -> tuple[Port, ...]:
    """The ports of an AXI4-Stream interface."""
    forward, back = (_in, _out) if side == "in" else (_out, _in)
    return (
        forward(f"{side}_valid"),
        back(f"{side}_ready"),
        forward(f"{side}_data", lambda g: 8 * g["BEAT_BYTES"]),
        forward(f"{side}_keep", lambda g: g["BEAT_BYTES"]),
        forward(f"{side}_last"),
    )


def _tokens(in_width: Callable[[Generics], int], out_width: Callable[[Generics], int]) -> tuple[Port, ...]:
    """The ports of an entity between two streams of tokens."""
    entering = (_in("in_valid"), _out("in_ready"), _in("in_data", in_width))
    return (*entering, _out("out_valid"), _in("out_ready"), _out("out_data", out_width))


def _load(address_width: str) -> tuple[Port, ...]:
    """The ports through which memories are loaded."""
    return (
        _in("load_valid"),
        _in("load_address", lambda g: g[address_width], numeric=True),
        _in("load_data", lambda g: 32 * g["LOAD_WORDS"]),
        _out("load_hit"),
    )


_ARRAY = (
    _in("in_valid"),
    _in("in_data", lambda g: g["INPUTS"] * g["IN_WIDTH"]),
    _out("out_valid"),
    _out("out_group", lambda g: index_width(g["OUTPUTS"] // g["PE"]), numeric=True),
    _out("out_acc", lambda g: g["PE"] * g["ACC_WIDTH"]),
)
_DATA = (_in("in_data", lambda g: g["IN_WIDTH"]), _out("out_data", lambda g: g["OUT_WIDTH"]))

# Beside clk and rst. Entities that have no rst are listed below.
PORTS: dict[str, tuple[Port, ...]] = {
    "fpgann_pace": (_in("in_valid"), _out("in_ready"), _out("accept")),
    "fpgann_delay": (_in("in_data", lambda g: g["WIDTH"]), _out("out_data", lambda g: g["WIDTH"])),
    "fpgann_rom": (
        _in("address", lambda g: index_width(g["DEPTH"]), numeric=True),
        _out("data", lambda g: g["WIDTH"]),
    ),
    "fpgann_weight_rom": (
        _in("address", lambda g: index_width(g["DEPTH"]), numeric=True),
        _out("data", lambda g: g["LANES"] * g["WIDTH"]),
    ),
    "fpgann_ram": (
        _in("write"),
        _in("write_address", lambda g: index_width(g["DEPTH"]), numeric=True),
        _in("write_data", lambda g: g["WIDTH"]),
        _in("address", lambda g: index_width(g["DEPTH"]), numeric=True),
        _out("data", lambda g: g["WIDTH"]),
    ),
    "fpgann_loadable_memory": (
        *_load("ADDRESS_WIDTH"),
        _in("address", lambda g: index_width(g["DEPTH"]), numeric=True),
        _out("data", lambda g: g["LANES"] * g["WIDTH"]),
    ),
    "fpgann_axil_loader": (
        _in("s_axil_awaddr", lambda g: g["ADDRESS_WIDTH"]),
        _in("s_axil_awprot", lambda g: 3),
        _in("s_axil_awvalid"),
        _out("s_axil_awready"),
        _in("s_axil_wdata", lambda g: 32),
        _in("s_axil_wstrb", lambda g: 4),
        _in("s_axil_wvalid"),
        _out("s_axil_wready"),
        _out("s_axil_bresp", lambda g: 2),
        _out("s_axil_bvalid"),
        _in("s_axil_bready"),
        _in("s_axil_araddr", lambda g: g["ADDRESS_WIDTH"]),
        _in("s_axil_arprot", lambda g: 3),
        _in("s_axil_arvalid"),
        _out("s_axil_arready"),
        _out("s_axil_rdata", lambda g: 32),
        _out("s_axil_rresp", lambda g: 2),
        _out("s_axil_rvalid"),
        _in("s_axil_rready"),
        _out("load_valid"),
        _out("load_address", lambda g: g["ADDRESS_WIDTH"] - 2, numeric=True),
        _out("load_data", lambda g: 32 * g["LOAD_WORDS"]),
        _in("load_hit"),
    ),
    "fpgann_dense_loadable": (
        *_load("LOAD_ADDRESS_WIDTH"),
        *_ARRAY,
    ),
    "fpgann_neuron": (
        _in("first"),
        _in("in_data", lambda g: g["SIMD"] * g["IN_WIDTH"]),
        _in("weights", lambda g: g["SIMD"] * g["WEIGHT_WIDTH"]),
        _in("bias", lambda g: g["BIAS_WIDTH"]),
        _out("acc", lambda g: g["ACC_WIDTH"]),
    ),
    "fpgann_dense_folded": _ARRAY,
    "fpgann_dense_member": (
        _in("in_valid"),
        _in("in_data", lambda g: g["INPUTS"] * g["IN_WIDTH"]),
        _out(
            "request",
            lambda g: g["SIMD"] * g["ARRAY_WIDTH"] + g["PE"] * (g["SIMD"] * g["WEIGHT_WIDTH"] + g["BIAS_WIDTH"]) + 1,
        ),
        _out("out_valid"),
        _out("out_group", lambda g: index_width(g["OUTPUTS"] // g["PE"]), numeric=True),
    ),
    "fpgann_depthwise_folded": (
        _in("in_valid"),
        _in("in_data", lambda g: g["INPUTS"] * g["OUTPUTS"] * g["IN_WIDTH"]),
        *_ARRAY[2:],
    ),
    "fpgann_requantize_shift": _DATA,
    "fpgann_requantize_multiply": (
        *_DATA,
        _in("factor", lambda g: g["FACTOR_WIDTH"]),
        _in("offset", lambda g: g["OFFSET_WIDTH"]),
    ),
    "fpgann_requantize_thresholds": (
        *_DATA,
        _in("thresholds", lambda g: g["STEPS"] * (g["IN_WIDTH"] + 1)),
        _in("falling"),
        _in("base", lambda g: g["OUT_WIDTH"] + 1),
    ),
    "fpgann_requantize_search": (*_DATA, _in("channel", lambda g: index_width(g["CHANNELS"]), numeric=True)),
    "fpgann_requantize_lines": (
        *_DATA,
        _in("breaks", lambda g: g["PIECES"] * (g["IN_WIDTH"] + 1)),
        _in("factors", lambda g: g["PIECES"] * g["FACTOR_WIDTH"]),
        _in("offsets", lambda g: g["PIECES"] * g["OFFSET_WIDTH"]),
    ),
    "fpgann_requantize_runs": (*_DATA, _in("channel", lambda g: index_width(g["CHANNELS"]), numeric=True)),
    "fpgann_interpolate": _DATA,
    "fpgann_table": _DATA,
    "fpgann_collect": (
        _in("in_valid"),
        _in("in_data", lambda g: g["GROUP_WIDTH"]),
        _out("out_valid"),
        _out("out_data", lambda g: g["GROUPS"] * g["GROUP_WIDTH"]),
    ),
    "fpgann_stream_to_frame": (
        *_packet("in"),
        _out("out_valid"),
        _in("out_ready"),
        _out("out_data", lambda g: g["ELEMENTS"] * g["ELEMENT_BITS"]),
        _out("out_damaged"),
    ),
    "fpgann_frame_join": (
        _in("in_valid", lambda g: g["INPUTS"]),
        _in("in_damaged", lambda g: g["INPUTS"]),
        _out("in_ready"),
        _in("room", lambda g: g["OUTPUTS"]),
        _out("accept"),
        _out("out_valid"),
        _in("out_ready"),
        _out("frame_error"),
    ),
    "fpgann_frame_fifo": (
        _out("room"),
        _in("reserve"),
        _in("in_valid"),
        _in("in_data", lambda g: g["WIDTH"]),
        _out("out_valid"),
        _in("out_ready"),
        _out("out_data", lambda g: g["WIDTH"]),
    ),
    "fpgann_frame_to_stream": (
        _in("in_valid"),
        _out("in_ready"),
        _in("in_data", lambda g: g["ELEMENTS"] * g["ELEMENT_BITS"]),
        *_packet("out"),
    ),
    "fpgann_window_buffer": _tokens(
        lambda g: g["TOKEN_WIDTH"], lambda g: g["KERNEL_ROWS"] * g["KERNEL_COLUMNS"] * g["TOKEN_WIDTH"]
    ),
    "fpgann_gaussian": (_in("advance"), _out("data", lambda g: 16 * g["LANES"])),
    "fpgann_token_fork": (
        _in("in_valid"),
        _out("in_ready"),
        _out("out_valid", lambda g: g["OUTPUTS"]),
        _in("out_ready", lambda g: g["OUTPUTS"]),
    ),
    "fpgann_token_gather": _tokens(lambda g: g["WIDTH"], lambda g: g["TOKENS"] * g["WIDTH"]),
    "fpgann_token_scatter": _tokens(lambda g: g["TOKENS"] * g["WIDTH"], lambda g: g["WIDTH"]),
    "fpgann_token_reduce": _tokens(lambda g: g["ELEMENTS"] * g["IN_WIDTH"], lambda g: g["ELEMENTS"] * g["OUT_WIDTH"]),
    "fpgann_token_expand": _tokens(lambda g: g["WIDTH"], lambda g: g["WIDTH"] // g["PARTS"]),
    "fpgann_stream_to_tokens": (
        *_packet("in"),
        *_tokens(lambda g: 0, lambda g: g["BEATS"] * g["PER_BEAT"] * g["ELEMENT_BITS"])[3:],
        _out("is_wrong"),
    ),
    "fpgann_tokens_to_stream": (
        *_tokens(lambda g: g["BEATS"] * g["PER_BEAT"] * g["ELEMENT_BITS"], lambda g: 0)[:3],
        *_packet("out"),
    ),
}
WITH_RESET = {
    "fpgann_pace",
    "fpgann_delay",
    "fpgann_axil_loader",
    "fpgann_dense_folded",
    "fpgann_dense_loadable",
    "fpgann_dense_member",
    "fpgann_depthwise_folded",
    "fpgann_collect",
    "fpgann_stream_to_frame",
    "fpgann_frame_join",
    "fpgann_frame_fifo",
    "fpgann_frame_to_stream",
    "fpgann_gaussian",
    "fpgann_window_buffer",
    "fpgann_token_fork",
    "fpgann_token_gather",
    "fpgann_token_scatter",
    "fpgann_token_reduce",
    "fpgann_token_expand",
    "fpgann_stream_to_tokens",
    "fpgann_tokens_to_stream",
}


def _bits(value: int, width: int) -> str:
    return f'"{value % (1 << width):0{width}b}"'


def literal(value: Generic) -> str:
    """The value of a generic in VHDL; Words become the name of a constant instead."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return f'"{value}"'
        case Vector():
            return _bits(value.value, value.width)
        case Mode():
            return value.name
    raise TypeError(f"{value!r} is no literal")


def render(entity: str, cases: Mapping[str, Generics]) -> str:
    """The top level that holds `entity` once per case, its ports prefixed with the name of the case."""
    ports = ["clk : in std_logic", "rst : in std_logic"]
    constants: list[str] = []
    instances: list[str] = []
    for case, generics in cases.items():
        generic_map = []
        for name, value in generics.items():
            text = f"{case}_{name}" if isinstance(value, Words) else literal(value)
            generic_map.append(f"{name} => {text}")
            if isinstance(value, Words):
                words = ", ".join(f"{i} => {_bits(word, value.width)}" for i, word in enumerate(value.words))
                constants.append(
                    f"  constant {text} : word_array_t(0 to {len(value.words) - 1})({value.width - 1} downto 0)"
                    f" := ({words});"
                )
        port_map = ["clk => clk"] + (["rst => rst"] if entity in WITH_RESET else [])
        for port in PORTS[entity]:
            width, signal = port.width(generics), f"{case}_{port.name}"
            kind = f"std_logic_vector({width - 1} downto 0)" if width else "std_logic"
            ports.append(f"{signal} : {port.direction} {kind}")
            if port.numeric and port.direction == "in":
                port_map.append(f"{port.name} => u_unsigned({signal})")
            elif port.numeric:
                port_map.append(f"std_logic_vector({port.name}) => {signal}")
            else:
                port_map.append(f"{port.name} => {signal}")
        # GHDL calls what leaves instance x at port y x_y: a port of the top level must not be called that.
        instances.append(
            f"  unit_{case} : entity work.{entity}\n"
            f"    generic map ({', '.join(generic_map)})\n"
            f"    port map ({', '.join(port_map)});"
        )
    declarations = ";\n    ".join(ports)
    return f"""library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;
  use work.fpgann_pkg.all;

entity {TOP} is
  port (
    {declarations}
  );
end entity;

architecture rtl of {TOP} is
{chr(10).join(constants)}
begin
{chr(10).join(instances)}
end architecture;
"""


def describe(cases: Mapping[str, Generics], seed: int) -> str:
    """The same for the bench: a JSON file, see sim/benches/harness.py."""

    def plain(value: Generic) -> object:
        match value:
            case Vector():
                return {"width": value.width, "value": value.value % (1 << value.width)}
            case Words():
                return {"width": value.width, "words": [word % (1 << value.width) for word in value.words]}
            case Mode():
                return value.name
        return value

    described = {case: {name: plain(value) for name, value in generics.items()} for case, generics in cases.items()}
    return json.dumps({"cases": described, "seed": seed})
