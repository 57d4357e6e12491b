# SPDX-License-Identifier: Apache-2.0
"""The generics that entities for streams of tokens are tested with."""

from __future__ import annotations

from collections.abc import Mapping

from tests.hdl.wrapper import Generics, Vector

Cases = Mapping[str, Generics]
Pair = tuple[int, int]


def _window(
    sizes: Pair,
    kernel: Pair,
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    width: int = 5,
    groups: int = 1,
) -> Generics:
    """A window buffer; pads are top, left, bottom, right, as ONNX writes them."""
    return {
        "TOKEN_WIDTH": width,
        "GROUPS": groups,
        "ROWS": sizes[0],
        "COLUMNS": sizes[1],
        "KERNEL_ROWS": kernel[0],
        "KERNEL_COLUMNS": kernel[1],
        "STRIDE_ROWS": strides[0],
        "STRIDE_COLUMNS": strides[1],
        "DILATION_ROWS": dilations[0],
        "DILATION_COLUMNS": dilations[1],
        "PAD_TOP": pads[0],
        "PAD_BOTTOM": pads[2],
        "PAD_LEFT": pads[1],
        "PAD_RIGHT": pads[3],
        "FILL": Vector(0x2B, width),
        "STYLE": "distributed" if width > 8 else "auto",
    }


def window_buffer() -> Cases:
    return {
        "valid": _window((5, 6), (3, 3)),
        "same": _window((4, 5), (3, 3), pads=(1, 1, 1, 1)),
        "full": _window((3, 4), (3, 3), pads=(2, 2, 2, 2)),
        "even_kernel": _window((4, 4), (2, 4), pads=(0, 1, 1, 2)),
        "strided": _window((5, 6), (3, 3), (2, 2), pads=(1, 1, 1, 1)),
        "strides_differ": _window((7, 5), (2, 3), (3, 1), pads=(0, 1, 2, 0)),
        "pool": _window((5, 4), (2, 2), (2, 2), width=12),
        "sparse": _window((6, 7), (1, 1), (3, 2)),
        "dilated": _window((7, 6), (3, 2), (1, 2), (2, 3), (2, 0, 1, 3)),
        "signal": _window((1, 9), (1, 3), pads=(0, 1, 0, 1)),
        "causal": _window((1, 8), (1, 3), (1, 1), (1, 2), (0, 4, 0, 0)),
        "signal_strided": _window((1, 10), (1, 4), (1, 3)),
        "padded": _window((2, 3), (1, 1), pads=(2, 1, 0, 3)),
        "cropped": _window((5, 6), (2, 2), pads=(-1, -2, -1, 0)),
        "crop_and_pad": _window((4, 5), (1, 1), pads=(-2, 1, 1, -3)),
        "larger_than_map": _window((2, 2), (3, 3), pads=(1, 1, 1, 1)),
        "one_row": _window((1, 4), (3, 3), pads=(1, 1, 1, 1)),
        "all": _window((3, 3), (3, 3)),
        "grouped": _window((3, 4), (2, 3), pads=(0, 1, 0, 1), width=12, groups=3),
        "depthwise": _window((3, 3), (2, 2), width=6, groups=6),
        "one": _window((1, 1), (1, 1)),
    }


def token_fork() -> Cases:
    return {f"f{outputs}": {"OUTPUTS": outputs} for outputs in (1, 2, 3, 5)}


def token_gather() -> Cases:
    shapes = [(1, 5), (2, 1), (3, 8), (7, 33)]
    return {f"g{tokens}_{width}": {"TOKENS": tokens, "WIDTH": width} for tokens, width in shapes}


def token_reduce() -> Cases:
    # tokens, elements, in, signed, out, kind
    shapes = [
        (1, 2, 4, True, 4, "sum"),
        (6, 3, 8, True, 11, "sum"),
        (6, 1, 5, False, 8, "sum"),
        (5, 2, 7, True, 7, "maximum"),
        (4, 3, 6, False, 6, "maximum"),
        (3, 2, 9, True, 9, "minimum"),
        (8, 1, 1, False, 1, "minimum"),
    ]
    names = ("TOKENS", "ELEMENTS", "IN_WIDTH", "IN_SIGNED", "OUT_WIDTH", "KIND")
    return {f"r{index}": dict(zip(names, shape, strict=True)) for index, shape in enumerate(shapes)}


def token_expand() -> Cases:
    # columns, row factor, column factor, width, parts
    shapes = [(4, 2, 2, 12, 4), (3, 2, 3, 5, 1), (1, 1, 4, 7, 1), (1, 1, 1, 3, 1), (5, 1, 2, 8, 2), (2, 3, 1, 9, 3)]
    names = ("COLUMNS", "ROW_FACTOR", "COLUMN_FACTOR", "WIDTH", "PARTS")
    return {f"e{index}": dict(zip(names, shape, strict=True)) for index, shape in enumerate(shapes)}


# tokens, beats of a token, elements of a beat, bits and bytes of an element, bytes of a beat
_BEATS = [
    (1, 1, 1, 5, 1, 1),
    (6, 1, 3, 8, 1, 3),
    (4, 3, 1, 8, 1, 1),
    (3, 2, 2, 12, 2, 5),
    (1, 5, 1, 20, 3, 4),
    (2, 2, 3, 1, 1, 4),
]


def stream_to_tokens() -> Cases:
    names = ("TOKENS", "BEATS", "PER_BEAT", "ELEMENT_BITS", "ELEMENT_BYTES", "BEAT_BYTES")
    return {f"b{index}": dict(zip(names, shape, strict=True)) for index, shape in enumerate(_BEATS)}


def tokens_to_stream() -> Cases:
    return {
        f"{name}_{'signed' if signed else 'unsigned'}": {**generics, "ELEMENT_SIGNED": signed}
        for name, generics in stream_to_tokens().items()
        for signed in (True, False)
    }


DEFAULT: dict[str, Cases] = {
    "fpgann_window_buffer": window_buffer(),
    "fpgann_token_fork": token_fork(),
    "fpgann_token_gather": token_gather(),
    "fpgann_token_scatter": token_gather(),
    "fpgann_token_reduce": token_reduce(),
    "fpgann_token_expand": token_expand(),
    "fpgann_stream_to_tokens": stream_to_tokens(),
    "fpgann_tokens_to_stream": tokens_to_stream(),
}
