# SPDX-License-Identifier: Apache-2.0
"""Generics that make no sense are refused when the design is elaborated, and the message has their values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import require_tool
from tests.hdl.cases import DEFAULT
from tests.hdl.simulators import GHDL_FLAGS, prepare, run
from tests.hdl.wrapper import TOP, Generic, Vector, Words

WRONG: list[tuple[str, str, dict[str, Generic], str]] = [
    (
        "fpgann_dense_folded",
        "unfolded",
        {"OUTPUTS": 5, "PE": 3},
        r"PE = 3 does not divide OUTPUTS = 5",
    ),
    (
        "fpgann_dense_folded",
        "unfolded",
        {"INPUTS": 7, "SIMD": 4},
        r"SIMD = 4 does not divide INPUTS = 7",
    ),
    ("fpgann_dense_member", "late", {"ARRAY_WIDTH": 5}, r"ARRAY_WIDTH = 5 does not hold inputs of IN_WIDTH = 6"),
    ("fpgann_depthwise_folded", "unfolded", {"OUTPUTS": 5, "PE": 3}, r"PE = 3 does not divide OUTPUTS = 5"),
    ("fpgann_rom", "r3_65", {"STYLE": "fast"}, r"STYLE is 'fast', not auto, block, distributed or registers"),
    ("fpgann_weight_rom", "w1_1_2", {"BOOK_SIZE": 1}, r"2 values of 5 bits for BOOK_SIZE = 1, WIDTH = 5"),
    ("fpgann_neuron", "n0", {"DSP_STYLE": "maybe"}, r"DSP_STYLE is 'maybe', not auto, yes or no"),
    ("fpgann_table", "full", {"HIGH": Vector(126, 9)}, r"256 words do not reach from LOW to HIGH"),
    ("fpgann_table", "full", {"WORDS": Words([0] * 256, 7)}, r"words of 7 bits for OUT_WIDTH = 8"),
    ("fpgann_frame_fifo", "f5_1", {"STYLE": "fast"}, r"STYLE is 'fast', not auto, block or distributed"),
    ("fpgann_stream_to_frame", "b1", {"ELEMENT_BITS": 9}, r"ELEMENT_BITS = 9 do not fit ELEMENT_BYTES = 1"),
    ("fpgann_frame_to_stream", "b1_signed", {"ELEMENT_BITS": 9}, r"ELEMENT_BITS = 9 do not fit ELEMENT_BYTES = 1"),
    ("fpgann_requantize_search", "b0", {"THRESHOLDS": Words([1, 2], 9)}, r"2 THRESHOLDS for .* = 1"),
    ("fpgann_window_buffer", "grouped", {"GROUPS": 5}, r"TOKEN_WIDTH = 12 is no multiple of GROUPS = 5"),
    ("fpgann_window_buffer", "valid", {"FILL": Vector(0, 4)}, r"FILL has 4 bits, TOKEN_WIDTH is 5"),
    ("fpgann_token_reduce", "r0", {"KIND": "mean"}, r"KIND is 'mean', not sum, maximum or minimum"),
    ("fpgann_token_expand", "e0", {"PARTS": 3}, r"PARTS = 3 is neither 1 nor ROW_FACTOR \* COLUMN_FACTOR"),
]


@pytest.mark.parametrize(("entity", "case", "wrong", "message"), WRONG)
def test_wrong_generics_are_refused(
    tmp_path: Path, entity: str, case: str, wrong: dict[str, Generic], message: str
) -> None:
    ghdl = require_tool("ghdl")
    prepare(tmp_path, entity, {"wrong": DEFAULT[entity][case] | wrong})
    command = [*ghdl.command, "-r", *GHDL_FLAGS, TOP, "--stop-time=1ns", "--ieee-asserts=disable"]
    done = run(command, tmp_path, ghdl)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert re.search(rf"fpgann_\w+: .*{message}", output), output  # the entity itself, or a part of it
