# SPDX-License-Identifier: Apache-2.0
"""What the fabric of a family offers, as synthesis uses it: LUTs, multipliers, memories.

Sources: UG474, UG479 and UG473 (7 series), UG574, UG579 and UG573 (UltraScale), FPGA-DS-02012 (ECP5), and the mapping
rules of Yosys 0.70 (`mul2dsp.v`, `brams_*.txt`, `lutrams_*.txt` of its technology libraries).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

BLOCK_36K_BITS = 36_864


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A multiplier block.

    Args:
        wide_bits: signed bits of its wider operand.
        narrow_bits: signed bits of its other operand.
        partial_bits: signed bits of the pieces into which a wider operand is cut.
        least_product_bits: products below are left to LUTs.
        signed_only: whether unsigned numbers cost a bit.
    """

    wide_bits: int
    narrow_bits: int
    partial_bits: int
    least_product_bits: int
    signed_only: bool = True

    def blocks(self, a_bits: int, b_bits: int, product_bits: int | None = None, *, signed: bool = True) -> int:
        """Blocks that a product takes, cut as Yosys' mul2dsp cuts it; 0 where LUTs do it.

        Args:
            a_bits: bits of an operand.
            b_bits: bits of the other.
            product_bits: bits of the product that are read; all by default.
            signed: whether the operands are signed.
        """
        extra = 0 if signed or not self.signed_only else 1
        large, small = max(a_bits, b_bits) + extra, min(a_bits, b_bits) + extra
        read = large + small if product_bits is None else min(product_bits, large + small)
        if read < self.least_product_bits:
            return 0
        return sum(
            # the rest of a cut may be small enough for LUTs, or stand above all that is read
            x >= _LEAST_BITS and y >= _LEAST_BITS and x + y >= self.least_product_bits and at_x + at_y < read
            for at_x, x in self._pieces(large, self.wide_bits, self.partial_bits)
            for at_y, y in self._pieces(small, self.narrow_bits, self.narrow_bits)
        )

    def _pieces(self, bits: int, most: int, partial: int) -> list[tuple[int, int]]:
        """Lowest bit and width of each piece of an operand; all but the last are unsigned."""
        step = partial - self.signed_only
        count = max(0, ceil((bits - most) / step))
        return [(i * step, partial) for i in range(count)] + [(count * step, bits - count * step)]


_LEAST_BITS = 2  # of an operand


@dataclass(frozen=True, slots=True)
class Fabric:
    """One family.

    Args:
        name: as in `fpgann synth --family`.
        lut_inputs: inputs of its LUTs.
        multiplier: its multiplier block, if synthesis uses one.
        block_bits: bits of a block memory.
        block_shapes: widths of a block memory as a ROM, and words at each.
        block_cost: what a block costs synthesis, beside `rom_cost` for a bit in LUTs.
        rom_cost: see `block_cost`.
        block_unit: part of a 36 Kb block that one block is, as reports count it.
        shift_register_bits: longest shift register in one LUT; 0 for none.
        lutram_shapes: (words, bits, LUTs) of a memory with two ports in LUTs.
        packs_registers: whether synthesis moves registers and sums around a multiplier into its block.
        packs_sites: whether `lut` counts sites that hold a LUT and a carry position.
    """

    name: str
    lut_inputs: int
    multiplier: Multiplier | None
    block_bits: int
    block_shapes: tuple[tuple[int, int], ...]
    block_cost: float
    rom_cost: float
    shift_register_bits: int = 0
    lutram_shapes: tuple[tuple[int, int, int], ...] = ()
    packs_registers: bool = False
    packs_sites: bool = False

    @property
    def block_unit(self) -> float:
        """36 Kb blocks that one block is."""
        return self.block_bits / BLOCK_36K_BITS

    def blocks(self, depth: int, width: int) -> int:
        """Blocks that a memory takes, in the shape that needs the fewest."""
        return min(ceil(width / bits) * ceil(depth / words) for bits, words in self.block_shapes)

    def prefers_block(self, depth: int, width: int) -> bool:
        """Whether synthesis puts a constant memory into blocks, left alone (Yosys compares whole numbers)."""
        return depth > 1 and int(depth * width * self.rom_cost) > self.blocks(depth, width) * self.block_cost


_AMD_BLOCK = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
_AMD_LUTRAM = ((32, 6, 4), (64, 3, 4))  # RAM32M, RAM64M: UG474
_LATTICE_BLOCK = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))

FABRICS: dict[str, Fabric] = {
    fabric.name: fabric
    for fabric in (
        Fabric(
            "xcup",
            6,
            Multiplier(27, 18, 18, 9),
            18_432,
            _AMD_BLOCK,
            129,
            1 / 64,
            32,
            ((32, 14, 8), (64, 7, 8)),  # RAM32M16, RAM64M8: UG574
            packs_sites=True,
        ),
        Fabric(
            "xc7",
            6,
            Multiplier(25, 18, 18, 9),
            18_432,
            _AMD_BLOCK,
            129,
            1 / 64,
            32,
            _AMD_LUTRAM,
            packs_registers=True,
            packs_sites=True,
        ),
        Fabric(
            "ecp5",
            4,
            Multiplier(18, 18, 18, 4, signed_only=False),
            18_432,
            _LATTICE_BLOCK,
            128,
            1 / 16,
            0,
            ((16, 4, 6),),  # with the logic that writes: TN1264
        ),
        Fabric(
            "ice40",
            4,
            Multiplier(16, 16, 16, 11, signed_only=False),
            4096,
            ((16, 256), (8, 512), (4, 1024), (2, 2048)),
            64,
            1 / 16,
        ),
        Fabric(
            "gatemate",
            4,
            None,
            20_480,
            ((40, 512), (20, 1024), (10, 2048), (5, 4096), (2, 8192), (1, 16384)),
            129,
            1 / 16,
        ),
        Fabric("gowin", 4, Multiplier(18, 18, 18, 9), 18_432, _LATTICE_BLOCK, 128, 1 / 16, 0, ((16, 4, 4),)),
        Fabric("nexus", 4, Multiplier(18, 18, 18, 9), 18_432, _LATTICE_BLOCK, 128, 1 / 16, 0, ((16, 4, 6),)),
        Fabric(
            "intel_alm",
            6,
            Multiplier(27, 27, 27, 9),
            10_240,
            ((40, 256), (20, 512), (10, 1024), (5, 2048), (2, 4096), (1, 8192)),
            129,
            1 / 64,
            0,
            ((32, 20, 10),),
        ),
    )
}
DEFAULT_FAMILY = "xcup"
