# SPDX-License-Identifier: Apache-2.0
"""Sliding windows: for each position of the result, the elements that a kernel sees there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from fpgann.ir.operator import Operator, expect, register
from fpgann.ir.types import Encoding, TensorType
from fpgann.numerics.interval import CodeRange


@register
@dataclass(frozen=True, slots=True, eq=False)
class Windows(Operator):
    """(1, *positions, channels) -> (1, *positions, taps * channels): the windows of a convolution or a pooling.

    The last axis of the result counts (group, tap, channel in the group), taps row-major over the kernel. Along each
    position axis, tap t of position p is element p * stride + t * dilation - padding in front.

    Args:
        kernel: size along each position axis.
        strides: likewise.
        dilations: likewise.
        pads: places in front along each position axis, then those behind; negative ones crop.
        fill: what padded places hold; on codes an integer of the result's encoding.
        groups: into how many parts the channels are split.
    """

    name: ClassVar[str] = "windows"

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    fill: int | float = 0
    groups: int = 1

    @property
    def taps(self) -> int:
        """Elements that a window sees of one channel."""
        return prod(self.kernel)

    def positions(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """How many positions the result has along each position axis."""
        return tuple(
            (size + front + behind - dilation * (kernel - 1) - 1) // stride + 1
            for size, front, behind, kernel, stride, dilation in zip(
                sizes, *self.borders, self.kernel, self.strides, self.dilations, strict=True
            )
        )

    @property
    def borders(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Places in front along each position axis, and places behind."""
        axes = len(self.kernel)
        return self.pads[:axes], self.pads[axes:]

    def touches_padding(self, sizes: tuple[int, ...]) -> bool:
        """Whether any window reaches beyond the operand."""
        fronts, behinds = self.borders
        if any(front > 0 for front in fronts):
            return True
        reached = (
            (count - 1) * stride + (kernel - 1) * dilation - front
            for count, stride, kernel, dilation, front in zip(
                self.positions(sizes), self.strides, self.kernel, self.dilations, fronts, strict=True
            )
        )
        return any(behinds) and any(last >= size for last, size in zip(reached, sizes, strict=True))

    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """All windows; on codes the range has room for what padded places hold, where there are any."""
        (x,) = operands
        axes = len(self.kernel)
        lengths = {len(self.strides), len(self.dilations), len(self.pads) // 2}
        expect(lengths == {axes} and len(self.pads) == 2 * axes, "strides, dilations and pads must fit the kernel")
        expect(len(x.shape) == axes + 2 and axes > 0, f"a kernel of {axes} axes does not fit shape {x.shape}")
        positive = min((*self.kernel, *self.strides, *self.dilations, self.groups)) > 0
        expect(positive, "kernel, strides, dilations and groups must be positive")
        channels = x.shape[-1]
        expect(channels % self.groups == 0, f"{channels} channels cannot be split into {self.groups} groups")
        positions = self.positions(x.shape[1:-1])
        expect(min(positions) > 0, f"the kernel {self.kernel} is larger than the padded shape {x.shape[1:-1]}")
        shape = (x.shape[0], *positions, self.taps * channels)
        return (TensorType(shape, None if x.encoding is None else self._encoded(x.encoding, x.shape[1:-1])),)

    def _encoded(self, x: Encoding, sizes: tuple[int, ...]) -> Encoding:
        expect(x.per_tensor, "windows of codes need one common scale")
        if not self.touches_padding(sizes):
            return x
        expect(math.isfinite(self.fill) and int(self.fill) == self.fill, "padded places of codes must hold a code")
        codes = CodeRange(int(self.fill), int(self.fill)).union(x.range)
        return x if codes == x.range else x.with_range(codes)

    def describe(self) -> str:
        """Kernel, and whatever is not plain."""
        axes = len(self.kernel)
        parts = ["x".join(map(str, self.kernel))]
        if set(self.strides) != {1}:
            parts.append("stride " + "x".join(map(str, self.strides)))
        if set(self.dilations) != {1}:
            parts.append("dilation " + "x".join(map(str, self.dilations)))
        if any(self.pads):
            fronts, behinds = (",".join(map(str, ends)) for ends in (self.pads[:axes], self.pads[axes:]))
            parts.append(f"pads {fronts} and {behinds} of {self.fill:g}")
        if self.groups > 1:
            parts.append(f"{self.groups} groups")
        return ", ".join(parts)
