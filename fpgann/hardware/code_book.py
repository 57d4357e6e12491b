# SPDX-License-Identifier: Apache-2.0
"""Weights of few values: narrow indices in the memory, and a table of the values behind it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from fpgann.hardware.design import FoldedKernel
from fpgann.hardware.estimate_blocks import columns, rom
from fpgann.hardware.estimate_fabric import DEFAULT_FAMILY, FABRICS
from fpgann.hardware.loading import weight_rows
from fpgann.hardware.options import Memory
from fpgann.numerics.integers import IntArray


@dataclass(frozen=True, slots=True)
class CodeBook:
    """The weights of a folded layer as indices.

    Args:
        values: codes of the weights, each once, ascending.
        indices: which value each weight is, shape (steps, lanes), as `fpgann.hardware.loading.weight_rows` orders them.
    """

    values: IntArray
    indices: IntArray

    @property
    def index_bits(self) -> int:
        """Bits of an index in memory."""
        return max(1, (len(self.values) - 1).bit_length())


def code_book(kernel: FoldedKernel) -> CodeBook | None:
    """The code book of a layer, where memory and tables together are cheaper than a memory of whole weights.

    Prices are those by which synthesis chooses between block memories and LUTs (`Fabric.block_cost`), for the default
    family: the circuit does not depend on the family that is estimated.

    Args:
        kernel: the layer, folded as it will be; its neurons are its own, its weights constant.
    """
    usual = kernel.loadable is None and kernel.shared is None and kernel.parts == 1
    if not usual or kernel.memory is Memory.REGISTERS or kernel.steps <= _LEAST_STEPS:
        return None
    values = np.unique(kernel.weights)
    book_bits = max(1, (len(values) - 1).bit_length())
    if book_bits >= kernel.weight_bits:
        return None
    rows = weight_rows(kernel.weights, kernel.pe, kernel.simd)
    found = CodeBook(values, np.asarray(np.searchsorted(values, rows), np.int64))
    lanes = kernel.pe * kernel.simd
    tables = lanes * columns(values[:, None], kernel.weight_bits) * _table_luts(len(values))
    whole = _price(rows, kernel.weight_bits, kernel.memory)
    return found if _price(found.indices, book_bits, kernel.memory) + tables < whole else None


_LEAST_STEPS = 32  # a table of up to 32 values takes half a LUT a bit, as a memory of so many words does


def _table_luts(values: int) -> float:
    """LUTs for each bit of a table: LUTs of 6 inputs hold two functions of 5."""
    return 0.5 if values <= _LEAST_STEPS else ceil(values / 64)


def _price(rows: IntArray, width: int, memory: Memory) -> float:
    """A memory in LUTs, or what they could hold instead of its blocks."""
    fabric = FABRICS[DEFAULT_FAMILY]
    amounts = rom(fabric, rows, width, memory)
    return amounts.blocks * fabric.block_cost + amounts.logic["rom"] + amounts.logic["rom_short"] / 2
