# SPDX-License-Identifier: Apache-2.0
"""What the requantizers of hdl/ consist of, in each lane of a layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil

import numpy as np

from fpgann.hardware.design import Requantizer
from fpgann.hardware.estimate_blocks import Amounts, columns, counter_bits, multiplier, rom, signed_bits
from fpgann.hardware.estimate_fabric import Fabric
from fpgann.hardware.options import Memory
from fpgann.kernel.requantize import LinesForm, MultiplyForm, RunsForm, ShiftForm, TableForm, ThresholdForm
from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation


def channels_of(requantizer: Requantizer) -> int:
    """How many rows of numbers of its own a staircase has."""
    match requantizer.form:
        case MultiplyForm(factor=factor) | LinesForm(factor=factor):
            return len(factor)
        case ThresholdForm(staircases=rows) | RunsForm(runs=rows):
            return len(rows)
        case _:
            return 1


def requantizers(requantizer: Requantizer, lanes: Sequence[Sequence[int]], fabric: Fabric, *, grouped: bool) -> Amounts:
    """A requantizer in each lane.

    Args:
        requantizer: what each is.
        lanes: the channels that each serves one after another.
        fabric: the family.
        grouped: whether numbers of channels are read from a memory, a group at a time.
    """
    total = Amounts()
    in_bits, out_bits, count = requantizer.source.width_bits, requantizer.target.width_bits, len(lanes)
    code_bits = signed_bits(requantizer.source)
    match requantizer.form:
        case ShiftForm() as form:
            kept = max(1, in_bits - max(0, form.shift))
            total.logic["round"] = count * (kept if form.shift > 0 else 0)
            total.logic["clamp"] = count * out_bits
            total.logic["clamp_range"] = count * max(0, kept + 1 - out_bits)
            total.ff = count * out_bits
        case MultiplyForm() as form if all(len({c % len(form.factor) for c in lane}) == 1 for lane in lanes):
            total.ff += in_bits * count if grouped and len(form.factor) > 1 else 0  # as if it waited for a memory
            for lane in lanes:
                place = lane[0] % len(form.factor)
                factor, offset = int(form.factor[place]), int(form.offset[place])
                total.add(_constant_line(factor, offset, form, requantizer, fabric))
        case MultiplyForm() as form:
            parameters = [(form.factor[:, None], bits_of(form.factor)), (form.offset[:, None], bits_of(form.offset))]
            line = _line(form, requantizer, fabric)
            packed = fabric.packs_registers and line.dsp == 1
            if packed:  # the block has registers for both factors and the product, and adds the offset
                line.ff, line.logic["add"] = out_bits, 0
            passes = (0, 2) if packed else (1, 2)
            waits = 0 if packed else in_bits
            total.add(_parameters(parameters, lanes, fabric, requantizer.memory, grouped, waits, passes))
            total.add(line, count)
        case LinesForm() as form:
            parameters = [(form.breaks, code_bits + 1), (form.factor, bits_of(form.factor))]
            parameters.append((form.offset, bits_of(form.offset)))
            total.add(_parameters(parameters, lanes, fabric, requantizer.memory, grouped, in_bits, (0, 0, 0)))
            pieces = form.factor.shape[1]
            chosen = bits_of(form.factor) + bits_of(form.offset)
            own = Amounts(ff=in_bits + chosen + chosen + bits_of(form.offset))
            own.logic["compare"] = (pieces - 1) * (in_bits + 1)
            own.logic["choose"] = (pieces - 1) * chosen
            own.add(_line(form, requantizer, fabric))
            total.add(own, count)
        case TableForm() as form:
            own = rom(fabric, form.words[:, None], out_bits, requantizer.memory)
            own.ff += counter_bits(len(form.words)) + out_bits + (0 if form.mirror is None else 2)
            own.logic["table"] += in_bits + 1
            own.logic["mirror"] += 0 if form.mirror is None else in_bits + out_bits
            total.add(own, count)
        case ThresholdForm() | RunsForm():
            total.add(_thresholds(requantizer, lanes, fabric, grouped=grouped))
        case Interpolation() as form:
            total.add(_interpolation(form, requantizer, fabric), count)
    return total


def bits_of(codes: IntArray) -> int:
    """Signed bits of the widest of some numbers."""
    return CodeRange(min(-1, int(codes.min())), max(0, int(codes.max()))).width_bits


def _parameters(
    fields: list[tuple[IntArray, int]],
    lanes: Sequence[Sequence[int]],
    fabric: Fabric,
    memory: Memory,
    grouped: bool,  # noqa: FBT001
    wait_bits: int,
    passes: tuple[int, ...],
) -> Amounts:
    """The memory of the numbers of channels, the wait for it, and the registers in which fields of it travel on."""
    total = Amounts()
    rows = len(fields[0][0])
    if not grouped or rows == 1:
        return total
    order = np.array(lanes).T  # shape (groups, lanes)
    total.ff += wait_bits * len(lanes)
    for (codes, bits), registers in zip(fields, passes, strict=True):
        if not codes.size:
            continue
        words = codes[order % rows].reshape(len(order), -1)
        part = rom(fabric, words, bits, memory)
        part.ff += registers * columns(words, bits)
        total.add(part)
    return total


def _line(form: MultiplyForm | LinesForm, requantizer: Requantizer, fabric: Fabric) -> Amounts:
    """One multiply-add with saturation; bits of the product below all offsets and the shift fall away."""
    code_bits, factor_bits = signed_bits(requantizer.source), bits_of(form.factor)
    out_bits = requantizer.target.width_bits
    zeros = min((int(o) & -int(o)).bit_length() - 1 if int(o) else form.shift for o in form.offset.ravel())
    dropped = min(form.shift, zeros)
    product_bits = code_bits + factor_bits
    total = Amounts(ff=requantizer.source.width_bits + product_bits - dropped + out_bits)
    total.add(multiplier(fabric, code_bits, factor_bits, None, requantizer.multipliers))
    total.logic["add"] += product_bits - dropped + 1
    total.logic["clamp"] += out_bits
    total.logic["clamp_range"] += max(0, product_bits + 1 - form.shift - out_bits)
    return total


def _constant_line(factor: int, offset: int, form: MultiplyForm, requantizer: Requantizer, fabric: Fabric) -> Amounts:
    """The same with a factor that does not change.

    Zeros below the last one of a factor are cut off before operands get their least width, so Yosys then multiplies
    an unsigned number of as many bits as the product has.
    """
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    code_bits, product_bits = signed_bits(requantizer.source), signed_bits(requantizer.source) + bits_of(form.factor)
    if not factor:
        return Amounts()
    zeros = _trailing_zeros(factor)
    odd = abs(factor) >> zeros
    if odd == 1:
        dropped = min(form.shift, _trailing_zeros(offset) if offset else form.shift)
        return Amounts(
            Counter(add=max(0, code_bits - dropped), clamp=out_bits), ff=in_bits + code_bits - dropped + out_bits
        )
    carried = offset >> zeros << zeros  # below, nothing is added to the product's zeros
    dropped = min(form.shift, _trailing_zeros(carried) if carried else form.shift)
    if zeros:
        read, choice = product_bits - zeros, requantizer.multipliers
        total = multiplier(fabric, product_bits, odd.bit_length(), read, choice, signed=False, lut_bits=code_bits)
    else:
        total = multiplier(fabric, code_bits, signed_bits(CodeRange(factor, factor)), None, requantizer.multipliers)
    total.ff += in_bits + product_bits - dropped + out_bits
    total.logic["add"] += product_bits - dropped + 1
    total.logic["clamp"] += out_bits
    total.logic["clamp_range"] += max(0, product_bits + 1 - form.shift - out_bits)
    if fabric.packs_registers and total.dsp:
        total.ff = out_bits if total.dsp == 1 and not zeros else in_bits + out_bits
        if total.dsp == 1 and not zeros:
            total.logic["add"] = 0
    return total


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def _thresholds(requantizer: Requantizer, lanes: Sequence[Sequence[int]], fabric: Fabric, *, grouped: bool) -> Amounts:
    form = requantizer.form
    assert isinstance(form, ThresholdForm | RunsForm)
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    channels = channels_of(requantizer)
    total = Amounts()
    if isinstance(form, ThresholdForm) and not requantizer.is_search:
        own = Amounts(ff=form.steps + out_bits)
        several = grouped and channels > 1
        own.logic["compare2" if several else "compare"] = form.steps * (in_bits + 1)
        own.logic["count"] = form.steps + out_bits
        total.add(own, len(lanes))
        if several:
            groups = len(lanes[0])
            words = len(lanes) * (form.steps * (in_bits + 1) + out_bits + 2)
            distinct = min(words, (1 << groups) - 2)
            total.logic["rom_short"] += distinct
            total.ff += distinct + len(lanes) * (in_bits + out_bits + 2)
        return total
    bits = requantizer.search_bits
    for lane in lanes:
        served = len(lane) if channels > 1 else 1
        channel_bits = counter_bits(served)
        own = Amounts()
        for level in range(bits):
            depth = served << level
            own.add(_search_memory(fabric, depth, in_bits + 1))
            own.ff += in_bits + channel_bits + level
            own.logic["compare2" if depth > 1 else "compare"] += in_bits + 1
        own.ff += out_bits
        own.logic["count"] += 2 * out_bits
        if isinstance(form, RunsForm):
            own.add(_search_memory(fabric, served << bits, out_bits))
        elif served > 1:
            own.add(_search_memory(fabric, served, out_bits + 2))
        total.add(own)
    return total


def _search_memory(fabric: Fabric, depth: int, width: int) -> Amounts:
    """A memory of numbers that are all different."""
    if depth == 1:
        return Amounts()
    if fabric.prefers_block(depth, width):
        return Amounts(blocks=fabric.blocks(depth, width))
    reach, used = 1 << fabric.lut_inputs, min(width, (1 << min(depth, 16)) - 2)
    kind = "rom" if depth > reach // 2 else "rom_short"
    return Amounts(Counter({kind: used * ceil(depth / reach)}), ff=used)


def _interpolation(form: Interpolation, requantizer: Requantizer, fabric: Fabric) -> Amounts:
    """A line of a table of lines; see hdl/fpgann_interpolate.vhd."""
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    lines = np.stack([form.slopes, form.offsets], axis=1)
    total = Amounts()
    total.add(rom(fabric, lines[:, :1], form.slope_bits, requantizer.memory))
    total.add(rom(fabric, lines[:, 1:], form.offset_bits, requantizer.memory))
    waits = 1 if form.uniform else 3
    region_bits = counter_bits(len(form.slopes) if form.uniform else len(form.bases))
    product_bits = form.slope_bits + form.rest_bits + 1
    result_bits = max(bits_of(integers([form.below, form.above, form.least, form.greatest])), 1)
    total.ff += region_bits + form.rest_bits * (1 + waits) + 3 * (waits + 3)
    total.ff += product_bits + form.offset_bits + result_bits + out_bits
    if not form.uniform:
        index_bits = counter_bits(len(form.slopes))
        total.add(rom(fabric, form.bases[:, None], index_bits, requantizer.memory))
        total.add(rom(fabric, form.segment_bits[:, None], form.rest_bits.bit_length(), requantizer.memory))
        total.ff += index_bits
        total.logic["choose"] += index_bits * form.rest_bits
        total.logic["add"] += index_bits
    total.add(multiplier(fabric, form.rest_bits + 1, form.slope_bits, None, requantizer.multipliers))
    total.logic["add"] += product_bits + 1
    total.logic["table"] += in_bits + 1
    total.logic["compare"] += 2 * (in_bits + 1)
    total.logic["clamp"] += result_bits + out_bits
    total.logic["mirror"] += in_bits if form.folded else 0
    return total
