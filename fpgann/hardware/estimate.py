# SPDX-License-Identifier: Apache-2.0
"""What a stage will cost, before any synthesis. First-order formulas, not calibrated yet."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from fpgann.hardware.design import (
    FoldedKernel,
    PointwiseKernel,
    Requantizer,
    Stage,
    UnrolledKernel,
)
from fpgann.hardware.streaming import StreamDesign
from fpgann.kernel.netlist import Netlist, Opcode
from fpgann.kernel.pipelining import register_bits
from fpgann.kernel.requantize import LinesForm, MultiplyForm, RunsForm, ShiftForm, TableForm, ThresholdForm
from fpgann.numerics.integers import magnitude
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation

_DSP_BITS = (18, 27)  # DSP48E2, UG579: signed 27 x 18 multiplier
_BLOCK_RAM_BITS = 36_864  # one 36 Kb block
_DISTRIBUTED_BITS = 64  # of ROM in one 6-input LUT
_SMALL_MEMORY_BITS = 4096  # below this, tools choose LUTs over a block RAM


@dataclass(frozen=True, slots=True)
class Resources:
    """Estimated cost.

    Args:
        lut: 6-input LUTs.
        ff: flip-flops.
        dsp: DSP slices.
        bram36: 36 Kb block RAMs.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: int = 0

    def __add__(self, other: Resources) -> Resources:
        """Both together."""
        return Resources(self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.bram36 + other.bram36)

    def times(self, copies: int) -> Resources:
        """Several of the same."""
        return Resources(self.lut * copies, self.ff * copies, self.dsp * copies, self.bram36 * copies)


def estimate(stage: Stage) -> Resources:
    """Cost of one stage: a LUT per adder, comparator or saturation bit, a DSP slice per multiplier that fits one."""
    match stage.kernel:
        case UnrolledKernel(pipeline=pipeline):
            netlist = pipeline.netlist
            logic = sum(netlist.range(n).width_bits for n in range(len(netlist)) if netlist.opcode[n] in _LOGIC)
            products = sum(
                (_product(netlist, int(n)) for n in np.flatnonzero(netlist.opcode == Opcode.MULTIPLY)), Resources()
            )
            return products + Resources(lut=logic, ff=register_bits(netlist) + stage.latency_cycles)
        case PointwiseKernel(requantizer=requantizer, channels=channels):
            return _requantizer(requantizer, 1).times(len(channels))
        case FoldedKernel() as kernel:
            in_bits = stage.source.element_bits + (not stage.source.codes.signed)
            multiplier = _multiplier(in_bits, kernel.weight_bits)
            acc_bits = kernel.accumulator.width_bits
            neurons = multiplier.times(kernel.pe * kernel.simd) + Resources(ff=kernel.pe * acc_bits)
            memory = _memories(kernel)
            buffers = Resources(lut=kernel.pe, ff=(stage.source.bits + stage.target.bits) // kernel.copies + 40)
            total = neurons + memory + buffers
            for requantizer in kernel.requantizers:
                total += _requantizer(requantizer, kernel.groups).times(kernel.pe)
            return total.times(kernel.copies)
        case _:
            return Resources()


_LOGIC = frozenset(
    {
        Opcode.ADD,
        Opcode.CLAMP,
        Opcode.AT_LEAST,
        Opcode.EVEN_SHIFT,
        Opcode.MAXIMUM,
        Opcode.MINIMUM,
        Opcode.NOT_BELOW,
        Opcode.CHOOSE,
    }
)


def _product(netlist: Netlist, node: int) -> Resources:
    operands = (netlist.range(int(netlist.a[node])), netlist.range(int(netlist.b[node])))
    return _multiplier(*(_signed_bits(codes.low, codes.high) for codes in operands))


def estimate_streams(design: StreamDesign) -> Resources:
    """Cost of the AXI4-Stream converters and frame FIFOs: registers of a frame each, a load multiplexer, a memory."""
    total = Resources(lut=4)
    for port in (*design.inputs, *design.outputs):
        frame = port.beats * port.elements_per_beat * port.port.stream.element_bits
        total += Resources(lut=4 + 2 * port.beats.bit_length(), ff=frame + port.beats.bit_length() + 3)
    for port in design.outputs:
        bits, counter = port.port.stream.bits, design.fifo_frames.bit_length()
        total += (
            Resources(lut=bits)
            + _two_port_memory(design.fifo_frames, bits)
            + Resources(lut=4 * counter, ff=4 * counter)
        )
    return total


def _two_port_memory(depth: int, width: int) -> Resources:
    """Two ports: in RAM32M or RAM64M, four LUTs keep 6 or 3 bits of 32 or 64 words (UG574)."""
    if depth > 2 * _DISTRIBUTED_BITS:
        return _memory(depth, width)
    return Resources(lut=4 * (ceil(width / 6) if depth <= 32 else ceil(width / 3) * ceil(depth / 64)), ff=width)


def _memories(kernel: FoldedKernel) -> Resources:
    """One for all constant weights; for those that can be loaded one a multiplier, for the biases one a neuron."""
    multipliers = kernel.pe * kernel.simd
    if kernel.loadable is None:
        return _memory(kernel.steps, kernel.weight_bits * multipliers)
    weights = _two_port_memory(kernel.steps, kernel.weight_bits).times(multipliers)
    return weights + _two_port_memory(kernel.groups, kernel.bias_bits).times(kernel.pe)


def _signed_bits(low: int, high: int) -> int:
    return CodeRange(min(-1, low), max(0, high)).width_bits


def _multiplier(a_bits: int, b_bits: int) -> Resources:
    small, large = sorted((a_bits, b_bits))
    if small * large <= 16:
        return Resources(lut=small * large, ff=a_bits + b_bits)
    return Resources(dsp=ceil(small / _DSP_BITS[0]) * ceil(large / _DSP_BITS[1]))


def _memory(depth: int, width: int) -> Resources:
    if depth == 1:
        return Resources()
    if depth * width <= _SMALL_MEMORY_BITS or depth <= 2 * _DISTRIBUTED_BITS:
        return Resources(lut=width * ceil(depth / _DISTRIBUTED_BITS), ff=width)
    # a 36 Kb block is at most 72 bits wide, 512 deep
    return Resources(bram36=ceil(width / 72) if depth <= 512 else ceil(depth * width / _BLOCK_RAM_BITS))


def _requantizer(requantizer: Requantizer, groups: int) -> Resources:
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    match requantizer.form:
        case ShiftForm():
            return Resources(lut=in_bits + out_bits, ff=out_bits)
        case MultiplyForm(factor=factor):
            factor_bits = magnitude(factor).bit_length() + 1
            return _multiplier(in_bits, factor_bits) + Resources(lut=in_bits + out_bits, ff=in_bits + out_bits)
        case TableForm(words=words):
            return _memory(len(words), out_bits) + Resources(lut=2 * in_bits, ff=in_bits + out_bits)
        case ThresholdForm() as form:
            if requantizer.is_search:
                size = requantizer.search_bits * in_bits
                return _memory(form.steps * groups, in_bits) + Resources(lut=size, ff=size)
            return Resources(lut=form.steps * ceil(in_bits / 2), ff=form.steps + out_bits)
        case RunsForm(steps=steps):
            size = requantizer.search_bits * in_bits
            memories = _memory(steps * groups, in_bits) + _memory((1 << requantizer.search_bits) * groups, out_bits)
            return memories + Resources(lut=size, ff=size)
        case LinesForm(factor=factor):
            pieces, factor_bits = factor.shape[1], magnitude(factor).bit_length() + 1
            choice = (pieces - 1) * (ceil(in_bits / 2) + factor_bits)
            return _multiplier(in_bits, factor_bits) + Resources(lut=choice + in_bits + out_bits, ff=2 * in_bits)
        case Interpolation() as lines:
            memories = _memory(len(lines.slopes), lines.slope_bits + lines.offset_bits)
            if not lines.uniform:
                memories += _memory(len(lines.bases), len(lines.slopes).bit_length() + lines.rest_bits.bit_length())
            steering = Resources(lut=3 * in_bits + 2 * out_bits, ff=3 * in_bits + out_bits)
            return memories + _multiplier(lines.rest_bits + 1, lines.slope_bits) + steering
