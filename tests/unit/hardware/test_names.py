# SPDX-License-Identifier: Apache-2.0
"""Whatever a model calls its layers: legal, unique, harmless identifiers and comments."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from fpgann import resources
from fpgann.hardware.names import (
    MAX_COMMENT,
    MAX_LENGTH,
    PORT_SUFFIXES,
    STREAM_SUFFIXES,
    TOP_NAMES,
    Namespace,
    identifier,
    printable,
)

LEGAL = re.compile(r"[a-z](_?[a-z0-9])*")  # the intersection of VHDL, Verilog and good manners

NAMES = st.one_of(
    st.text(max_size=30),
    st.text("aA1_ :/.-", max_size=8),
    st.sampled_from(["entity", "in", "Out", "x", "X", "x_data", "in_x", "valid", "clk", "fpgann_pkg", "", "1", "\n--"]),
)


@given(NAMES, st.sampled_from(["", "in_", "out_"]))
def test_identifiers_are_legal(name: str, prefix: str) -> None:
    result = identifier(name, "layer", prefix)
    assert LEGAL.fullmatch(result), result
    assert len(result) <= MAX_LENGTH + len("layer_")
    assert result.startswith(prefix)


def test_identifiers_resemble_their_names() -> None:
    for name, wanted in {
        "fc1": "fc1",
        "a/b:0": "a_b_0",
        "/model/fc.1/Gemm": "model_fc_1_gemm",
        "Größe": "groe",
        "café": "cafe",
        "ﬁlter": "filter",
        "x²": "x2",
        "__a__b__": "a_b",
        "1st": "layer_1st",
        "": "layer",
        "層": "layer",
        "🙂": "layer",
        "٣": "layer",
        "entity": "layer_entity",
        "ENTITY": "layer_entity",
        "logic": "layer_logic",
        "true": "layer_true",
        "fpgann": "layer_fpgann",
        "fpgann_pkg": "layer_fpgann_pkg",
        "shift_left": "layer_shift_left",
        "x\nend architecture; -- ": "x_end_architecture",
        "n" * 10_000: "n" * MAX_LENGTH,
    }.items():
        assert identifier(name, "layer") == wanted
    assert identifier("entity", "data", "in_") == "in_entity"
    assert identifier("1st", "data", "in_") == "in_1st"
    assert identifier("層", "data", "in_") == "in_data"


def test_names_of_the_library_are_not_hidden() -> None:
    """An entity of that name would make its own text mean something else."""
    for file in ("fpgann_pkg.vhd", "fpgann_netlist_pkg.vhd"):
        package, _, _ = (resources.hdl_dir() / file).read_text().partition("package body")
        declared = re.findall(r"^\s*(?:function|procedure|type|subtype|constant)\s+(\w+)", package, re.MULTILINE)
        for literals in re.findall(r"type \w+ is \(([^)]*)\)", re.sub("--.*", "", package)):
            declared += re.findall(r"\w+", literals)
        assert declared
        for name in declared:
            assert identifier(name, "layer") != name.lower(), f"{name} of {file} is missing in names._VISIBLE"


def test_every_library_entity_is_out_of_reach() -> None:
    for file in resources.hdl_dir().glob("*.vhd"):
        assert identifier(file.stem, "layer") != file.stem


@given(st.lists(NAMES, max_size=12))
def test_claims_are_unique(names: list[str]) -> None:
    namespace = Namespace()
    claimed = [namespace.claim(name, "layer") for name in names]
    assert len(set(claimed)) == len(names)


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=6))
def test_everything_in_the_top_entity_differs(inputs: list[str], outputs: list[str], layers: list[str]) -> None:
    namespace = Namespace(TOP_NAMES)
    ports = [namespace.claim(name, "data", prefix="in_", suffixes=PORT_SUFFIXES) for name in inputs]
    ports += [namespace.claim(name, "data", prefix="out_", suffixes=PORT_SUFFIXES) for name in outputs]
    streams = [namespace.claim(name, "layer", suffixes=STREAM_SUFFIXES) for name in [*inputs, *layers]]
    declared = [
        *TOP_NAMES,
        *(f"{name}{suffix}" for name, suffix in itertools.product(ports, PORT_SUFFIXES)),
        *(f"{name}{suffix}" for name, suffix in itertools.product(streams, STREAM_SUFFIXES)),
    ]
    assert len(set(declared)) == len(declared)
    assert all(LEGAL.fullmatch(name) for name in declared)


def test_many_equal_names_get_numbers() -> None:
    namespace = Namespace({"a_2"})
    assert [namespace.claim(name, "layer") for name in ("a", "A", "a!", "a_2", "a_3")] == [
        "a",
        "a_3",
        "a_4",
        "a_2_2",
        "a_3_2",
    ]


@given(st.lists(st.text(max_size=200), max_size=3))
def test_comments_stay_on_their_line(names: list[str]) -> None:
    text = printable(tuple(names))
    assert len(text) <= MAX_COMMENT
    assert all(" " <= character <= "~" for character in text)
