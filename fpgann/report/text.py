# SPDX-License-Identifier: Apache-2.0
"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence

_NARROW_SPACE = "\u202f"
_LONGEST_NAME = 160


def shown(name: str, limit: int = _LONGEST_NAME) -> str:
    """A name of a model on one line, its middle left out where it is long; nothing that turns the direction of text."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(name.split()))
    if len(line) <= limit:
        return line
    front = (limit - 1) // 3
    return f"{line[:front]}…{line[len(line) - (limit - 1 - front) :]}"


def whole(number: float) -> str:
    """A count with its thousands apart; half blocks keep their half."""
    text = f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
    return text.replace(",", _NARROW_SPACE)


def small(number: float) -> str:
    """A real number of three digits."""
    return f"{number:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def percent(share: float) -> str:
    """A share in per cent; never 0 or 100 unless it is."""
    value = 100 * share
    if 0 < value < 0.01:
        return "< 0.01 %"
    if 99.99 < value < 100:
        return "> 99.99 %"
    return f"{value:.3g} %"


def rate(per_second: float) -> str:
    """A rate with the prefix of its unit: 200 M, 14.3 k."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if per_second >= factor:
            return f"{per_second / factor:.4g}{_NARROW_SPACE}{prefix}"
    return f"{per_second:.4g}"


def duration(nanoseconds: float) -> str:
    """A time with the unit that suits it."""
    for factor, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= factor:
            return f"{nanoseconds / factor:.4g}{_NARROW_SPACE}{unit}"
    return f"{nanoseconds:.4g}{_NARROW_SPACE}ns"


def coordinate(number: float) -> str:
    """A coordinate or a length for SVG and CSS: short, never in scientific notation."""
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def sizes(shape: Sequence[int]) -> str:
    """A shape without its batch axis: 28×28."""
    inner = list(shape)[1:] if len(shape) > 1 and shape[0] == 1 else list(shape)
    return "×".join(map(str, inner)) or "1"
