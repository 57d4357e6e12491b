# SPDX-License-Identifier: Apache-2.0
"""What a stage will cost, before any synthesis.

Registers, multipliers and memories are counted; logic is counted in bits by kind, and LUTs follow from coefficients
that were fitted to synthesised layers (`fpgann/hardware/calibration.json`, `make calibrate`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fpgann.hardware.design import (
    Design,
    FoldedKernel,
    PointwiseKernel,
    RecurrentKernel,
    Stage,
    StepKernel,
    UnrolledKernel,
)
from fpgann.hardware.estimate_blocks import Amounts, counter_bits, rom, shift_register, two_port_memory
from fpgann.hardware.estimate_calibration import Kind, calibration
from fpgann.hardware.estimate_fabric import DEFAULT_FAMILY, FABRICS, Fabric
from fpgann.hardware.estimate_folded import folded_row, shared_neurons
from fpgann.hardware.estimate_netlist import netlist_amounts
from fpgann.hardware.estimate_staircases import requantizers
from fpgann.hardware.noise import Noise, noise_table, state_bits
from fpgann.hardware.streaming import StreamDesign
from fpgann.reference.gaussian import NUMBER, TERMS


@dataclass(frozen=True, slots=True)
class Resources:
    """Estimated cost.

    Args:
        lut: LUTs that the fabric gives up: sites where a site holds a LUT and a carry position.
        ff: flip-flops.
        dsp: multiplier blocks.
        bram36: block memories, in 36 Kb; half of one is a block of 18 Kb.
        lut_cells: LUT cells before they are packed, without those that are memories.
        lutram: LUTs that are memories.
        srl: LUTs that are shift registers.
        lut_error: standard deviation of `lut`, from the residuals of the calibration.
        ff_error: the same of `ff`.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: float = 0
    lut_cells: int = 0
    lutram: int = 0
    srl: int = 0
    lut_error: float = 0.0
    ff_error: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        """Both together; their errors are taken as independent."""
        return Resources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram36 + other.bram36,
            self.lut_cells + other.lut_cells,
            self.lutram + other.lutram,
            self.srl + other.srl,
            math.hypot(self.lut_error, other.lut_error),
            math.hypot(self.ff_error, other.ff_error),
        )


def estimate(stage: Stage, family: str = DEFAULT_FAMILY) -> Resources:
    """Cost of one stage.

    Args:
        stage: the stage.
        family: as in `fpgann synth --family`.
    """
    return estimates(stage, (family,))[family]


def estimates(stage: Stage, families: Sequence[str] = tuple(FABRICS)) -> dict[str, Resources]:
    """Cost of one stage in several families, for little more than in one."""
    if not isinstance(stage.kernel, UnrolledKernel):
        return {family: resources_of(*_amounts(stage, FABRICS[family]), family) for family in families}
    found = unrolled_amounts(stage, stage.kernel, [FABRICS[family] for family in families])
    return {f: resources_of(amounts, Kind.UNROLLED, f) for f, amounts in zip(families, found, strict=True)}


def amounts_of(stage: Stage, family: str) -> tuple[Amounts, Kind]:
    """What a stage consists of, and which residuals apply."""
    return _amounts(stage, FABRICS[family])


def unrolled_amounts(stage: Stage, kernel: UnrolledKernel, fabrics: Sequence[Fabric]) -> list[Amounts]:
    """What an unrolled stage consists of, in each of some families."""
    valid = stage.latency_cycles  # with a reset, so never a shift register in LUTs
    found = netlist_amounts(kernel.pipeline.netlist, fabrics, names_cells=kernel.carry_cell is not None)
    return [Amounts(each.logic, each.ff + valid, each.dsp, srl=each.srl) for each in found]


def _amounts(stage: Stage, fabric: Fabric) -> tuple[Amounts, Kind]:
    total = Amounts()
    match stage.kernel:
        case UnrolledKernel() as kernel:
            return unrolled_amounts(stage, kernel, [fabric])[0], Kind.UNROLLED
        case PointwiseKernel(requantizer=requantizer, channels=channels):
            total.add(requantizers(requantizer, [[channel] for channel in channels], fabric, grouped=False))
            total.ff += stage.latency_cycles
            return total, Kind.POINTWISE
        case FoldedKernel() as kernel:
            total.add(folded_row(stage, kernel, fabric), kernel.copies)
            return total, Kind.FOLDED
        case RecurrentKernel(core=core, steps=steps) as kernel:
            _add_core(total, core, fabric)
            first = kernel.states + kernel.scanned
            widths = [port.stream.bits for port in core.inputs]
            total.ff += sum(widths[: kernel.states]) + steps * sum(widths[kernel.states : first]) + sum(widths[first:])
            total.ff += stage.target.bits + 2 * counter_bits(steps)
            return total, Kind.FOLDED
        case StepKernel(core=core, steps=steps) as kernel:
            _add_core(total, core, fabric)
            bits = sum(port.stream.bits for port in core.inputs[: kernel.states])
            total.ff += bits + counter_bits(steps)
            total.logic["ring"] += bits
            total.logic["counter"] += counter_bits(steps)
            return total, Kind.FOLDED
        case _:
            return total, Kind.UNROLLED


def _add_core(total: Amounts, core: Design, fabric: Fabric) -> None:
    """Add what one step of a recurrence takes, delays between its stages included."""
    for inner in core.stages:
        total.add(_amounts(inner, fabric)[0])
        for source, cycles in zip(inner.sources, inner.waits, strict=True):
            total.add(shift_register(fabric, cycles, source.bits))
    for port in core.outputs:
        total.add(shift_register(fabric, port.wait_cycles, port.stream.bits))
    for array in core.arrays:
        total.add(shared_neurons(array, fabric))


def resources_of(amounts: Amounts, kind: Kind, family: str) -> Resources:
    """Resources from amounts, with the coefficients of a family."""
    fabric, table = FABRICS[family], calibration(family)
    logic = sum(table.lut.get(name, 0.0) * amount for name, amount in amounts.logic.items())
    cells = sum(table.cells.get(name, 0.0) * amount for name, amount in amounts.logic.items())
    lut = round(logic) + amounts.lutram + amounts.srl
    errors = table.errors[kind]
    return Resources(
        lut=lut,
        ff=amounts.ff,
        dsp=amounts.dsp,
        bram36=round(amounts.blocks * fabric.block_unit, 2),
        lut_cells=round(cells),
        lutram=amounts.lutram,
        srl=amounts.srl,
        lut_error=errors.lut * lut,
        ff_error=errors.ff * amounts.ff,
    )


def estimate_streams(design: StreamDesign, family: str = DEFAULT_FAMILY) -> Resources:
    """Cost of the AXI4-Stream converters and frame FIFOs: registers of a frame each, a load multiplexer, a memory."""
    return resources_of(stream_amounts(design, family), Kind.STREAM, family)


def stream_amounts(design: StreamDesign, family: str) -> Amounts:
    """What converters and FIFOs consist of."""
    fabric, total = FABRICS[family], Amounts()
    total.logic["control"] += 1
    for port in (*design.inputs, *design.outputs):
        frame = port.beats * port.elements_per_beat * port.port.stream.element_bits
        total.logic["counter"] += 2 * counter_bits(port.beats) + 2
        total.ff += frame + counter_bits(port.beats) + 3
    for port in design.outputs:
        frame = port.beats * port.elements_per_beat * port.port.stream.element_bits
        counter = design.fifo_frames.bit_length()
        total.logic["ring"] += frame  # the load multiplexer
        total.logic["counter"] += 4 * counter
        total.ff += 4 * counter
        total.add(two_port_memory(fabric, design.fifo_frames, port.port.stream.bits))
    return total


def estimate_between(design: Design, family: str = DEFAULT_FAMILY) -> Resources:
    """Cost of what lies between the stages: the pace of inputs, and delays where streams wait for each other."""
    fabric, total = FABRICS[family], Amounts()
    total.ff += counter_bits(design.interval_cycles)
    total.logic["counter"] += counter_bits(design.interval_cycles)
    for stage in design.stages:
        for source, cycles in zip(stage.sources, stage.waits, strict=True):
            total.add(shift_register(fabric, cycles, source.bits))
    for port in design.outputs:
        total.add(shift_register(fabric, port.wait_cycles, port.stream.bits))
    latest = max(design.outputs, key=lambda port: port.stream.delay_cycles)
    total.ff += latest.wait_cycles
    for noise in design.noise:
        total.add(noise_amounts(noise, fabric))
    return resources_of(total, Kind.STREAM, family)


def noise_amounts(noise: Noise, fabric: Fabric) -> Amounts:
    """Generators: their states, tables, and sums of four entries."""
    total, words = Amounts(), noise_table()
    total.ff += state_bits(noise) + NUMBER.width * noise.lanes
    total.logic["ring"] += 5 * state_bits(noise)  # of up to eight bits each, held or reset; measured with Yosys
    total.logic["accumulator"] += TERMS * NUMBER.width * noise.lanes
    total.add(rom(fabric, words, int(words.max()).bit_length()), TERMS * noise.lanes)
    return total
