# SPDX-License-Identifier: Apache-2.0
"""The generics every entity is tested with. Contents of memories are corners, then random numbers of the seed."""

from __future__ import annotations

import random
from collections.abc import Mapping

from fpgann.reference.gaussian import NUMBER, STATE_BITS, first_states, following_state, gaussian_codes
from sim import models
from tests.hdl import token_cases
from tests.hdl.simulators import SEED
from tests.hdl.wrapper import Generics, Mode, Vector, Words

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV", "CEIL", "UP")
Cases = Mapping[str, Generics]


def _words(rng: random.Random, count: int, elements: int, width: int) -> Words:
    """Words of `elements` random elements each; the extremes come first."""
    low = 1 << (width - 1)
    corners = [models.pack([value] * elements, width) for value in (low, low - 1, -1)]
    rest = [models.pack([rng.getrandbits(width) for _ in range(elements)], width) for _ in range(count)]
    return Words((corners + rest)[:count] if count > len(corners) else rest, elements * width)


def _bounds(low: int, high: int, width: int) -> dict[str, Vector]:
    return {"LOW": Vector(low, width + 1), "HIGH": Vector(high, width + 1)}


def pace() -> Cases:
    return {f"every_{interval}": {"INTERVAL": interval} for interval in (1, 2, 3, 8, 13)}


def delay() -> Cases:
    shapes = [(1, 0, True), (5, 0, False), (1, 1, True), (8, 1, False), (3, 2, True), (70, 3, False), (2, 9, True)]
    return {
        f"d{width}_{cycles}": {"WIDTH": width, "CYCLES": cycles, "RESETS": resets} for width, cycles, resets in shapes
    }


def rom() -> Cases:
    rng = random.Random(SEED)
    shapes = [(1, 8, "auto"), (2, 1, "distributed"), (3, 65, "auto"), (16, 7, "block"), (37, 12, "auto")]
    return {
        f"r{depth}_{width}": {"WORDS": _words(rng, depth, 1, width), "DEPTH": depth, "WIDTH": width, "STYLE": style}
        for depth, width, style in shapes
    }


def weight_rom() -> Cases:
    rng = random.Random(SEED)
    # depth, lanes, width, values
    shapes = [(1, 2, 8, 0), (9, 3, 7, 0), (1, 1, 5, 2), (5, 1, 8, 3), (16, 4, 6, 8), (37, 3, 12, 5), (70, 2, 33, 70)]
    styles = ["auto", "block", "distributed"]
    return {
        f"w{depth}_{lanes}_{values}": {
            "WORDS": _words(rng, depth, lanes, width) if not values else _indices(rng, depth, lanes, values),
            "DEPTH": depth,
            "LANES": lanes,
            "WIDTH": width,
            "STYLE": styles[number % 3],
            **({"BOOK_SIZE": values, "BOOK": _words(rng, values, 1, width)} if values else {}),
        }
        for number, (depth, lanes, width, values) in enumerate(shapes)
    }


def _indices(rng: random.Random, count: int, lanes: int, values: int) -> Words:
    """Words of random indices below a number of values; the last one comes first."""
    width = max(1, (values - 1).bit_length())
    words = [models.pack([rng.randrange(values) for _ in range(lanes)], width) for _ in range(count)]
    words[0] = models.pack([values - 1] * lanes, width)
    return Words(words, lanes * width)


def ram() -> Cases:
    rng = random.Random(SEED)
    shapes = [(1, 8, "auto"), (2, 1, "distributed"), (3, 40, "auto"), (16, 7, "block"), (37, 12, "auto")]
    return {
        f"r{depth}_{width}": {"WORDS": _words(rng, depth, 1, width), "DEPTH": depth, "WIDTH": width, "STYLE": style}
        for depth, width, style in shapes
    }


def loadable_memory() -> Cases:
    rng = random.Random(SEED)
    # depth, lanes, width, address, base, load
    shapes = [
        (1, 1, 5, 4, 5, 1),
        (4, 3, 8, 7, 32, 1),
        (5, 1, 32, 5, 8, 2),
        (3, 5, 33, 9, 128, 2),
        (2, 4, 40, 4, 0, 3),
        (6, 2, 70, 8, 192, 3),
        (1, 4, 12, 6, 44, 1),
    ]
    return {
        f"m{depth}_{lanes}_{width}": {
            "WORDS": _words(rng, depth, lanes, width),
            "DEPTH": depth,
            "LANES": lanes,
            "WIDTH": width,
            "ADDRESS_WIDTH": address,
            "BASE": base,
            "LOAD_WORDS": load,
        }
        for depth, lanes, width, address, base, load in shapes
    }


def axil_loader() -> Cases:
    return {
        f"a{address}_{words}": {
            "ADDRESS_WIDTH": address,
            "LOAD_WORDS": words,
            "VERSION": Vector(0x8000_0001 + words, 32),
            "IDENTITY": Vector(0x1234_5678 * words, 32),
        }
        for address, words in ((4, 1), (10, 2), (30, 3))
    }


def neuron() -> Cases:
    # simd, in, signed, weight, bias, acc
    shapes = [
        (1, 8, True, 8, 16, 24),
        (1, 1, False, 1, 1, 6),
        (1, 8, False, 8, 8, 20),
        (2, 4, False, 3, 12, 14),
        (3, 7, True, 5, 30, 32),
        (4, 8, True, 8, 9, 16),  # wraps
        (5, 1, False, 2, 3, 12),
        (2, 18, True, 25, 48, 48),
        (1, 33, False, 30, 60, 70),
    ]
    styles = ["auto", "yes", "no"]
    return {
        f"n{index}": {
            "SIMD": simd,
            "IN_WIDTH": in_width,
            "IN_SIGNED": signed,
            "WEIGHT_WIDTH": weight,
            "BIAS_WIDTH": bias,
            "ACC_WIDTH": acc,
            "DSP_STYLE": styles[index % 3],
        }
        for index, (simd, in_width, signed, weight, bias, acc) in enumerate(shapes)
    }


def _dense(
    inputs: int, outputs: int, pe: int, simd: int, *widths: int, signed: bool = True, style: str = "auto"
) -> Generics:
    rng = random.Random(f"{SEED} {inputs} {outputs} {pe} {simd}")
    in_width, weight, bias, acc = widths
    steps = (inputs // simd) * (outputs // pe)
    return {
        "INPUTS": inputs,
        "OUTPUTS": outputs,
        "PE": pe,
        "SIMD": simd,
        "IN_WIDTH": in_width,
        "IN_SIGNED": signed,
        "WEIGHT_WIDTH": weight,
        "BIAS_WIDTH": bias,
        "ACC_WIDTH": acc,
        "WEIGHTS": _words(rng, steps, pe * simd, weight),
        "BIASES": _words(rng, outputs // pe, pe, bias),
        "DSP_STYLE": style,
        "ROM_STYLE": {"auto": "auto", "yes": "block", "no": "distributed"}[style],
    }


def _coded(shape: Generics, values: int) -> Generics:
    """The same layer with indices of a code book as weights."""
    rng = random.Random(f"{SEED} {values}")
    weights, lanes = shape["WEIGHTS"], shape["PE"] * shape["SIMD"]
    assert isinstance(weights, Words)
    book = _words(rng, values, 1, shape["WEIGHT_WIDTH"])
    coded = _indices(rng, len(weights.words), lanes, values)
    return {**shape, "WEIGHTS": coded, "BOOK_SIZE": values, "BOOK": book}


def dense_folded() -> Cases:
    return {
        "coded": _coded(_dense(6, 4, 2, 3, 8, 8, 16, 24), 5),
        "coded_serial": _coded(_dense(5, 3, 1, 1, 8, 8, 16, 24, signed=False, style="yes"), 2),
        "one": _dense(1, 1, 1, 1, 8, 8, 8, 20),
        "unfolded": _dense(4, 3, 3, 4, 5, 4, 8, 16, signed=False),
        "rows": _dense(4, 6, 2, 4, 6, 5, 10, 20, style="yes"),
        "columns": _dense(6, 3, 3, 2, 7, 3, 10, 20),
        "both": _dense(6, 4, 2, 3, 8, 8, 16, 24, signed=False, style="no"),
        "serial": _dense(5, 3, 1, 1, 8, 8, 16, 24),
        "bits": _dense(8, 4, 2, 2, 1, 1, 4, 8, signed=False),
        "one_fold": _dense(2, 6, 1, 2, 9, 7, 20, 20),
        "wraps": _dense(4, 2, 1, 2, 8, 8, 12, 10),
    }


def depthwise_folded() -> Cases:
    return {
        "one": _dense(1, 1, 1, 1, 8, 8, 8, 20),
        "unfolded": _dense(4, 3, 3, 4, 5, 4, 8, 16, signed=False),
        "rows": _dense(4, 6, 2, 4, 6, 5, 10, 20, style="yes"),
        "columns": _dense(6, 3, 3, 2, 7, 3, 10, 20),
        "both": _dense(6, 4, 2, 3, 8, 8, 16, 24, signed=False, style="no"),
        "serial": _dense(9, 3, 1, 1, 8, 8, 16, 24),
        "wraps": _dense(4, 2, 1, 2, 8, 8, 12, 10),
    }


def dense_member() -> Cases:
    def member(shape: Generics, pause: int, array_width: int) -> Generics:
        kept = {name: value for name, value in shape.items() if name not in {"ACC_WIDTH", "DSP_STYLE"}}
        return {**kept, "PAUSE": pause, "ARRAY_WIDTH": array_width}

    return {
        "one": member(_dense(1, 1, 1, 1, 8, 8, 8, 20), 0, 8),
        "late": member(_dense(4, 6, 2, 4, 6, 5, 10, 20), 3, 9),
        "both": member(_dense(6, 4, 2, 3, 8, 8, 16, 24, signed=False), 1, 9),
        "serial": member(_dense(5, 3, 1, 1, 8, 8, 16, 24), 7, 12),
    }


def dense_loadable() -> Cases:
    def loadable(shape: Generics, address: int, words: int, weights_base: int, biases_base: int) -> Generics:
        kept = {name: value for name, value in shape.items() if name != "ROM_STYLE"}
        load = {"LOAD_ADDRESS_WIDTH": address, "LOAD_WORDS": words}
        return {**kept, **load, "WEIGHTS_BASE": weights_base, "BIASES_BASE": biases_base}

    return {
        "one": loadable(_dense(1, 1, 1, 1, 8, 8, 8, 20), 3, 1, 4, 5),
        "rows": loadable(_dense(4, 6, 2, 4, 6, 5, 10, 20), 8, 1, 32, 64),
        "both": loadable(_dense(6, 4, 2, 3, 8, 8, 40, 44, signed=False), 7, 2, 32, 64),
        "serial": loadable(_dense(5, 3, 1, 1, 8, 33, 16, 48), 6, 2, 32, 4),
        "unfolded": loadable(_dense(4, 3, 3, 4, 5, 4, 8, 16), 6, 1, 16, 32),
    }


def dense_folded_slow() -> Cases:
    return {
        "mlp": _dense(64, 32, 8, 4, 8, 8, 20, 24),
        "deep": _dense(128, 10, 1, 2, 6, 6, 16, 20, signed=False, style="yes"),
        "wide": _dense(48, 24, 24, 16, 4, 4, 12, 16),
        "precise": _dense(12, 12, 4, 3, 24, 18, 47, 48),
    }


def requantize_shift() -> Cases:
    cases: dict[str, Generics] = {}
    # in, out, signed, shift, low, high
    shapes = [
        (8, 8, True, 3, -128, 127),
        (8, 4, False, 2, 0, 15),
        (7, 5, True, 0, -16, 15),
        (6, 6, True, 1, -31, 31),
        (6, 3, True, 9, -4, 3),  # everything is dropped
        (12, 8, True, 6, 0, 200),
    ]
    for index, (in_width, out_width, signed, shift, low, high) in enumerate(shapes):
        for mode in ROUNDINGS:
            cases[f"s{index}_{mode.lower()}"] = _shift(in_width, out_width, signed, shift, mode, low, high)
    cases["left"] = _shift(5, 8, True, -3, "RND", -128, 127)
    cases["left_unsigned"] = _shift(4, 9, False, -2, "TRN", 5, 40)
    cases["bits64"] = _shift(70, 64, True, 4, "RND_CONV", -(1 << 63), (1 << 63) - 1)
    cases["one_bit"] = _shift(9, 1, True, 5, "RND_INF", 0, 1)
    cases["fixed"] = _shift(8, 8, True, 2, "RND", 7, 7)
    return cases


def _shift(in_width: int, out_width: int, signed: bool, shift: int, mode: str, low: int, high: int) -> Generics:
    return {
        "IN_WIDTH": in_width,
        "OUT_WIDTH": out_width,
        "IN_SIGNED": signed,
        "SHIFT": shift,
        "ROUNDING": Mode(mode),
        **_bounds(low, high, out_width),
    }


def requantize_multiply() -> Cases:
    # in, out, signed, factor, offset, shift, low, high
    shapes = [
        (20, 8, True, 12, 24, 18, -128, 127),
        (8, 8, False, 8, 10, 7, 0, 255),
        (16, 6, True, 9, 32, 12, -31, 31),
        (5, 10, True, 3, 4, 0, -512, 511),
        (4, 4, True, 4, 3, 12, -8, 7),  # only the sign is left
        (1, 3, False, 1, 1, 0, -4, 3),
        (32, 64, True, 40, 80, 10, -(1 << 63), (1 << 63) - 1),
        (10, 7, True, 6, 30, 5, 3, 90),
    ]
    return {
        f"m{index}": {
            "IN_WIDTH": in_width,
            "OUT_WIDTH": out_width,
            "IN_SIGNED": signed,
            "FACTOR_WIDTH": factor,
            "OFFSET_WIDTH": offset,
            "SHIFT": shift,
            **_bounds(low, high, out_width),
        }
        for index, (in_width, out_width, signed, factor, offset, shift, low, high) in enumerate(shapes)
    }


def requantize_thresholds() -> Cases:
    # in, out, signed, steps
    shapes = [
        (8, 2, True, 3),
        (8, 2, False, 3),
        (5, 1, True, 1),
        (20, 4, True, 15),
        (12, 3, False, 6),
        (1, 6, False, 7),
    ]
    return {
        f"t{index}": {"IN_WIDTH": in_width, "OUT_WIDTH": out_width, "IN_SIGNED": signed, "STEPS": steps}
        for index, (in_width, out_width, signed, steps) in enumerate(shapes)
    }


def requantize_search() -> Cases:
    # in, out, signed, bits, channels
    shapes = [
        (8, 8, True, 1, 1),
        (8, 2, False, 2, 3),
        (10, 4, True, 4, 1),
        (16, 8, True, 5, 5),
        (12, 3, False, 6, 2),  # wraps
        (4, 5, False, 3, 4),
    ]
    return {
        f"b{index}": _search(in_width, out_width, signed, bits, channels)
        for index, (in_width, out_width, signed, bits, channels) in enumerate(shapes)
    }


def requantize_search_slow() -> Cases:
    return {"bits8": _search(24, 8, True, 8, 10), "bits10": _search(18, 10, False, 10, 2)}


def _search(in_width: int, out_width: int, signed: bool, bits: int, channels: int) -> Generics:
    rng = random.Random(f"{SEED} {in_width} {bits} {channels}")
    steps, limit = (1 << bits) - 1, 1 << in_width
    low, high = (-limit // 2, limit // 2 - 1) if signed else (0, limit - 1)
    rows: list[int] = []
    for channel in range(channels):
        row = [rng.randint(low, high) for _ in range(steps)]
        row[: channel % 3] = [-limit] * min(steps, channel % 3)  # filled up at the bottom
        if channel % 2:
            row[-1] = limit - 1  # the greatest there is
        rows += sorted(row)
    return {
        "IN_WIDTH": in_width,
        "OUT_WIDTH": out_width,
        "IN_SIGNED": signed,
        "BITS": bits,
        "CHANNELS": channels,
        "THRESHOLDS": Words(rows, in_width + 1),
        "BASES": Words([rng.getrandbits(out_width + 1) for _ in range(channels)], out_width + 1),
        "FALLING": Vector(rng.getrandbits(channels) | 1 << (channels - 1), channels),
        "STYLE": "auto",
    }


def requantize_lines() -> Cases:
    # in, out, signed, pieces, factor, offset, shift, low, high
    shapes = [
        (12, 8, True, 2, 10, 20, 9, -128, 127),
        (8, 8, False, 3, 8, 12, 7, 0, 255),
        (16, 6, True, 4, 9, 32, 12, -31, 31),
        (9, 10, True, 1, 3, 4, 0, -512, 511),
        (24, 16, True, 2, 31, 56, 31, -32768, 32767),
    ]
    return {
        f"l{index}": {
            "IN_WIDTH": in_width,
            "OUT_WIDTH": out_width,
            "IN_SIGNED": signed,
            "PIECES": pieces,
            "FACTOR_WIDTH": factor,
            "OFFSET_WIDTH": offset,
            "SHIFT": shift,
            **_bounds(low, high, out_width),
        }
        for index, (in_width, out_width, signed, pieces, factor, offset, shift, low, high) in enumerate(shapes)
    }


def requantize_runs() -> Cases:
    # in, out, signed, bits, channels
    shapes = [(8, 8, True, 1, 1), (8, 2, False, 2, 3), (10, 4, True, 4, 1), (16, 8, True, 5, 5), (4, 5, False, 3, 4)]
    cases = {}
    for index, (in_width, out_width, signed, bits, channels) in enumerate(shapes):
        rng = random.Random(f"{SEED} runs {index}")
        search = _search(in_width, out_width, signed, bits, channels)
        kept = {name: search[name] for name in ("IN_WIDTH", "OUT_WIDTH", "IN_SIGNED", "BITS", "CHANNELS", "STYLE")}
        cases[f"r{index}"] = kept | {
            "STARTS": search["THRESHOLDS"],
            "RESULTS": _words(rng, channels << bits, 1, out_width),
        }
    return cases


def interpolate() -> Cases:
    return {
        "whole": _interpolate(10, 8, True, (-512, 511), 4),
        "unsigned": _interpolate(9, 8, False, (0, 511), 5),
        "clamped": _interpolate(12, 7, True, (-700, 900), 6),
        "split": _interpolate(10, 9, True, (-512, 511), 5, split=True),
        "split_wide": _interpolate(16, 16, True, (-30000, 32767), 9, split=True),
        "odd": _interpolate(10, 9, True, (0, 400), 4, mirror=0),
        "sigmoid": _interpolate(12, 10, True, (3, 2048), 7, mirror=1 << 9, split=True),
        "even": _interpolate(9, 8, True, (0, 256), 5, even=True),
        "one": _interpolate(7, 6, True, (-20, 30), 6),
        "extreme": _interpolate(8, 8, True, (0, 128), 3, mirror=-3),  # the magnitude of the least code has a segment
        "wide": _interpolate(40, 30, True, (-90, 4000), 8, split=True),
    }


def _interpolate(
    in_width: int,
    out_width: int,
    signed: bool,
    codes: tuple[int, int],
    rest: int,
    *,
    split: bool = False,
    mirror: int | None = None,
    even: bool = False,
) -> Generics:
    rng = random.Random(f"{SEED} {in_width} {codes} {rest}")
    count = ((codes[1] - codes[0]) >> rest) + 1
    fixed = [rng.randrange(max(0, rest - 5), rest + 1) if split else rest for _ in range(count)]
    bases = [sum(1 << (rest - bits) for bits in fixed[:region]) for region in range(count)]
    segments = sum(1 << (rest - bits) for bits in fixed)
    slope, offset, result = 7, out_width + 6, out_width + 2
    index_bits, bits_width = max(1, (segments - 1).bit_length()), rest.bit_length()
    words = [models.pack([base], index_bits) << bits_width | bits for base, bits in zip(bases, fixed, strict=True)]
    low, high = -(1 << (out_width - 1)), (1 << (out_width - 1)) - 1
    bounds = {"BELOW": low + 1, "ABOVE": high - 2, "LEAST": low - 9, "GREATEST": high + 7, "MIRROR": mirror or 0}
    return {
        "IN_WIDTH": in_width,
        "OUT_WIDTH": out_width,
        "IN_SIGNED": signed,
        "REST_WIDTH": rest,
        "SLOPE_WIDTH": slope,
        "OFFSET_WIDTH": offset,
        "RESULT_WIDTH": result,
        "SHIFT": 5,
        "SEGMENTS": _words(rng, segments, 1, slope + offset),
        "SPLIT": split,
        "REGIONS": Words(words, index_bits + bits_width),
        "BITS_WIDTH": bits_width,
        "LOW": Vector(codes[0], in_width + 1),
        "HIGH": Vector(codes[1], in_width + 1),
        **{name: Vector(value, result) for name, value in bounds.items()},
        "FOLDED": even or mirror is not None,
        "MIRRORED": mirror is not None,
        "BOTTOM": Vector(low, out_width + 1),
        "TOP": Vector(high, out_width + 1),
        "STYLE": "auto",
    }


def table() -> Cases:
    return {
        "full": _table(8, 8, True, -128, 127),
        "unsigned": _table(6, 5, False, 0, 63),
        "clamped": _table(10, 7, True, -20, 13),
        "positive": _table(9, 4, False, 3, 70),
        "negative": _table(7, 4, True, -50, -9),
        "single": _table(5, 9, True, 4, 4),
        "beyond": _table(4, 6, True, -16, 15),  # entries no code reaches
        "odd": _table(10, 8, True, 0, 100, mirror=0),
        "sigmoid": _table(9, 8, True, 0, 60, mirror=1 << 8),
        "negative_mirror": _table(6, 6, True, 0, 31, mirror=-13),
        "extreme": _table(6, 7, True, 0, 32, mirror=5),  # the magnitude of the least code has an entry
        "halved": _table(7, 6, False, 0, 90, mirror=9),  # no code is negative
        "wide": _table(40, 30, True, -9, 40),
    }


def _table(in_width: int, out_width: int, signed: bool, low: int, high: int, mirror: int | None = None) -> Generics:
    rng = random.Random(f"{SEED} {in_width} {low} {high}")
    generics: dict[str, object] = {
        "IN_WIDTH": in_width,
        "OUT_WIDTH": out_width,
        "IN_SIGNED": signed,
        "WORDS": _words(rng, high - low + 1, 1, out_width),
        "LOW": Vector(low, in_width + 1),
        "HIGH": Vector(high, in_width + 1),
    }
    if mirror is not None:
        generics |= {"SYMMETRIC": True, "MIRROR": Vector(mirror, out_width + 1), "STYLE": "distributed"}
    return generics


def collect() -> Cases:
    return {
        f"c{groups}_{width}": {"GROUPS": groups, "GROUP_WIDTH": width}
        for groups, width in ((1, 5), (2, 1), (3, 8), (7, 33))
    }


# elements, bits, bytes of an element, bytes of a beat
_BEATS = [
    (1, 5, 1, 1),
    (4, 8, 1, 1),
    (3, 1, 1, 1),
    (5, 12, 2, 4),  # the last beat holds one element
    (7, 3, 1, 4),
    (4, 9, 2, 8),  # one beat
    (2, 20, 3, 4),  # a byte of every beat is none of an element
    (3, 16, 2, 16),  # less than a beat
    (6, 33, 5, 11),
]


def stream_to_frame() -> Cases:
    names = ("ELEMENTS", "ELEMENT_BITS", "ELEMENT_BYTES", "BEAT_BYTES")
    return {f"b{index}": dict(zip(names, shape, strict=True)) for index, shape in enumerate(_BEATS)}


def frame_to_stream() -> Cases:
    return {
        f"{name}_{'signed' if signed else 'unsigned'}": {**generics, "ELEMENT_SIGNED": signed}
        for name, generics in stream_to_frame().items()
        for signed in (True, False)
    }


def frame_join() -> Cases:
    shapes = [(1, 1), (2, 1), (1, 3), (3, 2)]
    return {f"j{inputs}_{outputs}": {"INPUTS": inputs, "OUTPUTS": outputs} for inputs, outputs in shapes}


def frame_fifo() -> Cases:
    shapes = [(5, 1, "auto"), (1, 2, "distributed"), (12, 3, "auto"), (70, 4, "block"), (9, 13, "auto")]
    return {f"f{width}_{depth}": {"WIDTH": width, "DEPTH": depth, "STYLE": style} for width, depth, style in shapes}


def gaussian() -> Cases:
    def lanes(*states: int) -> Generics:
        numbers = models.pack(gaussian_codes(states, 1)[0].tolist(), NUMBER.width)
        following = models.pack([following_state(state) for state in states], STATE_BITS)
        return {
            "LANES": len(states),
            "NUMBERS": Vector(numbers, NUMBER.width * len(states)),
            "STATES": Vector(following, STATE_BITS * len(states)),
        }

    few_bits = lanes(1, 1 << 63, (1 << 64) - 1)  # whose numbers are far from random at first
    return {"few_bits": few_bits, "one": lanes(*first_states(1, 1)), "four": lanes(*first_states(SEED, 4))}


DEFAULT: dict[str, Cases] = {
    "fpgann_gaussian": gaussian(),
    "fpgann_pace": pace(),
    "fpgann_delay": delay(),
    "fpgann_rom": rom(),
    "fpgann_weight_rom": weight_rom(),
    "fpgann_ram": ram(),
    "fpgann_loadable_memory": loadable_memory(),
    "fpgann_axil_loader": axil_loader(),
    "fpgann_neuron": neuron(),
    "fpgann_dense_folded": dense_folded(),
    "fpgann_dense_member": dense_member(),
    "fpgann_depthwise_folded": depthwise_folded(),
    "fpgann_dense_loadable": dense_loadable(),
    "fpgann_requantize_shift": requantize_shift(),
    "fpgann_requantize_multiply": requantize_multiply(),
    "fpgann_requantize_thresholds": requantize_thresholds(),
    "fpgann_requantize_search": requantize_search(),
    "fpgann_requantize_lines": requantize_lines(),
    "fpgann_requantize_runs": requantize_runs(),
    "fpgann_interpolate": interpolate(),
    "fpgann_table": table(),
    "fpgann_collect": collect(),
    "fpgann_stream_to_frame": stream_to_frame(),
    "fpgann_frame_join": frame_join(),
    "fpgann_frame_fifo": frame_fifo(),
    "fpgann_frame_to_stream": frame_to_stream(),
    **token_cases.DEFAULT,
}
"""Fast enough for every run."""

SLOW: dict[str, Cases] = {
    "fpgann_dense_folded": dense_folded_slow(),
    "fpgann_requantize_search": requantize_search_slow(),
}
"""Bigger ones."""
