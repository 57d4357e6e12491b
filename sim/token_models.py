# SPDX-License-Identifier: Apache-2.0
"""What the entities of hdl/ for streams of tokens compute, in plain Python integers (see sim/models.py).

A function takes the tokens of whole maps, one after another, and returns what leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.models import element, elements, pack, to_code, wrap


def window_buffer(
    tokens: Sequence[int],
    *,
    token_width: int,
    groups: int,
    rows: int,
    columns: int,
    kernel_rows: int,
    kernel_columns: int,
    stride_rows: int,
    stride_columns: int,
    dilation_rows: int,
    dilation_columns: int,
    pad_top: int,
    pad_bottom: int,
    pad_left: int,
    pad_right: int,
    fill: int,
) -> list[int]:
    """Every window of every map."""
    part = token_width // groups
    places = [(i * dilation_rows, j * dilation_columns) for i in range(kernel_rows) for j in range(kernel_columns)]
    last_row = rows + pad_bottom - (kernel_rows - 1) * dilation_rows
    last_column = columns + pad_right - (kernel_columns - 1) * dilation_columns
    windows = []
    for first in range(0, len(tokens), rows * columns):
        image = tokens[first : first + rows * columns]

        def seen(row: int, column: int, image: Sequence[int] = image) -> int:
            inside = 0 <= row < rows and 0 <= column < columns
            return image[row * columns + column] if inside else fill

        for row in range(-pad_top, last_row, stride_rows):
            for column in range(-pad_left, last_column, stride_columns):
                taps = [seen(row + i, column + j) for i, j in places]
                windows.append(pack([element(tap, g, part) for g in range(groups) for tap in taps], part))
    return windows


def window_buffer_cycles(
    *,
    rows: int,
    columns: int,
    kernel_rows: int,
    kernel_columns: int,
    dilation_rows: int,
    dilation_columns: int,
    pad_top: int,
    pad_bottom: int,
    pad_left: int,
    pad_right: int,
) -> int:
    """Cycles that a map takes if nothing stalls."""
    gap_rows = max(0, pad_top, pad_bottom, pad_top + pad_bottom - (kernel_rows - 1) * dilation_rows)
    gap_columns = max(0, pad_left, pad_right, pad_left + pad_right - (kernel_columns - 1) * dilation_columns)
    return (rows + gap_rows) * (columns + gap_columns)


def token_gather(tokens: Sequence[int], *, tokens_of_word: int, width: int) -> list[int]:
    """Every complete word."""
    words = len(tokens) // tokens_of_word
    return [pack(tokens[i * tokens_of_word : (i + 1) * tokens_of_word], width) for i in range(words)]


def token_scatter(words: Sequence[int], *, tokens_of_word: int, width: int) -> list[int]:
    """The tokens of all words."""
    return [token for word in words for token in elements(word, tokens_of_word, width)]


def token_reduce(
    tokens: Sequence[int],
    *,
    tokens_of_result: int,
    token_elements: int,
    in_width: int,
    in_signed: bool,
    out_width: int,
    kind: str,
) -> list[int]:
    """Every complete result."""
    combine = {"sum": sum, "maximum": max, "minimum": min}[kind]
    results = []
    for first in range(0, len(tokens) - tokens_of_result + 1, tokens_of_result):
        rows = [elements(token, token_elements, in_width) for token in tokens[first : first + tokens_of_result]]
        codes = [[to_code(bits, in_width, is_signed=in_signed) for bits in row] for row in rows]
        results.append(pack([wrap(combine(column), out_width) for column in zip(*codes, strict=True)], out_width))
    return results


def token_expand(
    tokens: Sequence[int], *, columns: int, row_factor: int, column_factor: int, width: int, parts: int
) -> list[int]:
    """The tokens of all larger maps."""
    part = width // parts
    found = []
    for first in range(0, len(tokens), columns):
        for i in range(row_factor):
            for token in tokens[first : first + columns]:
                found += [element(token, i * column_factor + j if parts > 1 else 0, part) for j in range(column_factor)]
    return found


Beat = tuple[int, int, bool]


def stream_to_tokens(
    packets: Sequence[Sequence[Beat]],
    *,
    tokens: int,
    beats: int,
    per_beat: int,
    element_bits: int,
    element_bytes: int,
) -> tuple[list[int], int]:
    """The tokens of packets of beats (in_data, in_keep, in_last), each a map; how many packets were wrong."""
    found: list[int] = []
    wrong = 0
    kept = (1 << per_beat * element_bytes) - 1
    for packet in packets:
        used = list(packet[: tokens * beats])
        wrong += len(packet) != tokens * beats or any(kept & ~keep for _, keep, _ in used)
        codes = [element(data, index, 8 * element_bytes) for data, _, _ in used for index in range(per_beat)]
        codes += [0] * (tokens * beats * per_beat - len(codes))
        size = beats * per_beat
        found += [pack(codes[i * size : (i + 1) * size], element_bits) for i in range(tokens)]
    return found, wrong


def tokens_to_stream(
    data: Sequence[int],
    *,
    tokens: int,
    beats: int,
    per_beat: int,
    element_bits: int,
    element_signed: bool,
    element_bytes: int,
) -> list[Beat]:
    """Beats (out_data, out_keep, out_last) of tokens."""
    keep = (1 << per_beat * element_bytes) - 1
    found = []
    for index, token in enumerate(data):
        stored = elements(token, beats * per_beat, element_bits)
        codes = [to_code(bits, element_bits, is_signed=element_signed) for bits in stored]
        for beat in range(beats):
            is_last = (index + 1) % tokens == 0 and beat == beats - 1
            found.append((pack(codes[beat * per_beat : (beat + 1) * per_beat], 8 * element_bytes), keep, is_last))
    return found


class TokenFork:
    """The state of a token_fork, cycle by cycle: outputs of a cycle from its inputs, then `step` with the same."""

    def __init__(self, outputs: int) -> None:
        self.ones = (1 << outputs) - 1
        self.taken = 0

    def outputs(self, *, in_valid: bool, out_ready: int) -> tuple[int, int]:
        """in_ready, out_valid."""
        return int(self.taken | out_ready == self.ones), self.ones & ~self.taken if in_valid else 0

    def step(self, *, in_valid: bool, out_ready: int) -> None:
        """A clock edge."""
        if in_valid:
            done = self.taken | out_ready
            self.taken = 0 if done == self.ones else done
