# SPDX-License-Identifier: Apache-2.0
"""Which channel of a function each element of a tensor takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from math import prod
from typing import Any

from fpgann.numerics import steps as scalar


def channels_along(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """For every element of a row-major tensor, its position along an axis (negative)."""
    inner = prod(shape[axis:]) // shape[axis]
    return tuple((element // inner) % shape[axis] for element in range(prod(shape)))


def spread(step: scalar.Step, channels: Sequence[int]) -> scalar.Step:
    """A step whose channel i is channel channels[i] of the given one; what all channels share stays as it is."""
    if isinstance(step, scalar.Curve):
        spread_out = (p if len(p) == 1 else tuple(p[c % len(p)] for c in channels) for p in step.parameters)
        return replace(step, parameters=tuple(spread_out))
    changed: dict[str, Any] = {
        item.name: tuple(value[c % len(value)] for c in channels)
        for item in fields(step)
        if isinstance(value := getattr(step, item.name), tuple) and len(value) > 1
    }
    return replace(step, **changed)
