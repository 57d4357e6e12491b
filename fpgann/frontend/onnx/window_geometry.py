# SPDX-License-Identifier: Apache-2.0
"""Strides, pads and dilations of convolutions and pools, as ONNX writes them, and maps with their channels last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import Site
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import IntArray


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where windows lie, one entry per position axis.

    Args:
        sizes: positions of the operand.
        kernel: taps.
        strides: steps between windows.
        dilations: steps between taps.
        fronts: padded places in front; negative ones crop.
        behinds: padded places behind.
        counts: how many windows there are.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    fronts: tuple[int, ...]
    behinds: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def is_global(self) -> bool:
        """Whether there is one window, of all positions and nothing else."""
        return (
            self.kernel == self.sizes and {*self.counts, *self.dilations} == {1} and not any(self.fronts + self.behinds)
        )

    def windows(self, fill: float, groups: int = 1) -> Windows:
        """The operator. Where the last window reaches beyond the padding there is more of it."""
        reached = (
            (count - 1) * stride + (kernel - 1) * dilation + 1 - size - front
            for count, stride, kernel, dilation, size, front in zip(
                self.counts, self.strides, self.kernel, self.dilations, self.sizes, self.fronts, strict=True
            )
        )
        behinds = tuple(max(pair) for pair in zip(self.behinds, reached, strict=True))
        return Windows(self.kernel, self.strides, self.dilations, self.fronts + behinds, fill, groups)

    def elements_seen(self, *, padding: bool) -> IntArray:
        """How many elements each window sees; padded places count where `padding` says so, those beyond them never."""
        result = np.ones((), np.int64)
        for size, kernel, stride, dilation, front, behind, count in zip(
            self.sizes, self.kernel, self.strides, self.dilations, self.fronts, self.behinds, self.counts, strict=True
        ):
            at = np.arange(count)[:, None] * stride + np.arange(kernel) * dilation - front
            low, high = (-front, size + behind) if padding else (0, size)
            result = result[..., None] * ((at >= low) & (at < high)).sum(axis=1)
        return np.asarray(result)


def read_geometry(site: Site, sizes: tuple[int, ...], kernel: tuple[int, ...] | None) -> Geometry:
    """The attributes of a convolution or a pool.

    Args:
        site: the node.
        sizes: positions of its operand.
        kernel: sizes of the weights, which `kernel_shape` must repeat if it is there; None if there are no weights.

    Raises:
        MalformedModelError: attributes are missing, or do not fit each other.
    """
    stated, has_weights = site.integers("kernel_shape"), kernel is not None
    kernel = stated if kernel is None else kernel
    if kernel is None:
        raise MalformedModelError("its kernel_shape is missing")
    if stated is not None and stated != kernel:
        raise MalformedModelError(f"its kernel_shape {list(stated)} is not that of its weights, {list(kernel)}")
    axes = len(sizes)
    ones = (1,) * axes
    strides, dilations = (site.integers(name) or ones for name in ("strides", "dilations"))
    given = site.integers("pads") or (0,) * (2 * axes)
    if {len(kernel), len(strides), len(dilations), len(given) / 2} != {axes}:
        raise MalformedModelError(f"its attributes do not fit an input with {axes} axes behind the channels")
    if min((*kernel, *strides, *dilations)) < 1:
        raise MalformedModelError("kernel_shape, strides and dilations must be positive")
    fronts, behinds = _pads(site, sizes, kernel, strides, dilations, given, has_weights=has_weights)
    counts = tuple(
        _count(*numbers, ceil=bool(site.integer("ceil_mode", 0)))
        for numbers in zip(sizes, kernel, strides, dilations, fronts, behinds, strict=True)
    )
    if min(counts, default=1) < 1:
        raise MalformedModelError(f"its kernel {list(kernel)} does not fit into an input of {list(sizes)} positions")
    return Geometry(sizes, kernel, strides, dilations, fronts, behinds, counts)


def channels_last(site: Site, value: str, suffix: str = "channels_last") -> str:
    """A map with its channels moved from axis 1 to the last."""
    rank = len(site.shape_of_value(value))
    return site.apply(Transpose((0, *range(2, rank), 1)), value, suffix)


def channels_first(rank: int) -> Transpose:
    """What brings the last axis back to axis 1."""
    return Transpose((0, rank - 1, *range(1, rank - 1)))


def deliver_channels_first(site: Site, value: str) -> None:
    """Make a map, with its channels moved to axis 1, the result of the node."""
    site.deliver(channels_first(len(site.shape_of_value(value))), value)


def _pads(
    site: Site,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    given: tuple[int, ...],
    *,
    has_weights: bool,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Places in front and behind."""
    mode = site.text("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return given[: len(sizes)], given[len(sizes) :]
    if mode == "VALID":
        return (0,) * len(sizes), (0,) * len(sizes)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise MalformedModelError(f"auto_pad = '{mode:.20}' is no padding")
    if set(dilations) != {1}:
        site.refuse(
            f"auto_pad = {mode} with dilations means other pads to onnxruntime than to ONNX",
            "write the places to pad as pads",
        )
    totals = [
        (-(-size // stride) - 1) * stride + taps - size
        for size, taps, stride in zip(sizes, kernel, strides, strict=True)
    ]
    if min(totals) < 0 and not has_weights:
        site.refuse(
            f"auto_pad = {mode} with steps larger than the kernel crops to ONNX and does not to onnxruntime",
            "write the places to pad as pads",
        )
    totals = [max(0, total) for total in totals]
    less, more = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (less, more) if mode == "SAME_UPPER" else (more, less)


def _count(size: int, kernel: int, stride: int, dilation: int, front: int, behind: int, *, ceil: bool) -> int:
    """Windows along one axis; with `ceil` the last may reach beyond the padding, but must start before its end."""
    room = size + front + behind - (kernel - 1) * dilation - 1
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + front else count
