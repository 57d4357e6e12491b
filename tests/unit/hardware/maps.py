# SPDX-License-Identifier: Apache-2.0
"""Graphs of codes with maps, for the tests of their hardware."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.ir import Constant, Encoding, Graph, GraphBuilder, TensorType
from fpgann.ir.alignment import align
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.numerics import steps
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap

BYTE = FixedType(True, 4, 0)
ENTRY = ScalarMap((steps.Affine((Fraction(1),), (Fraction(0),)),), Rounder(Rounding.RND, -8, 7))


class MapBuilder:
    """Graphs of convolutions, poolings and what stands between them, with weights that look random."""

    def __init__(self, name: str = "maps") -> None:
        self.build = GraphBuilder(name)
        self.rng = np.random.default_rng(1)

    def input(self, *shape: int, name: str = "x") -> str:
        """An input of small codes."""
        return self.build.input(name, TensorType(shape, Encoding.of(BYTE)), ENTRY)

    def windows(self, x: str, kernel, strides=None, pads=None, dilations=None, groups: int = 1, fill: int = 0) -> str:
        """Windows, of one tap after the other."""
        axes = len(kernel)
        op = Windows(kernel, strides or (1,) * axes, dilations or (1,) * axes, pads or (0,) * 2 * axes, fill, groups)
        return self.build.add(op, [x], name="windows")

    def dense(self, x: str, outputs: int, groups: int = 1) -> str:
        """A product with weights of -2 to 2, and the staircase behind it."""
        inputs = self.build.type(x).shape[-1] // groups
        weight = Constant(self.rng.integers(-2, 3, (inputs, outputs)), Encoding.of(FixedType(True, 3, 0)))
        return self.requantize(self.build.add(Dense(weight, groups=groups), [x], name="dense"))

    def requantize(self, x: str) -> str:
        """Back to four bits."""
        down = ScalarMap((steps.Affine((Fraction(1, 4),), (Fraction(0),)),), Rounder(Rounding.RND, -8, 7))
        return self.build.add(Requantize(down, Encoding.of(BYTE)), [x], name="requantize")

    def conv(self, x: str, outputs: int, kernel=(3, 3), **geometry) -> str:
        """A convolution."""
        return self.dense(self.windows(x, kernel, **geometry), outputs, geometry.get("groups", 1))

    def pool(self, x: str, kernel=(2, 2)) -> str:
        """The maximum of windows that do not overlap."""
        shape = self.build.type(x).shape
        windows = self.windows(x, kernel, strides=kernel)
        positions = self.build.type(windows).shape[:-1]
        taps = self.build.add(Reshape((*positions, int(np.prod(kernel)), shape[-1])), [windows], name="taps")
        most = self.build.add(Reduce(Reduction.MAXIMUM, (-2,)), [taps], name="maximum")
        return self.build.add(Reshape((*positions, shape[-1])), [most], name="pooled")

    def add(self, x: str, y: str) -> str:
        """A sum."""
        alignment = align([self.build.type(name).codes for name in (x, y)], sum_offsets=True).alignment
        return self.requantize(self.build.add(Add(alignment), [x, y], name="add"))

    def concatenate(self, x: str, y: str) -> str:
        """Channels of two maps side by side."""
        shapes = [self.build.type(name).shape for name in (x, y)]
        sizes = [int(np.prod(shape)) for shape in shapes]
        parts = [np.arange(sizes[0]).reshape(shapes[0]), sizes[0] + np.arange(sizes[1]).reshape(shapes[1])]
        alignment = align([self.build.type(name).codes for name in (x, y)]).alignment
        op = Arrange(np.concatenate(parts, -1), np.zeros(0, np.int64), alignment, "concat")
        return self.build.add(op, [x, y], name="concat")

    def arrange(self, x: str, index: np.ndarray, constants=()) -> str:
        """Elements that change places."""
        alignment = align([self.build.type(x).codes]).alignment
        return self.build.add(Arrange(index, np.array(constants, np.int64), alignment), [x], name="arrange")

    def depth_to_space(self, x: str, factor: int) -> str:
        """Parts of each token beside and below each other."""
        _, rows, columns, channels = self.build.type(x).shape
        width = channels // factor**2
        shaped = self.build.add(Reshape((1, rows, columns, factor, factor, width)), [x], name="blocks")
        moved = self.build.add(Transpose((0, 1, 3, 2, 4, 5)), [shaped], name="between")
        return self.build.add(Reshape((1, rows * factor, columns * factor, width)), [moved], name="larger")

    def pooled(self, x: str, reduction: Reduction = Reduction.SUM) -> str:
        """One number a channel."""
        return self.requantize(self.build.add(Reduce(reduction, (-3, -2)), [x], name="global"))

    def flatten(self, x: str) -> str:
        """All elements in one row."""
        return self.build.add(Reshape((1, self.build.type(x).size)), [x], name="flatten")

    def transpose(self, x: str, *permutation: int) -> str:
        """Other axes."""
        return self.build.add(Transpose(permutation), [x], name="transpose")

    def graph(self, **outputs: str) -> Graph:
        """The graph."""
        return self.build.build(outputs)


def lenet() -> Graph:
    """Two convolutions with poolings, then dense layers; channels first outside."""
    m = MapBuilder("lenet")
    x = m.transpose(m.input(1, 2, 10, 10), 0, 2, 3, 1)
    x = m.pool(m.conv(x, 3))
    x = m.conv(x, 4, pads=(1, 1, 1, 1))
    return m.graph(y=m.dense(m.flatten(m.pool(x)), 5))


def residual() -> Graph:
    """A block whose input is added to its result, then one whose input stands beside it; global pooling."""
    m = MapBuilder("residual")
    x = m.conv(m.input(1, 6, 6, 2), 3, pads=(1, 1, 1, 1))
    y = m.conv(m.conv(x, 3, pads=(1, 1, 1, 1)), 3, pads=(1, 1, 1, 1))
    x = m.add(x, y)
    x = m.concatenate(x, m.conv(x, 2, pads=(1, 1, 1, 1)))
    return m.graph(y=m.dense(m.flatten(m.pooled(x)), 3))


def generator() -> Graph:
    """A vector becomes a map, which is enlarged twice; channels first outside."""
    m = MapBuilder("generator")
    x = m.dense(m.input(1, 4), 2 * 3 * 4)
    x = m.build.add(Reshape((1, 2, 3, 4)), [x], name="map")
    x = m.depth_to_space(m.conv(x, 8, pads=(1, 1, 1, 1)), 2)
    places = np.arange(m.build.type(x).size).reshape(m.build.type(x).shape)
    x = m.arrange(x, places.repeat(2, 1).repeat(2, 2))
    return m.graph(y=m.transpose(m.conv(x, 2, pads=(1, 1, 1, 1)), 0, 3, 1, 2))
