# SPDX-License-Identifier: Apache-2.0
"""The greatest or least elements along an axis: a sorting network that keeps no more than it has to.

Every element carries its position as low bits, so no two are equal, one comparison decides both, and of equal elements
the first wins. Groups are sorted by bitonic networks (K. E. Batcher, Sorting networks and their applications, 1968);
of two sorted lists of k the best k are the better of the first with the last, the second with the last but one, and so
on, which is again bitonic.
"""

from __future__ import annotations

import numpy as np

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.spatial import Nodes, build_spatial
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.top_k import TopK
from fpgann.kernel.constant_multiplication import MatrixBuilder
from fpgann.kernel.netlist import NetlistBuilder


@BUILDERS.register(TopK)
def build_top_k(builder: DesignBuilder, node: Node) -> None:
    """One network per row."""
    op = node.op
    assert isinstance(op, TopK)

    def compute(matrix: MatrixBuilder, operands: list[Nodes]) -> Nodes:
        rows = np.moveaxis(operands[0], op.axis, -1)
        found = [_best(matrix.builder, row, op) for row in rows.reshape(-1, rows.shape[-1]).tolist()]
        return np.moveaxis(np.array(found, np.int64).reshape(*rows.shape[:-1], op.count), -1, op.axis)

    build_spatial(builder, node, compute)


def _best(netlist: NetlistBuilder, row: list[int], op: TopK) -> list[int]:
    """The best elements of a row in order."""
    bits = (len(row) - 1).bit_length()
    marks = range(len(row))
    words = [
        netlist.add(netlist.constant((1 << bits) - 1 - mark if op.greatest else mark), value, shift_b=bits)
        for mark, value in zip(marks, row, strict=True)
    ]
    network = _Network(netlist, greatest=op.greatest)
    group = 1 << (op.count - 1).bit_length()
    lists = [network.sorted(words[i : i + group]) for i in range(0, len(words), group)]
    while len(lists) > 1:
        pairs = [network.merged(a, b) for a, b in zip(lists[::2], lists[1::2], strict=False)]
        lists = pairs + lists[2 * len(pairs) :]
    best = lists[0][: op.count]
    if not op.positions:
        return [netlist.floor_shift(word, bits) for word in best]
    return [_position(netlist, word, bits, len(row), greatest=op.greatest) for word in best]


def _position(netlist: NetlistBuilder, word: int, bits: int, size: int, *, greatest: bool) -> int:
    """The low bits of a word, which count from the end where the greatest is sought."""
    total = netlist.constant((1 << bits) - 1 if greatest else 0)
    for position in range(bits):
        total = netlist.add(total, netlist.bit(word, position), shift_b=position, subtract=greatest)
    return netlist.clamp(total, 0, size - 1)


class _Network:
    """Comparators on words of which no two are equal.

    Args:
        netlist: receives them.
        greatest: the greatest word comes first.
    """

    def __init__(self, netlist: NetlistBuilder, *, greatest: bool) -> None:
        self._netlist, self._greatest = netlist, greatest

    def better(self, a: int, b: int) -> int:
        """The one that comes first."""
        return self._netlist.extreme(a, b, greatest=self._greatest)

    def worse(self, a: int, b: int) -> int:
        """The one that comes last."""
        return self._netlist.extreme(a, b, greatest=not self._greatest)

    def sorted(self, words: list[int]) -> list[int]:
        """All words in order: halves in opposite orders are bitonic."""
        count = len(words)
        if count & (count - 1):
            return self._inserted([], words)
        if count < 2:
            return words
        return self._bitonic(self.sorted(words[: count // 2])[::-1] + self.sorted(words[count // 2 :]))

    def merged(self, a: list[int], b: list[int]) -> list[int]:
        """The best of two sorted lists, in order, as many as the first has."""
        if len(a) != len(b):
            return self._inserted(a, b)[: len(a)]
        return self._bitonic([self.better(x, y) for x, y in zip(a, b[::-1], strict=True)])

    def _bitonic(self, words: list[int]) -> list[int]:
        """A list that rises, then falls, in order; its length is a power of two."""
        half = len(words) // 2
        if half == 0:
            return words
        pairs = list(zip(words[:half], words[half:], strict=True))
        first, last = ([choose(*pair) for pair in pairs] for choose in (self.better, self.worse))
        return self._bitonic(first) + self._bitonic(last)

    def _inserted(self, done: list[int], words: list[int]) -> list[int]:
        """Words put into a sorted list, one after another."""
        for word in words:
            moving, placed = word, []
            for other in done:
                placed.append(self.better(other, moving))
                moving = self.worse(other, moving)
            done = [*placed, moving]
        return done
