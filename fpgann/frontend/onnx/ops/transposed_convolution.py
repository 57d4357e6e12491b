# SPDX-License-Identifier: Apache-2.0
"""ConvTranspose by sub-pixel phases: a convolution with as many outputs as phases, whose results interleave.

Along one axis with stride s, dilation d and padding p in front, result o is the sum of x[i] * w[t] over all i, t with
i * s + t * d = o + p. With o + p = q * s + r this is i = q - (t * d - r) / s: each phase r has taps of its own, at
distances (t * d - r) / s from q, and nothing is multiplied with inserted zeros (Shi et al. 2016, section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Array, Known
from fpgann.frontend.onnx.ops.dense import bias_constant, weight_constant
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.frontend.onnx.window_geometry import channels_last, deliver_channels_first
from fpgann.ir import Constant
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import IntArray


@dataclass(frozen=True, slots=True)
class Axis:
    """One position axis.

    Args:
        size: positions of the operand.
        kernel: taps of the weights.
        stride: phases.
        dilation: steps between taps.
        front: places cut off in front of the result.
        result: positions of the result.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    front: int
    result: int

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Phase and distance of each tap."""
        return tuple((t * self.dilation % self.stride, t * self.dilation // self.stride) for t in range(self.kernel))

    @property
    def step(self) -> int:
        """What all distances are multiples of."""
        return gcd(*(distance for _, distance in self.places)) or 1

    @property
    def taps(self) -> int:
        """Size of the kernel that holds the taps of any phase."""
        return max(distance for _, distance in self.places) // self.step + 1

    @property
    def first(self) -> int:
        """The least q."""
        return self.front // self.stride

    @property
    def counts(self) -> int:
        """How many q there are."""
        return (self.result + self.front - 1) // self.stride - self.first + 1

    @property
    def pads(self) -> tuple[int, int]:
        """Places that the windows reach in front of the operand and behind it; negative ones crop."""
        reach = (self.taps - 1) * self.step
        return reach - self.first, self.counts + self.first - self.size

    @property
    def elements(self) -> IntArray:
        """For each position of the result, its place among all q and phases."""
        return np.arange(self.result) + self.front - self.first * self.stride


@IMPORTERS.register((STANDARD, "ConvTranspose"))
def import_transposed_convolution(site: Site) -> None:
    """Weights have shape (channels, outputs of a group, *kernel)."""
    known, shape = site.known(1, "weight"), site.shape(0)
    axes = _axes(site, shape, known.data.shape)
    groups = site.integer("group", 1)
    weights = known.data.shape
    if groups < 1 or known.data.size == 0 or weights[0] != shape[1] or weights[0] % groups:
        where = f"{shape[1]} channels in {groups} groups"
        raise MalformedModelError(f"weights of shape {list(weights)} do not fit {where}")
    pads = tuple(zip(*(axis.pads for axis in axes), strict=True))
    ones = (1,) * len(axes)
    op = Windows(tuple(a.taps for a in axes), ones, tuple(a.step for a in axes), pads[0] + pads[1], 0, groups)
    seen = site.apply(op, channels_last(site, site.value(0)), "windows")
    phases, outputs = prod(axis.stride for axis in axes), weights[1] * groups
    matrix = known.moved(lambda array: _matrix(array, axes, groups))
    layer = Dense(weight_constant(matrix, 1.0), _bias(site, groups, phases, outputs), groups=groups)
    product = site.apply_layer(layer, seen)
    index = _interleaved(axes, groups, weights[1], shape[0])
    deliver_channels_first(site, site.apply(Arrange(index, np.zeros(0), kind="interleave"), product, "interleaved"))


def _axes(site: Site, shape: tuple[int, ...], weights: tuple[int, ...]) -> tuple[Axis, ...]:
    """The attributes."""
    if len(shape) < 3 or len(weights) != len(shape):
        raise MalformedModelError(f"weights of shape {list(weights)} do not fit a map of shape {list(shape)}")
    sizes, kernel, count = shape[2:], weights[2:], len(shape) - 2
    if site.integers("kernel_shape") not in (None, kernel):
        raise MalformedModelError(f"its kernel_shape is not that of its weights, {list(kernel)}")
    ones, zeros = (1,) * count, (0,) * count
    strides, dilations = (site.integers(name) or ones for name in ("strides", "dilations"))
    more = site.integers("output_padding") or zeros
    pads = site.integers("pads") or zeros * 2
    wanted = site.integers("output_shape")
    if {len(strides), len(dilations), len(more), len(pads) / 2, len(wanted or ones)} != {count}:
        raise MalformedModelError(f"its attributes do not fit an input with {count} axes behind the channels")
    if min((*strides, *dilations)) < 1:
        raise MalformedModelError("strides and dilations must be positive")
    full = [
        (size - 1) * stride + extra + (taps - 1) * dilation + 1
        for size, stride, extra, taps, dilation in zip(sizes, strides, more, kernel, dilations, strict=True)
    ]
    mode = site.text("auto_pad", "NOTSET")
    if wanted is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
        if any(result > whole for result, whole in zip(wanted, full, strict=True)):
            site.refuse(
                f"with auto_pad = {mode} its kernel does not reach the whole result",
                "write the places to pad as pads and output_padding",
            )
    if wanted is not None:
        totals = [max(0, whole - result) for whole, result in zip(full, wanted, strict=True)]
        fronts = tuple(total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals)
    else:
        fronts = zeros if mode == "VALID" else pads[:count]
        behinds = zeros if mode == "VALID" else pads[count:]
        wanted = tuple(w - f - b for w, f, b in zip(full, fronts, behinds, strict=True))
    if min(wanted) < 1:
        raise MalformedModelError(f"its result would have {list(wanted)} positions")
    return tuple(Axis(*numbers) for numbers in zip(sizes, kernel, strides, dilations, fronts, wanted, strict=True))


def _matrix(array: Array, axes: tuple[Axis, ...], groups: int) -> Array:
    """Weights of shape (channels, outputs of a group, *kernel) as those of the layer.

    Rows count (tap, channel in the group), columns (group, phase, output in the group).
    """
    channels, outputs = array.shape[0] // groups, array.shape[1]
    taps, phases = tuple(axis.taps for axis in axes), tuple(axis.stride for axis in axes)
    result = np.zeros((*taps, channels, groups, *phases, outputs), array.dtype)
    grouped = array.reshape(groups, channels, outputs, *array.shape[2:])
    for tap in np.ndindex(*array.shape[2:]):
        places = [axis.places[t] for axis, t in zip(axes, tap, strict=True)]
        at = tuple(axis.taps - 1 - place[1] // axis.step for axis, place in zip(axes, places, strict=True))
        part = result[at]  # (channels, groups, *phases, outputs)
        one = (slice(None), slice(None), *(place[0] for place in places))
        part[one] = grouped[(slice(None),) * 3 + tap].transpose(1, 0, 2)
    return result.reshape(prod(taps) * channels, groups * prod(phases) * outputs)


def _bias(site: Site, groups: int, phases: int, outputs: int) -> Constant | None:
    """The bias of every phase, if there is one that does something."""
    if not site.has(2) or not np.any(site.known(2, "bias").reals):
        return None
    bias = site.known(2, "bias")
    if bias.data.shape != (outputs,):
        raise MalformedModelError(f"a bias of shape {list(bias.data.shape)} does not fit {outputs} outputs")

    def repeated(array: Array) -> Array:
        part = array.reshape(groups, 1, outputs // groups)
        return np.broadcast_to(part, (groups, phases, outputs // groups)).reshape(-1)

    every: Known = bias.moved(repeated)
    return bias_constant(every, 1.0, phases * outputs)


def _interleaved(axes: tuple[Axis, ...], groups: int, outputs: int, samples: int) -> IntArray:
    """Where each element of the result lies in that of the layer, shape (samples, *positions, group and output)."""
    counts, phases = tuple(axis.counts for axis in axes), tuple(axis.stride for axis in axes)
    rank = len(axes)
    numbers = np.arange(samples * prod(counts) * groups * prod(phases) * outputs)
    index = numbers.reshape(samples, *counts, groups, *phases, outputs)
    order = [axis for i in range(rank) for axis in (i + 1, rank + 2 + i)]
    index = index.transpose(0, *order, rank + 1, 2 * rank + 2)
    index = index.reshape(samples, *(axis.counts * axis.stride for axis in axes), groups * outputs)
    for i, axis in enumerate(axes):
        index = index.take(axis.elements, i + 1)
    return np.asarray(index)
