# SPDX-License-Identifier: Apache-2.0
"""What every entity of hdl/ computes and when, bit for bit, in plain Python integers.

A function has the name of its entity without `fpgann_`, takes the generics it needs under their names in lower
case, and returns codes. `<entity>_latency_cycles` is the number of clock edges from an item on the inputs to its
result on the outputs. A memory word or a wide port is one non-negative integer with element 0 in the low bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

# -- numbers -------------------------------------------------------------------------------------------------------


def wrap(value: int, width: int) -> int:
    """The low `width` bits, as stored."""
    return value % (1 << width)


def wide(value: int, width: int) -> int:
    """The low `width` bits, read as a signed number."""
    return wrap(value + (1 << (width - 1)), width) - (1 << (width - 1))


def to_code(bits: int, width: int, *, is_signed: bool) -> int:
    """`width` stored bits, read as signed or unsigned."""
    return wide(bits, width) if is_signed else wrap(bits, width)


def element(word: int, index: int, width: int) -> int:
    """Stored bits of one element of a word of equal elements."""
    return wrap(word >> (index * width), width)


def elements(word: int, count: int, width: int) -> list[int]:
    """The first `count` elements of a word, as stored."""
    return [element(word, index, width) for index in range(count)]


def pack(values: Sequence[int], width: int) -> int:
    """A word of equal elements, the first one in the low bits."""
    return sum(wrap(value, width) << (index * width) for index, value in enumerate(values))


def round_shift(value: int, shift: int, mode: str) -> int:
    """value / 2**shift, rounded as ap_fixed (or, for CEIL and UP, QONNX) does in this mode."""
    exact = Fraction(value, 1 << shift)
    floor = math.floor(exact)
    if mode == "TRN":
        return floor
    if mode == "CEIL":
        return math.ceil(exact)
    if mode == "UP":
        return math.ceil(exact) if value > 0 else floor
    if mode == "TRN_ZERO":
        return math.trunc(exact)
    if (exact - floor) * 2 != 1:
        return math.floor(exact + Fraction(1, 2))
    towards_zero, from_zero = (floor, floor + 1) if value >= 0 else (floor + 1, floor)
    return {
        "RND": floor + 1,
        "RND_MIN_INF": floor,
        "RND_ZERO": towards_zero,
        "RND_INF": from_zero,
        "RND_CONV": floor + floor % 2,
    }[mode]


def clamp(value: int, low: int, high: int) -> int:
    """The number in low .. high nearest to value."""
    return max(low, min(high, value))


# -- flow ----------------------------------------------------------------------------------------------------------


def pace(in_valid: Sequence[bool], interval: int) -> list[tuple[bool, bool]]:
    """(in_ready, accept) of every cycle after a reset."""
    result: list[tuple[bool, bool]] = []
    last = -interval
    for cycle, valid in enumerate(in_valid):
        ready = cycle - last >= interval
        if ready and valid:
            last = cycle
        result.append((ready, ready and valid))
    return result


def delay(in_data: Sequence[int], cycles: int) -> list[int]:
    """out_data of every cycle after a reset that lasted, for stages that reset."""
    return [0] * min(cycles, len(in_data)) + list(in_data[: max(0, len(in_data) - cycles)])


def delay_latency_cycles(cycles: int) -> int:
    """As many as asked for."""
    return cycles


def collect(beats: Sequence[int], groups: int, group_width: int) -> list[int]:
    """The wide word of every complete frame."""
    frames = len(beats) // groups
    return [pack(beats[frame * groups : (frame + 1) * groups], group_width) for frame in range(frames)]


def collect_latency_cycles() -> int:
    """From the last beat of a frame."""
    return 1


def rom(address: int, words: Sequence[int]) -> int:
    """The word at an address."""
    return words[address]


def rom_latency_cycles() -> int:
    """Always one."""
    return 1


def weight_rom(address: int, words: Sequence[int], *, lanes: int, width: int, book: Sequence[int] = ()) -> int:
    """The weights at an address: those of the word, or what its indices stand for in a code book."""
    if not book:
        return words[address]
    index_width = max(1, (len(book) - 1).bit_length())
    return pack([book[index] for index in elements(words[address], lanes, index_width)], width)


class Ram:
    """The state of a ram."""

    def __init__(self, words: Sequence[int]) -> None:
        self.words = list(words)
        self.data = 0

    def step(self, *, address: int, write: tuple[int, int] | None) -> None:
        """A clock edge; what is written at the same time is read later."""
        self.data = self.words[address]
        if write is not None:
            self.words[write[0]] = write[1]


class LoadableMemory:
    """The state of a loadable_memory."""

    def __init__(self, *, words: Sequence[int], lanes: int, width: int, base: int, load_words: int) -> None:
        self.rows = [elements(word, lanes, width) for word in words]
        self.lanes, self.width, self.base, self.load_words = lanes, width, base, load_words
        self.element_words = -(-width // 32)
        # numbers of bits that count to n - 1
        self.lane_stride = 1 << (self.element_words - 1).bit_length()
        self.step_stride = self.lane_stride << (lanes - 1).bit_length()
        self.size = self.step_stride << (len(self.rows) - 1).bit_length()

    def place(self, address: int) -> tuple[int, int, int]:
        """Word of the memory, lane and word of the element that an address means; perhaps none of this one's."""
        step, rest = divmod(address - self.base, self.step_stride)
        return (step, *divmod(rest, self.lane_stride))

    def hits(self, address: int) -> bool:
        """Whether there is something at an address."""
        step, lane, position = self.place(address)
        return 0 <= step < len(self.rows) and lane < self.lanes and position < self.element_words

    def load(self, address: int, data: int) -> None:
        """A write; data are the latest words, the last one highest."""
        step, lane, position = self.place(address)
        if self.hits(address) and position == self.element_words - 1:
            element_bits = data >> 32 * (self.load_words - self.element_words)
            self.rows[step][lane] = element_bits & ((1 << self.width) - 1)

    def word(self, index: int) -> int:
        """What is read."""
        return pack(self.rows[index], self.width)


class AxilLoader:
    """The state of an axil_loader, cycle by cycle: outputs first, then `step` with the inputs of the cycle."""

    OKAY, SLVERR = 0, 2

    def __init__(self, *, load_words: int, version: int, identity: int) -> None:
        self.load_words, self.registers = load_words, (version, identity)
        self.write: tuple[int, bool] | None = None  # address, whether no byte is left out
        self.read: int | None = None
        self.words: list[int] = []
        self.bresp: int | None = None
        self.rdata: tuple[int, int] | None = None

    def outputs(self) -> dict[str, int]:
        """What comes from registers; only what is defined."""
        found = {"s_axil_bvalid": int(self.bresp is not None), "s_axil_rvalid": int(self.rdata is not None)}
        found["load_valid"] = int(self.write is not None and self.write[1])
        if self.write is not None:
            found["load_address"] = self.write[0]
        if len(self.words) == self.load_words:
            found["load_data"] = pack(self.words, 32)
        if self.bresp is not None:
            found["s_axil_bresp"] = self.bresp
        if self.rdata is not None:
            found["s_axil_rdata"], found["s_axil_rresp"] = self.rdata
        return found

    def can_write(self, *, bready: bool) -> bool:
        """Whether address and data are taken."""
        return self.write is None and (self.bresp is None or bready)

    def can_read(self, *, rready: bool) -> bool:
        """Whether an address is taken."""
        return self.read is None and (self.rdata is None or rready)

    def step(
        self, *, write: tuple[int, int, int] | None, read: int | None, load_hit: bool, bready: bool, rready: bool
    ) -> None:
        """A clock edge; write is address, data, strobes as they are taken, read an address."""
        if bready:
            self.bresp = None
        if rready:
            self.rdata = None
        if self.write is not None:
            self.bresp = self.OKAY if self.write[1] and load_hit else self.SLVERR
        if self.read is not None:
            is_register = self.read < len(self.registers)
            self.rdata = (self.registers[self.read], self.OKAY) if is_register else (0, self.SLVERR)
        self.write, self.read = None, None
        if write is not None:
            self.write = (write[0] >> 2, write[2] == 15)
            self.words = [*self.words, write[1]][-self.load_words :]
        if read is not None:
            self.read = read >> 2


# -- multiply and accumulate ---------------------------------------------------------------------------------------


def neuron(
    items: Sequence[tuple[bool, int, int, int]],
    *,
    simd: int,
    in_width: int,
    in_signed: bool,
    weight_width: int,
    bias_width: int,
    acc_width: int,
) -> list[int | None]:
    """acc after each item (first, in_data, weights, bias), as stored; None before the first `first`."""
    result: list[int | None] = []
    total: int | None = None
    for first, in_data, weights, bias in items:
        codes = [to_code(bits, in_width, is_signed=in_signed) for bits in elements(in_data, simd, in_width)]
        factors = [wide(bits, weight_width) for bits in elements(weights, simd, weight_width)]
        if first:
            total = wide(bias, bias_width)
        if total is not None:
            total += sum(code * factor for code, factor in zip(codes, factors, strict=True))
        result.append(None if total is None else wrap(total, acc_width))
    return result


def neuron_latency_cycles(simd: int) -> int:
    """From an item's inputs to its share of acc."""
    return 2 if simd == 1 else 3


def dense_folded(
    in_data: int,
    *,
    inputs: int,
    outputs: int,
    pe: int,
    simd: int,
    in_width: int,
    in_signed: bool,
    weight_width: int,
    bias_width: int,
    acc_width: int,
    weights: Sequence[int],
    biases: Sequence[int],
    book: Sequence[int] = (),
) -> list[int]:
    """out_acc of every group, for one item."""
    words = [weight_rom(step, weights, lanes=pe * simd, width=weight_width, book=book) for step in range(len(weights))]
    codes = [to_code(bits, in_width, is_signed=in_signed) for bits in elements(in_data, inputs, in_width)]
    folds = inputs // simd

    def weight(row: int, column: int) -> int:
        word = words[row // pe * folds + column // simd]
        return wide(element(word, row % pe * simd + column % simd, weight_width), weight_width)

    def bias(row: int) -> int:
        return wide(element(biases[row // pe], row % pe, bias_width), bias_width)

    sums = [bias(row) + sum(weight(row, column) * code for column, code in enumerate(codes)) for row in range(outputs)]
    return [pack(sums[row : row + pe], acc_width) for row in range(0, outputs, pe)]


def dense_requests(
    in_data: int,
    *,
    inputs: int,
    outputs: int,
    pe: int,
    simd: int,
    in_width: int,
    in_signed: bool,
    array_width: int,
    weight_width: int,
    bias_width: int,
    weights: Sequence[int],
    biases: Sequence[int],
) -> list[int]:
    """The request of fpgann_dense_member in every step, for one item."""
    codes = [to_code(bits, in_width, is_signed=in_signed) for bits in elements(in_data, inputs, in_width)]
    folds, requests = inputs // simd, []
    for step in range(folds * (outputs // pe)):
        group, fold = divmod(step, folds)
        request = int(fold == 0)
        request = request << pe * bias_width | biases[group]
        request = request << pe * simd * weight_width | weights[step]
        request = request << simd * array_width | pack(codes[fold * simd : (fold + 1) * simd], array_width)
        requests.append(request)
    return requests


def depthwise_folded(
    in_data: int,
    *,
    inputs: int,
    outputs: int,
    pe: int,
    simd: int,
    in_width: int,
    in_signed: bool,
    weight_width: int,
    bias_width: int,
    acc_width: int,
    weights: Sequence[int],
    biases: Sequence[int],
) -> list[int]:
    """out_acc of every group, for one item."""
    folds, found = inputs // simd, []
    codes = [to_code(bits, in_width, is_signed=in_signed) for bits in elements(in_data, inputs * outputs, in_width)]
    for group, bias_word in enumerate(biases):
        sums = [wide(bits, bias_width) for bits in elements(bias_word, pe, bias_width)]
        for step in range(group * folds, (group + 1) * folds):
            row = [wide(bits, weight_width) for bits in elements(weights[step], pe * simd, weight_width)]
            for place, weight in enumerate(row):
                sums[place // simd] += weight * codes[step * pe * simd + place]
        found.append(pack(sums, acc_width))
    return found


def dense_folded_latency_cycles(group: int, *, inputs: int, simd: int) -> int:
    """From in_valid to the out_valid of a group."""
    return (group + 1) * (inputs // simd) + neuron_latency_cycles(simd)


def dense_folded_interval_cycles(*, inputs: int, outputs: int, pe: int, simd: int) -> int:
    """From one in_valid to the next, at least."""
    return (inputs // simd) * (outputs // pe)


# -- requantization ------------------------------------------------------------------------------------------------


def requantize_shift(
    in_data: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    shift: int,
    rounding: str,
    low: int,
    high: int,
) -> int:
    """out_data; low and high as stored, in out_width + 1 bits."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    scaled = round_shift(code, shift, rounding) if shift >= 0 else code << -shift
    return wrap(clamp(scaled, wide(low, out_width + 1), wide(high, out_width + 1)), out_width)


def requantize_shift_latency_cycles() -> int:
    """Always one."""
    return 1


def requantize_multiply(
    in_data: int,
    factor: int,
    offset: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    factor_width: int,
    offset_width: int,
    shift: int,
    low: int,
    high: int,
) -> int:
    """out_data; low and high as stored, in out_width + 1 bits."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    total = code * wide(factor, factor_width) + wide(offset, offset_width)
    quotient = total // (1 << shift)
    return wrap(clamp(quotient, wide(low, out_width + 1), wide(high, out_width + 1)), out_width)


def requantize_multiply_latency_cycles() -> int:
    """Inputs, product, result."""
    return 3


def _step(code: int, thresholds: Sequence[int], falling: int, base: int, in_width: int, out_width: int) -> int:
    count = sum(code >= wide(threshold, in_width + 1) for threshold in thresholds)
    return wrap(base - count if falling else base + count, out_width)


def requantize_thresholds(
    in_data: int,
    thresholds: int,
    falling: int,
    base: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    steps: int,
) -> int:
    """out_data."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    return _step(code, elements(thresholds, steps, in_width + 1), falling, base, in_width, out_width)


def requantize_thresholds_latency_cycles() -> int:
    """Comparisons, result."""
    return 2


def requantize_search(
    in_data: int,
    channel: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    bits: int,
    thresholds: Sequence[int],
    bases: Sequence[int],
    falling: int,
) -> int:
    """out_data; the thresholds of a channel in ascending order."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    steps = (1 << bits) - 1
    row = thresholds[channel * steps : (channel + 1) * steps]
    return _step(code, row, falling >> channel & 1, bases[channel], in_width, out_width)


def requantize_search_latency_cycles(bits: int) -> int:
    """A memory and a comparison per bit, overlapped."""
    return bits + 1


def requantize_lines(
    in_data: int,
    breaks: int,
    factors: int,
    offsets: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    pieces: int,
    factor_width: int,
    offset_width: int,
    shift: int,
    low: int,
    high: int,
) -> int:
    """out_data; low and high as stored, in out_width + 1 bits. Of the breaks reached, the last one counts."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    starts = [wide(bits, in_width + 1) for bits in elements(breaks, pieces, in_width + 1)]
    piece = max([0] + [index for index in range(1, pieces) if code >= starts[index]])
    return requantize_multiply(
        in_data,
        element(factors, piece, factor_width),
        element(offsets, piece, offset_width),
        in_width=in_width,
        out_width=out_width,
        in_signed=in_signed,
        factor_width=factor_width,
        offset_width=offset_width,
        shift=shift,
        low=low,
        high=high,
    )


def requantize_lines_latency_cycles() -> int:
    """The choice of a piece, then a multiplication."""
    return 1 + requantize_multiply_latency_cycles()


def requantize_runs(
    in_data: int,
    channel: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    bits: int,
    starts: Sequence[int],
    results: Sequence[int],
) -> int:
    """out_data; the starts of a channel in ascending order."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    count = (1 << bits) - 1
    row = starts[channel * count : (channel + 1) * count]
    return wrap(results[(channel << bits) + sum(code >= wide(start, in_width + 1) for start in row)], out_width)


def requantize_runs_latency_cycles(bits: int) -> int:
    """A search, then a memory."""
    return requantize_search_latency_cycles(bits) + 1


def interpolate(
    in_data: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    rest_width: int,
    slope_width: int,
    offset_width: int,
    result_width: int,
    shift: int,
    segments: Sequence[int],
    split: bool,
    regions: Sequence[int],
    bits_width: int,
    low: int,
    high: int,
    below: int,
    above: int,
    least: int,
    greatest: int,
    folded: bool,
    mirrored: bool,
    mirror: int,
    bottom: int,
    top: int,
) -> int:
    """out_data; bounds as stored."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    x = abs(code) if folded else code
    first, last = wide(low, in_width + 1), wide(high, in_width + 1)
    if first <= x <= last:
        region, rest = (x - first) >> rest_width, (x - first) % (1 << rest_width)
        segment = region
        if split:
            segment = (regions[region] >> bits_width) + (rest >> (regions[region] % (1 << bits_width)))
        slope = wide(segments[segment], slope_width)
        total = slope * rest + wide(segments[segment] >> slope_width, offset_width)
        result = clamp(total >> shift, wide(least, result_width), wide(greatest, result_width))
    else:
        result = wide(below if x < first else above, result_width)
    if mirrored and code < 0:
        result = wide(mirror, result_width) - result
    return wrap(clamp(result, wide(bottom, out_width + 1), wide(top, out_width + 1)), out_width)


def interpolate_latency_cycles(*, split: bool) -> int:
    """Distance, (region, segment,) its word, product, line, mirror."""
    return 7 if split else 5


def table(
    in_data: int,
    *,
    in_width: int,
    out_width: int,
    in_signed: bool,
    words: Sequence[int],
    low: int,
    high: int,
    symmetric: bool = False,
    mirror: int = 0,
) -> int:
    """out_data; low and high as stored, in in_width + 1 bits."""
    code = to_code(in_data, in_width, is_signed=in_signed)
    last = wide(high, in_width + 1)
    if not symmetric:
        first = wide(low, in_width + 1)
        return words[clamp(code, first, last) - first]
    word = words[min(abs(code), last)]
    return wrap(mirror - word, out_width) if code < 0 else word


def table_latency_cycles() -> int:
    """Address, memory, result."""
    return 3


# -- streams -------------------------------------------------------------------------------------------------------


def beat_layout(elements: int, element_bytes: int, beat_bytes: int) -> list[int]:
    """How many elements each beat of a frame holds."""
    full = beat_bytes // element_bytes
    return [min(full, elements - first) for first in range(0, elements, full)]


def stream_to_frame(
    beats: Sequence[tuple[int, int, bool]],
    *,
    elements: int,
    element_bits: int,
    element_bytes: int,
    beat_bytes: int,
) -> list[int | None]:
    """out_data of every frame that beats (in_data, in_keep, in_last) end, None where it is damaged."""
    layout = beat_layout(elements, element_bytes, beat_bytes)
    frames: list[int | None] = []
    packet: list[tuple[int, int]] = []
    for data, keep, last in beats:
        packet.append((data, keep))
        if not last:
            continue
        codes: list[int] | None = [] if len(packet) == len(layout) else None
        for (bits, bytes_kept), count in zip(packet, layout, strict=False):
            wanted = (1 << (count * element_bytes)) - 1
            if codes is None or wanted & ~bytes_kept:
                codes = None
                break
            codes += [element(bits, index, 8 * element_bytes) for index in range(count)]
        frames.append(None if codes is None else pack(codes, element_bits))
        packet = []
    return frames


def stream_to_frame_latency_cycles() -> int:
    """From the last beat."""
    return 1


def frame_to_stream(
    in_data: int,
    *,
    elements: int,
    element_bits: int,
    element_signed: bool,
    element_bytes: int,
    beat_bytes: int,
) -> list[tuple[int, int, bool]]:
    """Beats (out_data, out_keep, out_last) of a frame."""
    beats: list[tuple[int, int, bool]] = []
    first = 0
    for count in beat_layout(elements, element_bytes, beat_bytes):
        stored = [element(in_data, index, element_bits) for index in range(first, first + count)]
        codes = [to_code(bits, element_bits, is_signed=element_signed) for bits in stored]
        first += count
        beats.append((pack(codes, 8 * element_bytes), (1 << (count * element_bytes)) - 1, first == elements))
    return beats


def frame_to_stream_latency_cycles() -> int:
    """To the first beat."""
    return 1


def frame_join(cycles: Sequence[tuple[int, int, int, int]], *, inputs: int, outputs: int) -> list[tuple[int, ...]]:
    """(in_ready, accept, out_valid, frame_error) of every cycle (in_valid, in_damaged, room, out_ready)."""
    result: list[tuple[int, ...]] = []
    error = False
    for in_valid, in_damaged, room, out_ready in cycles:
        complete = in_valid == (1 << inputs) - 1
        damaged = complete and in_damaged != 0
        enters = complete and not damaged and room == (1 << outputs) - 1
        accept = enters and bool(out_ready)
        result.append((int(accept or damaged), int(accept), int(enters), int(error)))
        error = damaged
    return result


class FrameFifo:
    """The state of a frame_fifo, cycle by cycle: outputs first, then `step` with the inputs of the cycle."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.taken = 0
        self.memory: list[int] = []
        self.out_data: int | None = None

    @property
    def room(self) -> bool:
        """Whether a place can be reserved."""
        return self.taken < self.depth

    def step(self, *, reserve: bool, in_data: int | None, out_ready: bool) -> None:
        """A clock edge; in_data is None without in_valid."""
        self.taken += reserve
        if self.out_data is None or out_ready:
            self.out_data = self.memory.pop(0) if self.memory else None
            self.taken -= self.out_data is not None
        if in_data is not None:
            self.memory.append(in_data)


def frame_fifo_latency_cycles() -> int:
    """Memory, output."""
    return 2
