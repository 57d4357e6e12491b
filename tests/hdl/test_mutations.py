# SPDX-License-Identifier: Apache-2.0
"""A bench that never fails tests nothing: each of these faults must make the bench of its entity fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.hdl.cases import DEFAULT
from tests.hdl.simulators import HDL, prepare, simulate_ghdl

# Entity and file that is changed (both without fpgann_), what is replaced (once), what by.
FAULTS: list[tuple[str, str, str, str]] = [
    ("pace", "pace", "remaining <= INTERVAL - 1;", "remaining <= (INTERVAL - 1) / 2;"),
    ("pace", "pace", "if rst = '1' then", "if rst = 'Z' then"),
    ("gaussian", "gaussian", "SECOND(31 downto 0) when", "SECOND(32 downto 1) when"),
    ("gaussian", "gaussian", "state(STATE_BITS - i * FIELD", "state(STATE_BITS - 1 - i * FIELD"),
    (
        "gaussian",
        "gaussian",
        "(6 downto 0 => '0') & mixed(STATE_BITS - 1 downto 7)",
        "mixed(6 downto 0) & mixed(63 downto 7)",
    ),
    ("gaussian", "gaussian", "if advance = '1' then", "if true then"),
    ("gaussian", "gaussian", "number <= FIRST_NUMBER;", "null;"),
    ("delay", "delay", "if RESETS and rst = '1'", "if rst = '1'"),
    ("rom", "rom", "words_down(i) := WORDS(i);", "words_down(i) := WORDS(DEPTH - 1 - i);"),
    ("weight_rom", "weight_rom", "BOOK(i mod BOOK_SIZE)", "BOOK(BOOK_SIZE - 1 - i mod BOOK_SIZE)"),
    ("weight_rom", "weight_rom", "element(indices, i, ", "element(indices, LANES - 1 - i, "),
    ("dense_folded", "weight_rom", "element(indices, i, ", "element(indices, 0, "),
    ("ram", "ram", "words_down(i) := WORDS(i);", "words_down(i) := WORDS(DEPTH - 1 - i);"),
    ("ram", "ram", "memory(to_integer(write_address))", "memory(to_integer(address))"),
    ("loadable_memory", "loadable_memory", "lane < LANES and ", ""),
    ("loadable_memory", "loadable_memory", " and position < ELEMENT_WORDS", ""),
    ("loadable_memory", "loadable_memory", "position = ELEMENT_WORDS - 1", "position = 0"),
    ("loadable_memory", "loadable_memory", "= BASE / 2 ** SIZE_BITS", "<= BASE / 2 ** SIZE_BITS"),
    ("loadable_memory", "loadable_memory", "32 * (LOAD_WORDS - ELEMENT_WORDS)", "0"),
    ("axil_loader", "axil_loader", "s_axil_wdata & words", "words & s_axil_wdata"),
    ("axil_loader", "axil_loader", "and s_axil_wstrb", "or s_axil_wstrb"),
    ("axil_loader", "axil_loader", "if is_whole = '1' and load_hit = '1'", "if load_hit = '1'"),
    ("axil_loader", "axil_loader", "is_writing or (bvalid and not s_axil_bready)", "is_writing"),
    ("axil_loader", "axil_loader", "(s_axil_rready or not rvalid)", "not rvalid"),
    ("dense_loadable", "dense_loadable", "BASE          => BIASES_BASE", "BASE          => WEIGHTS_BASE"),
    ("neuron", "neuron", "when sum_first = '1'", "when product_first = '1'"),
    ("neuron", "neuron", "wide(sum_bias, ACC_WIDTH) when", "to_signed(0, ACC_WIDTH) when"),
    ("neuron", "neuron", "IN_WIDTH), IN_SIGNED)", "IN_WIDTH), true)"),
    ("neuron", "pkg", "top := top - row;", "top := top + row;"),
    ("neuron", "pkg", "- 1 downto i * ROWS), false)", "- 1 downto i * ROWS), true)"),
    ("dense_folded", "dense_sequence", "if in_valid = '1' then", "if in_valid = '1' and active = '0' then"),
    ("dense_folded", "dense_sequence", "if fold = 0 then", "if step = 0 then"),
    ("dense_folded", "dense_sequence", "(SIMD),\n      RESETS => true", "(SIMD),\n      RESETS => false"),
    ("dense_folded", "dense_sequence", "if out_index = GROUPS - 1 then", "if true then"),
    ("dense_member", "dense_member", "when busy = '1' else", "when out_valid = '0' else"),
    ("dense_member", "dense_sequence", "(PAUSE mod FOLDS) * CHUNK_BITS", "0"),
    ("depthwise_folded", "depthwise_folded", "if fold = 0 then", "if step = 0 then"),
    ("depthwise_folded", "depthwise_folded", "RESETS => true", "RESETS => false"),
    ("depthwise_folded", "depthwise_folded", "(STEPS + 1) * CHUNK - 1 downto CHUNK);", "STEPS * CHUNK - 1 downto 0);"),
    ("requantize_shift", "pkg", "increment := NEGATIVE and (half or rest)", "increment := NEGATIVE and half"),
    ("requantize_shift", "pkg", "increment := half and (rest or NEGATIVE)", "increment := half and NEGATIVE"),
    ("requantize_shift", "pkg", "increment := half and rest;", "increment := half;"),
    ("requantize_shift", "pkg", "increment := half and (rest or not NEGATIVE)", "increment := half"),
    ("requantize_shift", "pkg", "(rest or QUOTIENT(0))", "(rest or not QUOTIENT(0))"),
    ("requantize_shift", "pkg", "elsif BITS > wide(high, WIDTH)", "elsif BITS > wide(high, WIDTH) + 1"),
    ("requantize_shift", "requantize_shift", "SCALED_WIDTH), LEFT)", "SCALED_WIDTH), LEFT / 2)"),
    (
        "requantize_multiply",
        "requantize_multiply",
        "round_shift(sum, SHIFT, TRN)",
        "round_shift(sum, SHIFT, RND)",
    ),
    (
        "requantize_multiply",
        "requantize_multiply",
        "product_offset <= code_offset",
        "product_offset <= u_signed(offset)",
    ),
    ("requantize_thresholds", "requantize_thresholds", "if code >= u_signed", "if code > u_signed"),
    ("requantize_thresholds", "requantize_thresholds", "step_base - count when", "step_base + count when"),
    ("requantize_search", "requantize_search", "code(level) >= u_signed", "code(level) > u_signed"),
    ("requantize_search", "requantize_search", "or to_unsigned(1, BITS)", "or to_unsigned(0, BITS)"),
    ("requantize_lines", "requantize_lines", "if code >= u_signed", "if code > u_signed"),
    (
        "requantize_lines",
        "requantize_lines",
        "line_offset <= chosen_offset;",
        "line_offset <= offsets(OFFSET_WIDTH - 1 downto 0);",
    ),
    ("requantize_runs", "requantize_runs", "path <= waiting(BITS) &", "path <= waiting(BITS - 1) &"),
    ("interpolate", "interpolate", "when FOLDED and code", "when not FOLDED and code"),
    ("interpolate", "interpolate", "magnitude > HIGH_CODE else", "magnitude >= HIGH_CODE else"),
    ("interpolate", "interpolate", "wide(rest(WAITS), REST_WIDTH + 1), DSP", "wide(rest_now, REST_WIDTH + 1), DSP"),
    ("interpolate", "interpolate", "rest(1)(REST_WIDTH - 1 downto bits)", "rest_now(REST_WIDTH - 1 downto bits)"),
    ("interpolate", "interpolate", "flags(WAITS + 2)(2) = '1'", "flags(WAITS + 1)(2) = '1'"),
    ("interpolate", "interpolate", "clamp(last, u_signed(BOTTOM)", "clamp(last, u_signed(BOTTOM) + 1"),
    ("table", "table", "MIRROR_CODE(OUT_WIDTH - 1 downto 0) - ", "MIRROR_CODE(OUT_WIDTH - 1 downto 0) + "),
    ("table", "table", "word_negative    <= address_negative", "word_negative    <= code(IN_WIDTH)"),
    ("collect", "collect", "in_data & word", "word & in_data"),
    ("stream_to_frame", "stream_to_frame", "if beat = i then", "if beat = BEATS - 1 - i then"),
    ("stream_to_frame", "stream_to_frame", "is_wrong <= is_wrong or lacking", "is_wrong <= lacking"),
    ("stream_to_frame", "stream_to_frame", "out_damaged <= is_wrong or lacking", "out_damaged <= lacking"),
    ("stream_to_frame", "stream_to_frame", "(out_ready or not is_full) and not rst", "(not is_full) and not rst"),
    ("frame_join", "frame_join", "not is_damaged and (and room)", "not is_damaged and (or room)"),
    ("frame_join", "frame_join", "(enters and out_ready) or is_damaged", "enters and out_ready"),
    ("frame_fifo", "frame_fifo", "when taken /= DEPTH", "when taken = 0"),
    ("frame_fifo", "frame_fifo", "read or (is_valid and not out_ready)", "read"),
    ("frame_fifo", "frame_fifo", "memory(read_index)", "memory(write_index)"),
    ("frame_to_stream", "frame_to_stream", "LAST_BEAT when is_last = '1'", "LAST_BEAT when is_last = '0'"),
    ("frame_to_stream", "frame_to_stream", "(out_ready and is_last) or not is_valid", "not is_valid"),
    ("window_buffer", "window_buffer", "(KERNEL_ROWS - 1 - i) * TOKEN_WIDTH;", "i * TOKEN_WIDTH;"),
    ("window_buffer", "window_buffer", "larger(PAD_TOP, PAD_BOTTOM)", "larger(0, PAD_TOP)"),
    ("window_buffer", "window_buffer", "larger(0, PAD_LEFT + PAD_RIGHT - REACH_COLUMNS)", "larger(0, 0)"),
    ("window_buffer", "window_buffer", "held_token <= FILL;", "held_token <= in_data;"),
    ("window_buffer", "window_buffer", "if FIRST < PLACES then", "if true then"),
    ("window_buffer", "window_buffer", "not (is_inside or is_early)", "not is_inside"),
    ("window_buffer", "window_buffer", "ends_row <= (OUT_ROWS - 1) * STRIDE_ROWS", "true"),
    ("window_buffer", "window_buffer", "memory(held_index) <=", "memory(line_index) <="),
    (
        "window_buffer",
        "window_buffer",
        "((g * KERNEL_ROWS + i) * KERNEL_COLUMNS + j)",
        "(g + (i * KERNEL_COLUMNS + j) * GROUPS)",
    ),
    ("token_fork", "token_fork", "taken <= is_done;", "taken <= out_ready;"),
    ("token_gather", "token_gather", "out_ready or not is_full", "not is_full"),
    ("token_scatter", "token_scatter", "(out_ready = '1' and remaining = 0)", "false"),
    ("token_reduce", "token_reduce", "if index /= 0 then", "if true then"),
    ("token_reduce", "token_reduce", "last > code", "last < code"),
    ("token_expand", "token_expand", "filled - (COLUMNS - 1)", "filled - COLUMNS"),
    ("token_expand", "token_expand", "upper    <= not upper;", "upper    <= upper;"),
    ("token_expand", "token_expand", "row_part * COLUMN_FACTOR + col_part", "col_part * ROW_FACTOR + row_part"),
    ("stream_to_tokens", "stream_to_tokens", "and not fills;", ";"),
    ("stream_to_tokens", "stream_to_tokens", "(drops or (can_take and not fills))", "(can_take and not fills)"),
    ("stream_to_tokens", "stream_to_tokens", "is_damaged <= is_damaged or lacking;", "is_damaged <= lacking;"),
    ("tokens_to_stream", "tokens_to_stream", "remaining = 0 and token = TOKENS - 1", "token = TOKENS - 1"),
    ("tokens_to_stream", "tokens_to_stream", "leaves or not is_valid", "not is_valid"),
]


@pytest.mark.parametrize(("entity", "file", "old", "new"), FAULTS)
def test_fault_is_noticed(tmp_path: Path, entity: str, file: str, old: str, new: str) -> None:
    hdl = tmp_path / "hdl"
    shutil.copytree(HDL, hdl)
    source = hdl / f"fpgann_{file}.vhd"
    text = source.read_text()
    assert text.count(old) >= 1, f"{old!r} is not in {source.name}"
    source.write_text(text.replace(old, new, 1))
    prepare(tmp_path, f"fpgann_{entity}", DEFAULT[f"fpgann_{entity}"], hdl)
    assert simulate_ghdl(tmp_path, f"fpgann_{entity}").failures


def test_every_entity_has_a_fault() -> None:
    assert {f"fpgann_{entity}" for entity, *_ in FAULTS} == set(DEFAULT)
