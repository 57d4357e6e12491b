# SPDX-License-Identifier: Apache-2.0
"""Random networks of maps whose ways part and meet again: residual and dense blocks of unequal depth, nested or not."""

from __future__ import annotations

import random

from fpgann.hardware import HardwareOptions, LayerOptions, Strategy
from fpgann.ir import Graph
from tests.unit.hardware.maps import MapBuilder

_SAME = {1: (0, 0, 0, 0), 3: (1, 1, 1, 1)}


class _Random:
    """A graph as it grows.

    Args:
        seed: the same one gives the same graph.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.m = MapBuilder(f"random_{seed}")

    def channels(self, x: str) -> int:
        return self.m.build.type(x).shape[-1]

    def conv(self, x: str, outputs: int | None = None) -> str:
        """A convolution that keeps the size of the map."""
        size = self.random.choice((1, 3, 3))
        count = outputs or self.random.randint(1, 4)
        groups = self.channels(x) if self.random.random() < 0.2 else 1
        count = self.channels(x) if groups > 1 else count
        return self.m.conv(x, count, (size, size), pads=_SAME[size], groups=groups)

    def way(self, x: str, depth: int) -> str:
        """Nothing, layers, or a block within."""
        for _ in range(self.random.randint(0, 2)):
            x = self.block(x, depth - 1) if depth and self.random.random() < 0.3 else self.conv(x)
        return x

    def block(self, x: str, depth: int) -> str:
        """Ways that part and meet, as a sum or side by side."""
        ways = [self.way(x, depth) for _ in range(self.random.choice((2, 2, 3)))]
        if self.random.random() < 0.5:
            ways = [way if self.channels(way) == 2 else self.m.conv(way, 2, (1, 1)) for way in ways]
            join = self.m.add
        else:
            join = self.m.concatenate
        whole = ways[0]
        for way in ways[1:]:
            whole = join(whole, way)
        return whole if self.channels(whole) < 9 else self.m.conv(whole, 3, (1, 1))


def random_graph(seed: int) -> Graph:
    """Blocks one after another, at times on a smaller map, and an output of positions or of all of them."""
    r = _Random(seed)
    x = r.m.input(1, r.random.randint(3, 7), r.random.randint(3, 7), r.random.randint(1, 3))
    for _ in range(r.random.randint(1, 2)):
        x = r.block(x, 1)
        if r.random.random() < 0.3 and min(r.m.build.type(x).shape[1:3]) > 2:
            x = r.m.pool(x)
    if r.random.random() < 0.4:
        return r.m.graph(y=r.m.dense(r.m.flatten(r.m.pooled(x)), 2))
    return r.m.graph(y=r.conv(x, 2))


def random_options(seed: int) -> HardwareOptions:
    """Layers that take a token a cycle, or many cycles for one."""
    chosen = random.Random(seed)
    if chosen.random() < 0.3:
        return HardwareOptions()
    factor = chosen.choice((None, 2, 5, 9, 20))
    return HardwareOptions(default=LayerOptions(strategy=Strategy.FOLDED, reuse_factor=factor))
