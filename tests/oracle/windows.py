# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pools of exact numbers, from the pages of the ONNX operators: one window after another."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import onnx

from tests.oracle.exact import Exact, integers, largest, objects

_SAFE = 1 << 62


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


class Sliding:
    """The windows of a node: for each position of the result, where its taps lie in the operand.

    Args:
        node: the node.
        sizes: of the operand's position axes.
        kernel: of the window.
    """

    def __init__(self, node: onnx.NodeProto, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> None:
        options = attributes_of(node)
        axes = len(sizes)
        self.kernel, self.sizes = kernel, sizes
        self.strides = options.get("strides", [1] * axes)
        self.dilations = options.get("dilations", [1] * axes)
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, self.dilations, strict=True)]
        self.pads = list(options.get("pads", [0] * (2 * axes)))
        mode = options.get("auto_pad", "NOTSET")
        if mode == "VALID":
            self.pads = [0] * (2 * axes)
        if mode.startswith("SAME"):
            for i, (size, stride, span) in enumerate(zip(sizes, self.strides, spans, strict=True)):
                total = max((-(-size // stride) - 1) * stride + span - size, 0)
                less, more = total // 2, total - total // 2
                self.pads[i], self.pads[axes + i] = (less, more) if mode == "SAME_UPPER" else (more, less)
        self.counts = []
        for i, (size, stride, span) in enumerate(zip(sizes, self.strides, spans, strict=True)):
            room = size + self.pads[i] + self.pads[axes + i] - span
            count = (-(-room // stride) if options.get("ceil_mode", 0) else room // stride) + 1
            if options.get("ceil_mode", 0) and (count - 1) * stride >= size + self.pads[i]:
                count -= 1
            self.counts.append(count)

    def places(self, position: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Taps and elements of one window that lie within the operand."""
        found = []
        for tap in itertools.product(*map(range, self.kernel)):
            at = tuple(
                p * s + t * d - front
                for p, s, t, d, front in zip(position, self.strides, tap, self.dilations, self.pads, strict=False)
            )
            if all(0 <= a < size for a, size in zip(at, self.sizes, strict=True)):
                found.append((tap, at))
        return found

    def padded_places(self, position: tuple[int, ...]) -> int:
        """How many taps of a window lie within the operand and its pads."""
        count, axes = 1, len(self.sizes)
        for i, (p, s, k, d) in enumerate(zip(position, self.strides, self.kernel, self.dilations, strict=True)):
            at = [p * s + t * d - self.pads[i] for t in range(k)]
            count *= sum(-self.pads[i] <= a < self.sizes[i] + self.pads[axes + i] for a in at)
        return count


def convolved(node: onnx.NodeProto, x: Exact, weight: Exact) -> Exact:
    """x of shape (samples, 1, channels, *positions), weight (outputs, channels of a group, *kernel)."""
    assert x.root is None
    assert weight.root is None
    sliding = Sliding(node, x.num.shape[3:], weight.num.shape[2:])
    wide = largest(x.num) * largest(weight.num) * int(np.prod(weight.num.shape[1:])) >= _SAFE
    numbers, weights = (objects(a) if wide else a for a in (x.num, weight.num))
    groups = attributes_of(node).get("group", 1)
    outputs = weights.shape[0]
    result = np.zeros((len(numbers), 1, outputs, *sliding.counts), object if wide else np.int64)
    parts = np.split(numbers, groups, axis=2)
    for position in np.ndindex(*sliding.counts):
        for tap, at in sliding.places(position):
            for g, part in enumerate(np.split(weights[(slice(None), slice(None), *tap)], groups)):
                seen = parts[g][(slice(None), 0, slice(None), *at)]
                columns = slice(g * outputs // groups, (g + 1) * outputs // groups)
                result[(slice(None), 0, columns, *position)] += seen @ part.T
    return Exact(integers(result), x.unit * weight.unit)


class WindowOperators:
    """Evaluators of nodes; mixed into that of the definition."""

    run: Any

    def _conv(self, node, x, weight, *bias):
        result = convolved(node, x, weight)
        return result + self._column(bias[0], result) if bias else result

    def _convtranspose(self, node, x, weight, *bias):
        """Every element, times the kernel, is added where it stands."""
        options = attributes_of(node)
        axes = x.num.ndim - 3
        groups, outputs = options.get("group", 1), weight.num.shape[1]
        strides, dilations = (options.get(name, [1] * axes) for name in ("strides", "dilations"))
        more, pads = options.get("output_padding", [0] * axes), options.get("pads", [0] * (2 * axes))
        assert "output_shape" not in options
        assert options.get("auto_pad", "NOTSET") == "NOTSET"
        kernel, sizes = weight.num.shape[2:], x.num.shape[3:]
        full = [
            (size - 1) * s + (k - 1) * d + 1 + m
            for size, s, k, d, m in zip(sizes, strides, kernel, dilations, more, strict=True)
        ]
        result = np.zeros((len(x.num), 1, groups * outputs, *full), object)
        for g, (part, matrices) in enumerate(
            zip(np.split(objects(x.num), groups, 2), np.split(objects(weight.num), groups), strict=True)
        ):
            for place in np.ndindex(*sizes):
                for tap in np.ndindex(*kernel):
                    at = [i * s + t * d for i, s, t, d in zip(place, strides, tap, dilations, strict=True)]
                    product = part[(slice(None), 0, slice(None), *place)] @ matrices[(slice(None), slice(None), *tap)]
                    result[(slice(None), 0, slice(g * outputs, (g + 1) * outputs), *at)] += product
        kept = [slice(pads[i], size - pads[axes + i]) for i, size in enumerate(full)]
        result = result[(slice(None), slice(None), slice(None), *kept)]
        exact = Exact(integers(result), x.unit * weight.unit)
        return exact + self._column(bias[0], exact) if bias else exact

    def _column(self, bias: Exact, result: Exact) -> Exact:
        return bias.moved(lambda a: a.reshape(-1, *(1,) * (len(result.shape) - 3)))

    def _maxpool(self, node, x):
        assert x.root is None
        kernel = tuple(attributes_of(node)["kernel_shape"])
        return self._over_windows(node, x, kernel, lambda seen, _: seen.max(axis=-1))

    def _averagepool(self, node, x):
        return self._means(node, x, tuple(attributes_of(node)["kernel_shape"]))

    def _means(self, node, x, kernel):
        padded = attributes_of(node).get("count_include_pad", 0)

        def mean(seen: np.ndarray, count: int) -> np.ndarray:
            return seen.sum(axis=-1) / (count if padded else seen.shape[-1])

        return Exact.of_fractions(self._over_windows(node, Exact(x.fractions(), Fraction(1)), kernel, mean).num)

    def _over_windows(self, node, x, kernel, function):
        sliding = Sliding(node, x.num.shape[3:], kernel)
        result = np.zeros((*x.num.shape[:3], *sliding.counts), x.num.dtype)
        every = (slice(None),) * 3
        for position in np.ndindex(*sliding.counts):
            seen = np.stack([x.num[(*every, *at)] for _, at in sliding.places(position)], axis=-1)
            result[(*every, *position)] = function(seen, sliding.padded_places(position))
        return Exact(result, x.unit)

    def _globalmaxpool(self, node, x):
        assert x.root is None
        return x.moved(lambda a: a.max(axis=tuple(range(3, a.ndim)), keepdims=True))

    def _globalaveragepool(self, node, x):
        axes = tuple(range(3, x.num.ndim))
        total = Exact(objects(x.num).sum(axis=axes, keepdims=True), x.unit)
        count = int(np.prod([x.num.shape[axis] for axis in axes]))
        return Exact(integers(total.num), x.unit / count)

    def _convinteger(self, node, x, weight, *_):
        values = self.run.values
        zeros = [values[name] if name else Exact.of(np.array(0)) for name in (*node.input, "", "")[2:4]]
        zeros[1] = along_outputs(zeros[1], weight)
        return convolved(node, x - zeros[0], weight - zeros[1])

    def _qlinearconv(self, node, x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, *bias):
        reals = self._to_reals(node, 0, x, x_scale, x_zero, 1)
        weight = (w - along_outputs(w_zero, w)) * along_outputs(w_scale, w)
        last = attributes_of(node).get("channels_last", 0)
        reals = reals.moved(lambda a: np.moveaxis(a, -1, 2)) if last else reals
        result = convolved(node, reals, weight)
        if bias:
            scales = (bias[0] * w_scale.moved(lambda a: a.reshape(-1))) * x_scale.moved(lambda a: a.reshape(()))
            result = result + self._column(scales, result)
        result = result.moved(lambda a: np.moveaxis(a, 2, -1)) if last else result
        return self._to_integers(node, result, y_scale, y_zero, self._declare(node, 7), 1)

    def _qlinearaveragepool(self, node, x, x_scale, x_zero, y_scale, y_zero):
        reals = self._to_reals(node, 0, x, x_scale, x_zero, 1)
        last = attributes_of(node).get("channels_last", 0)
        reals = reals.moved(lambda a: np.moveaxis(a, -1, 2)) if last else reals
        mean = self._means(node, reals, tuple(attributes_of(node)["kernel_shape"]))
        mean = mean.moved(lambda a: np.moveaxis(a, 2, -1)) if last else mean
        return self._to_integers(node, mean, y_scale, y_zero, self._declare(node, 4), 1)


def along_outputs(parameter: Exact, weight: Exact) -> Exact:
    """Numbers per output in a shape that broadcasts against weights."""
    if parameter.num.size == 1:
        return parameter.moved(lambda a: a.reshape(()))
    return parameter.moved(lambda a: a.reshape(-1, *(1,) * (weight.num.ndim - 1)))
