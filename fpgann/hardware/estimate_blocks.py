# SPDX-License-Identifier: Apache-2.0
"""What circuits of hdl/ consist of: multipliers, memories, shift registers.

Registers are those of the library, less what synthesis removes: columns of a memory that are constant or equal to
another. Logic is counted in bits by kind, for the coefficients of the calibration.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from fpgann.hardware.estimate_fabric import Fabric
from fpgann.hardware.options import Memory, Multipliers
from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.interval import CodeRange


@dataclass(slots=True)
class Amounts:
    """What something consists of.

    Args:
        logic: bits by kind.
        ff: flip-flops.
        dsp: multiplier blocks.
        blocks: block memories.
        srl: LUTs that are shift registers.
        lutram: LUTs that are memories.
    """

    logic: Counter[str] = field(default_factory=Counter)
    ff: int = 0
    dsp: int = 0
    blocks: int = 0
    srl: int = 0
    lutram: int = 0

    def add(self, other: Amounts, copies: int = 1) -> None:
        """Add several of another."""
        for kind, amount in other.logic.items():
            self.logic[kind] += copies * amount
        for name in ("ff", "dsp", "blocks", "srl", "lutram"):
            setattr(self, name, getattr(self, name) + copies * getattr(other, name))


def signed_bits(codes: CodeRange) -> int:
    """Bits of a range in two's complement."""
    return CodeRange(min(codes.low, -1), codes.high).width_bits


def counter_bits(states: int) -> int:
    """Registers of a counter."""
    return (states - 1).bit_length()


def multiplier(
    fabric: Fabric,
    a_bits: int,
    b_bits: int,
    product_bits: int | None,
    choice: Multipliers = Multipliers.AUTO,
    *,
    signed: bool = True,
    lut_bits: int | None = None,
) -> Amounts:
    """A multiplier without its registers.

    Args:
        fabric: the family.
        a_bits: bits of an operand.
        b_bits: bits of the other.
        product_bits: bits of the product that are read; all by default.
        choice: where it is wanted.
        signed: whether the operands are signed.
        lut_bits: bits of the first operand where LUTs multiply; as many by default.
    """
    block = fabric.multiplier
    blocks = 0
    if block is not None and choice is not Multipliers.LUT:
        blocks = block.blocks(a_bits, b_bits, product_bits, signed=signed)
    if choice is Multipliers.DSP and block is not None:
        blocks = max(1, blocks)
    if not blocks:
        bits = a_bits if lut_bits is None else lut_bits
        if bits + b_bits <= fabric.lut_inputs:
            return Amounts(Counter(small_product=bits + b_bits))
        return Amounts(Counter(multiply=bits * b_bits, multiply_rows=bits + b_bits))
    # blocks with adders behind them add what a cut product consists of
    adders = 0 if fabric.packs_registers else blocks - 1
    return Amounts(Counter(add=adders * (a_bits + b_bits)), dsp=blocks)


def columns(words: IntArray, width: int) -> int:
    """Bits of a word that are neither the same in all words nor equal to another bit.

    Args:
        words: contents, shape (depth, lanes), each of `width` bits.
        width: bits of an element.
    """
    return _columns(words, width)[1]


def varying_columns(words: IntArray, width: int) -> int:
    """Bits of a word that are not the same in all words; see `columns`."""
    return _columns(words, width)[0]


def _columns(words: IntArray, width: int) -> tuple[int, int]:
    """How many bits of a word are not constant, and how many different ones these are."""
    if len(words) < 2:
        return 0, 0
    if width > _MAX_COLUMN_BITS:
        return (int(words[0].size) * width,) * 2
    codes = integers(words).astype(np.int64)
    bits = ((codes[:, :, None] >> np.arange(width)) & 1).astype(np.uint8).reshape(len(codes), -1)
    bits = bits[:, (bits != bits[0]).any(axis=0)]
    packed = np.ascontiguousarray(np.packbits(bits, axis=0).T)
    distinct = len(np.unique(packed.view(f"V{packed.shape[1]}"))) if packed.size else 0
    return bits.shape[1], distinct


_MAX_COLUMN_BITS = 62


def rom(
    fabric: Fabric, words: IntArray, width: int, memory: Memory = Memory.AUTO, *, registered: bool = True
) -> Amounts:
    """A constant memory with its output register.

    Args:
        fabric: the family.
        words: contents, shape (depth, lanes).
        width: bits of a lane.
        memory: where it is wanted.
        registered: whether the register is its own.
    """
    depth, (stored, used) = len(words), _columns(words, width)
    if depth == 1 or used == 0:
        return Amounts()
    automatic = fabric.prefers_block(depth, stored)
    if memory is Memory.BLOCK or (memory is Memory.AUTO and automatic and registered):
        return Amounts(blocks=fabric.blocks(depth, stored))
    reach = 1 << fabric.lut_inputs
    logic: Counter[str] = Counter()
    kind = "rom" if depth > reach // 2 else "rom_short"
    logic[kind] = used * ceil(depth / reach)
    return Amounts(logic, ff=used if registered else 0)


def shift_register(fabric: Fabric, cycles: int, bits: int) -> Amounts:
    """A delay without reset."""
    if fabric.shift_register_bits and cycles >= _SHORTEST_CHAIN:
        return Amounts(srl=bits * ceil(cycles / fabric.shift_register_bits))
    return Amounts(ff=cycles * bits)


_SHORTEST_CHAIN = 3


def two_port_memory(fabric: Fabric, depth: int, width: int) -> Amounts:
    """A memory with a port to write and one to read, and its output register."""
    shapes = [shape for shape in fabric.lutram_shapes if depth <= 4 * shape[0]]
    if depth * width > _LUTRAM_BITS or not shapes:
        return Amounts(blocks=fabric.blocks(depth, width))
    luts = min(ceil(width / bits) * ceil(depth / words) * taken for words, bits, taken in shapes)
    return Amounts(lutram=luts, ff=width)


_LUTRAM_BITS = 4096
