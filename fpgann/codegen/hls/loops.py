# SPDX-License-Identifier: Apache-2.0
"""Loops over the elements of a tensor, with as few of them as the operands allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

_VARIABLES = ("i", "j", "k", "l", "m", "n", "p", "q")


@dataclass(frozen=True, slots=True)
class LoopNest:
    """Loops inside one another, and where each operand's element lies.

    Args:
        loops: variable and count of each loop, the outermost first.
        places: for each operand, the position of its element as an expression of the variables.
    """

    loops: list[tuple[str, int]]
    places: list[str]


def strides_of(shape: Sequence[int]) -> list[int]:
    """Distance of neighbours along each axis of a row-major tensor."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def broadcast_strides(shape: Sequence[int], onto: Sequence[int]) -> list[int]:
    """Distances along the axes of a larger tensor; 0 where a tensor is repeated."""
    found = [0] * (len(onto) - len(shape))
    return found + [0 if size == 1 else stride for size, stride in zip(shape, strides_of(shape), strict=True)]


def nest(shape: Sequence[int], operands: Sequence[Sequence[int]], *, first: int = 0) -> LoopNest:
    """Loops over a tensor.

    Args:
        shape: its shape.
        operands: distance of neighbours along each of its axes, for each operand.
        first: how many names of variables are in use.
    """
    axes: list[tuple[int, tuple[int, ...]]] = []  # size and every operand's stride
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        strides = tuple(operand[axis] for operand in operands)
        if axes and all(outer == inner * size for outer, inner in zip(axes[-1][1], strides, strict=True)):
            axes[-1] = (axes[-1][0] * size, strides)
        else:
            axes.append((size, strides))
    variables = [_variable(first + position) for position in range(len(axes))]
    loops = [(variable, size) for variable, (size, _) in zip(variables, axes, strict=True)]
    places = [
        place([(variable, strides[index]) for variable, (_, strides) in zip(variables, axes, strict=True)])
        for index in range(len(operands))
    ]
    return LoopNest(loops, places)


def place(terms: Sequence[tuple[str, int]], constant: int = 0) -> str:
    """A position: the sum of variables times strides, and a constant."""
    parts = [name if stride == 1 else f"{name} * {stride}" for name, stride in terms if stride]
    if constant > 0 or not parts:
        parts.append(str(constant))
    text = " + ".join(parts)
    return f"{text} - {-constant}" if constant < 0 else text


def _variable(position: int) -> str:
    return _VARIABLES[position] if position < len(_VARIABLES) else f"i{position}"
