# SPDX-License-Identifier: Apache-2.0
"""Constants of the functions that move tokens: how windows lie in a map, how a map becomes larger."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from fpgann.codegen.hls.literals import LINE_LENGTH, literal
from fpgann.hardware.names import printable
from fpgann.hardware.token_graph import Expand, WindowBuffer


@dataclass(frozen=True, slots=True)
class ShellView:
    """A struct of constants."""

    name: str
    comment: str
    lines: tuple[str, ...]


def window_shape(name: str, actor: WindowBuffer) -> ShellView:
    """How windows lie in a map."""
    geometry = actor.geometry
    pairs = (
        (("rows", "columns"), geometry.sizes),
        (("kernel_rows", "kernel_columns"), geometry.kernel),
        (("stride_rows", "stride_columns"), geometry.strides),
        (("dilation_rows", "dilation_columns"), geometry.dilations),
        (("top", "left"), geometry.fronts),
        (("bottom", "right"), geometry.behinds),
    )
    numbers = [(key, number) for keys, values in pairs for key, number in zip(keys, values, strict=True)]
    fill = f"static constexpr long long fill = {literal(actor.fill)};"
    lines = (*_constants([*numbers, ("groups", actor.groups)]), fill)
    return ShellView(name, f"Windows of layer {_layers(actor.layers)}.", lines)


def expansion(name: str, actor: Expand) -> ShellView:
    """How a map becomes larger."""
    numbers = [
        ("rows", actor.source.tokens // actor.columns),
        ("columns", actor.columns),
        ("row_factor", actor.factors[0]),
        ("column_factor", actor.factors[1]),
        ("parts", actor.parts),
    ]
    lines = _constants(numbers)
    place = "place"
    if actor.elements != tuple(range(actor.source.elements)):
        text = "{" + ", ".join(map(str, actor.elements)) + "};"
        rows = textwrap.wrap(text, LINE_LENGTH - 8)
        lines += [
            "// clang-format off",
            f"static constexpr int elements[{len(actor.elements)}] =",
            *(f"    {row}" for row in rows),
            "// clang-format on",
        ]
        place = "elements[place]"
    lines += ["static constexpr int element(int place) {", f"  return {place};", "}"]
    what = _layers(actor.layers) if actor.layers else "tokens that are repeated"
    return ShellView(name, f"Larger map: {what}.", tuple(lines))


def _constants(numbers: list[tuple[str, int]]) -> list[str]:
    return [f"static constexpr int {key} = {number};" for key, number in numbers]


def _layers(names: tuple[str, ...]) -> str:
    return f"'{printable(names)}'"
