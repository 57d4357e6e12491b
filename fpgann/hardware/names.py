# SPDX-License-Identifier: Apache-2.0
"""Legal, unique HDL identifiers for the names of a model.

Names come from model files and are not trusted: nothing but lower-case letters, digits and single underscores
passes, and nothing that VHDL, Verilog or SystemVerilog reserves, nor what generated code means by a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_LENGTH = 60
MAX_COMMENT = 70

# IEEE 1076-2008 section 15.10 and IEEE 1800-2017 annex B
_RESERVED = frozenset(
    """
    abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body
    buffer bus case component configuration constant context cover default disconnect downto else elsif end entity
    exit fairness file for force function generate generic group guarded if impure in inertial inout is label
    library linkage literal loop map mod nand new next nor not null of on open or others out package parameter
    port postponed procedure process property protected pure range record register reject release rem report
    restrict restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong
    subtype then to transport type unaffected units until use variable vmode vprop vunit wait when while with
    xnor xor
    accept_on alias always always_comb always_ff always_latch assign automatic before begin bind bins binsof bit
    break buf bufif0 bufif1 byte casex casez cell chandle checker class clocking cmos config const constraint
    continue coverpoint covergroup cross deassign defparam design disable dist do edge endcase endchecker endclass
    endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive
    endprogram endproperty endsequence endspecify endtable endtask enum event eventually expect export extends
    extern final first_match force foreach forever fork forkjoin genvar global highz0 highz1 iff ifnone ignore_bins
    illegal_bins implements implies import incdir include initial input inside instance int integer interconnect
    interface intersect join join_any join_none large let liblist local localparam logic longint macromodule
    matches medium modport module negedge nettype nexttime nmos none noshowcancelled notif0 notif1 output packed
    pmos posedge primitive priority program pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent
    rand randc randcase randsequence rcmos real realtime ref reg reject_on repeat rnmos rpmos rtran rtranif0
    rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared shortint shortreal showcancelled
    signed small soft solve specify specparam static string strong0 strong1 struct super supply0 supply1 sync_accept_on
    sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1
    triand trior trireg typedef union unique unique0 unsigned until_with untyped uwire var vectored virtual void
    wait_order wand weak weak0 weak1 wildcard wire within wor
    private view
    work ieee std fpgann clk rst aclk aresetn frame_error
    """.split()  # noqa: SIM905  a list would take a line each
)

# An entity hides what its own text would mean by its name: packages ieee and fpgann, and the standard one
_VISIBLE = frozenset(
    """
    bit_vector boolean character delay_length error failure false line natural note now positive severity_level
    side string text textio time true warning
    std_logic std_logic_1164 std_logic_vector std_ulogic std_ulogic_vector to_x01 to_x01z to_ux01 x01 x01z ux01
    falling_edge rising_edge is_x to_bit to_bitvector to_stdlogicvector to_stdulogic to_stdulogicvector
    numeric_std resize rotate_left rotate_right shift_left shift_right std_match to_01 to_integer to_signed
    to_unsigned u_signed u_unsigned unresolved_signed unresolved_unsigned find_leftmost find_rightmost
    maximum minimum to_string to_bstring to_hstring to_ostring read write rtl
    add3 at_least choose clamp code_bits element even_shift index_width larger larger_of log2_ceil multiply
    multstyle_of neuron_cycles no_book ceil ramstyle_of rom_style_of round_shift rounding_t rnd rnd_conv rnd_inf
    rnd_min_inf rnd_zero saturate smaller_of to_code trn trn_zero up wide word_array_t word_width
    """.split()  # noqa: SIM905
)

# What the top entity calls its own, beside ports (in_*, out_*), streams (*_valid, *_data), stages (*_stage) and
# their joined sources (*_in_data)
_LOADING = ("load_address", "load_data", "load_hit", "load_hits", "load_valid", "loader")
AXIL_SIGNALS = (
    *("awaddr", "awprot", "awvalid", "awready", "wdata", "wstrb", "wvalid", "wready", "bresp", "bvalid", "bready"),
    *("araddr", "arprot", "arvalid", "arready", "rdata", "rresp", "rvalid", "rready"),
)
AXIL_PREFIX = "s_axil"
TOP_NAMES = (
    *("accept", "clk", "in_ready", "in_valid", "out_valid", "out_valid_delay", "pace", "rst", *_LOADING),
    *("loader_load_data", "loader_load_valid", "out_valid_delay_out_data"),
    *(f"{AXIL_PREFIX}_{signal}" for signal in AXIL_SIGNALS),
)
# `<instance>_<port>` is what GHDL calls the output of an instance in Verilog.
STREAM_SUFFIXES = (
    *("_data", "_in_data", "_stage", "_valid"),
    *("_stage_load_hit", "_stage_out_data", "_stage_out_valid"),
)
PORT_SUFFIXES = ("", "_delay", "_delay_out_data")
ENTITY_SUFFIXES = ("", "_row")

MAP_TOP_NAMES = ("rst", "aclk", "aresetn", "frame_error", "wrong")
# What the top entity of a network of maps calls by the name of a stream, and of an actor
MAP_SUFFIXES = (
    *("", "_valid", "_ready", "_data", "_source", "_gather", "_shell", "_core", "_join", "_fifo", "_result"),
    *("_fork", "_fork_valid", "_fork_ready", "_offered", "_takes", "_accept", "_room", "_enters", "_wanted", "_done"),
    *(f"_shell_{port}" for port in ("in_ready", "out_valid", "out_data")),
    *(f"_gather_{port}" for port in ("in_ready", "out_valid", "out_data", "is_wrong")),
    *("_fork_in_ready", "_fork_out_valid", "_core_in_ready", "_core_out_valid"),
    *(f"_join_{port}" for port in ("in_ready", "accept", "out_valid")),
    *(f"_fifo_{port}" for port in ("room", "out_valid", "out_data")),
)


def identifier(name: str, fallback: str, prefix: str = "") -> str:
    """A legal identifier that resembles a name.

    Args:
        name: any text.
        fallback: what to use, or to prefix, where nothing legal is left; itself legal.
        prefix: what the identifier begins with, so that no word is reserved.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    legal = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:MAX_LENGTH].strip("_")
    if prefix or not legal:
        return f"{prefix}{legal or fallback}"
    if legal in _RESERVED | _VISIBLE or not legal[0].isalpha() or legal.startswith("fpgann_"):
        return f"{fallback}_{legal}"
    return legal


def printable(names: tuple[str, ...]) -> str:
    """Names of a model as text for a comment: printable ASCII on one line, cut where it is long."""
    text = ", ".join(names)
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:MAX_COMMENT]


class Namespace:
    """Hands out identifiers that differ from all handed out before.

    Args:
        taken: identifiers that are in use already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, name: str, fallback: str, *, prefix: str = "", suffixes: Iterable[str] = ("",)) -> str:
        """A unique legal identifier that resembles a name; a number is appended where it is taken.

        Args:
            name: any text.
            fallback: what to use where nothing legal is left.
            prefix: what the identifier begins with.
            suffixes: the identifier is used with each of these behind it, and all results are unique.
        """
        base = identifier(name, fallback, prefix)
        candidate, count = base, 2
        while any(f"{candidate}{suffix}" in self._taken for suffix in suffixes):
            candidate, count = f"{base}_{count}", count + 1
        self._taken.update(f"{candidate}{suffix}" for suffix in suffixes)
        return candidate
