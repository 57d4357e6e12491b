# SPDX-License-Identifier: Apache-2.0
"""Library requantizers as the templates see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpgann.codegen.vhdl.literals import boolean, memory, packed, rounding, vector
from fpgann.hardware.design import Requantizer
from fpgann.kernel.requantize import MultiplyForm, ShiftForm, TableForm, ThresholdForm
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.scalar_map import Staircase


@dataclass(frozen=True, slots=True)
class MemoryView:
    """A constant array of words."""

    name: str
    depth: int
    width: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequantizerView:
    """One requantizer over all lanes; vocabulary of templates/vhdl/requantizer.vhd.j2."""

    name: str
    source: str
    entity: str
    lanes: int
    in_bits: int
    source_bits: int
    out_bits: int
    total_cycles: int
    generics: tuple[str, ...]
    memories: tuple[MemoryView, ...]
    declarations: tuple[str, ...]
    has_parameters: bool
    has_constant_parameters: bool
    has_parameter_ports: bool
    parameter_bits: int
    parameter_memory: str
    lane_parameters: str
    parameter_ports: tuple[str, ...]
    lane_generics: tuple[tuple[str, ...], ...]
    has_lane_generics: bool
    channel: str
    has_group: bool
    group_bits: int


def view_requantizer(
    requantizer: Requantizer, name: str, source: str, lanes: Sequence[Sequence[int]], group_bits: int
) -> RequantizerView:
    """Describe a requantizer.

    Args:
        requantizer: what to describe.
        name: prefix of its signals.
        source: prefix of the signals it reads.
        lanes: for each lane the channels it serves one after another (one per group).
        group_bits: width of the group number that travels along; 0 if there are no groups.
    """
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    generics = [
        f"IN_WIDTH => {in_bits}",
        f"OUT_WIDTH => {out_bits}",
        f"IN_SIGNED => {boolean(requantizer.source.signed)}",
    ]
    upper = name.upper()
    memories: list[MemoryView] = []
    ports: list[str] = []
    lane_generics: list[tuple[str, ...]] = []
    parameter_bits = 0
    form = requantizer.form
    match form:
        case ShiftForm():
            entity = "fpgann_requantize_shift"
            generics += [f"SHIFT => {form.shift}", f"ROUNDING => {rounding(form)}"]
            generics += _bounds(form.low, form.high, requantizer.target)
        case MultiplyForm():
            entity = "fpgann_requantize_multiply"
            widths = [
                CodeRange(min(-1, int(a.min())), max(0, int(a.max()))).width_bits for a in (form.factor, form.offset)
            ]
            generics += [f"FACTOR_WIDTH => {widths[0]}", f"OFFSET_WIDTH => {widths[1]}", f"SHIFT => {form.shift}"]
            generics += _bounds(form.low, form.high, requantizer.target)
            pairs = zip(form.factor, form.offset, strict=True)
            rows = [_word([(int(factor), widths[0]), (int(offset), widths[1])]) for factor, offset in pairs]
            parameter_bits = sum(widths)
            memories.append(_parameters(upper, rows, parameter_bits, lanes))
            ports = _slices(["factor", "offset"], widths)
        case ThresholdForm() if not requantizer.is_search:
            entity = "fpgann_requantize_thresholds"
            steps, width = max(1, form.steps), in_bits + 1
            generics.append(f"STEPS => {steps}")
            rows = [_threshold_word(s, steps, width, out_bits + 1) for s in form.staircases]
            widths = [steps * width, 1, out_bits + 1]
            parameter_bits = sum(widths)
            memories.append(_parameters(upper, rows, parameter_bits, lanes))
            ports = _slices(["thresholds", "falling", "base"], widths)
        case ThresholdForm():
            entity = "fpgann_requantize_search"
            count = requantizer.search_bits
            generics.append(f"BITS => {count}")
            for lane, channels in enumerate(_distinct(lanes, len(form.staircases))):
                rows_of_lane = [form.staircases[c % len(form.staircases)] for c in channels]
                memories += _search_memories(f"{upper}_{lane}", rows_of_lane, count, requantizer)
                falling = packed((not s.rising for s in rows_of_lane), 1)
                lane_generics.append(
                    (
                        f"CHANNELS => {len(rows_of_lane)}",
                        f"THRESHOLDS => {upper}_{lane}_THRESHOLDS",
                        f"BASES => {upper}_{lane}_BASES",
                        f"FALLING => {vector(falling, len(rows_of_lane))}",
                    )
                )
        case TableForm():
            entity = "fpgann_table"
            words = [int(w) for w in form.words]
            memories.append(MemoryView(f"{upper}_WORDS", len(words), out_bits, memory(words, out_bits)))
            generics += [
                f"WORDS => {upper}_WORDS",
                f"LOW => {vector(form.low, in_bits + 1)}",
                f"HIGH => {vector(form.high, in_bits + 1)}",
                f"SYMMETRIC => {boolean(form.mirror is not None)}",
                f"MIRROR => {vector(form.mirror or 0, out_bits + 1)}",
            ]
    count = len(lanes)
    declarations = [f"signal {name}_source : std_ulogic_vector({count * in_bits - 1} downto 0);"]
    if ports:
        declarations.append(f"signal {name}_parameters : std_ulogic_vector({memories[0].width - 1} downto 0);")
    declarations.append(f"signal {name}_data : std_ulogic_vector({count * out_bits - 1} downto 0);")
    declarations.append(f"signal {name}_valid : std_ulogic;")
    if group_bits:
        declarations.append(f"signal {name}_group : std_ulogic_vector({group_bits - 1} downto 0);")
    shared = bool(ports) and not requantizer.has_parameters
    several_channels = isinstance(form, ThresholdForm) and len(form.staircases) > 1 and len(lanes[0]) > 1
    return RequantizerView(
        name=name,
        source=source,
        entity=entity,
        lanes=count,
        in_bits=in_bits,
        source_bits=count * in_bits,
        out_bits=out_bits,
        total_cycles=requantizer.latency_cycles + requantizer.has_parameters,
        generics=tuple(generics),
        memories=tuple(memories),
        declarations=tuple(declarations),
        has_parameters=requantizer.has_parameters,
        has_constant_parameters=shared,
        has_parameter_ports=bool(ports),
        parameter_bits=parameter_bits,
        parameter_memory=f"{upper}_CONSTANTS",
        lane_parameters=f"{name}_parameters"
        if shared
        else f"{name}_parameters((lane + 1) * {parameter_bits} - 1 downto lane * {parameter_bits})",
        parameter_ports=tuple(ports),
        lane_generics=tuple(lane_generics if len(lane_generics) > 1 else lane_generics * count),
        has_lane_generics=bool(lane_generics),
        channel=f"u_unsigned({source}_group)" if several_channels else '"0"',
        has_group=group_bits > 0,
        group_bits=group_bits,
    )


def _bounds(low: int, high: int, target: CodeRange) -> list[str]:
    """Saturation bounds, cut to what can occur so that they fit the generics."""
    width = target.width_bits + 1
    low, high = max(low, target.low), min(high, target.high)
    return [f"LOW => {vector(low, width)}", f"HIGH => {vector(high, width)}"]


def _word(fields: list[tuple[int, int]]) -> int:
    word = position = 0
    for value, width in fields:
        word |= (value % (1 << width)) << position
        position += width
    return word


def _slices(names: list[str], widths: list[int]) -> list[str]:
    """Port associations that cut a parameter word into its fields."""
    associations, position = [], 0
    for name, width in zip(names, widths, strict=True):
        index = f"{position}" if name == "falling" else f"{position + width - 1} downto {position}"
        associations.append(f"{name} => parameters({index})")
        position += width
    return associations


def _parameters(upper: str, rows: list[int], width: int, lanes: Sequence[Sequence[int]]) -> MemoryView:
    """One word per group with the parameters of every lane side by side; one word if all share them."""
    if len(rows) == 1:
        return MemoryView(f"{upper}_CONSTANTS", 1, width, memory(rows, width))
    words = [packed((rows[lane[group]] for lane in lanes), width) for group in range(len(lanes[0]))]
    return MemoryView(f"{upper}_CONSTANTS", len(words), width * len(lanes), memory(words, width * len(lanes)))


def _distinct(lanes: Sequence[Sequence[int]], channels: int) -> Sequence[Sequence[int]]:
    return [[0]] if channels == 1 else lanes


def _threshold_word(staircase: Staircase, steps: int, width: int, base_bits: int) -> int:
    """Thresholds, filled up with one that every code reaches, direction and corrected base."""
    missing = steps - len(staircase.thresholds)
    thresholds = [-(1 << (width - 1))] * missing + [int(t) for t in staircase.thresholds]
    base = staircase.base - missing if staircase.rising else staircase.base + missing
    return _word([*((t, width) for t in thresholds), (int(not staircase.rising), 1), (base, base_bits)])


def _search_memories(upper: str, staircases: list[Staircase], count: int, requantizer: Requantizer) -> list[MemoryView]:
    width, base_bits = requantizer.source.width_bits + 1, requantizer.target.width_bits + 1
    size = (1 << count) - 1
    words: list[int] = []
    bases: list[int] = []
    for staircase in staircases:
        missing = size - len(staircase.thresholds)
        words += [-(1 << (width - 1))] * missing + [int(t) for t in np.asarray(staircase.thresholds)]
        bases.append(staircase.base - missing if staircase.rising else staircase.base + missing)
    return [
        MemoryView(f"{upper}_THRESHOLDS", len(words), width, memory(words, width)),
        MemoryView(f"{upper}_BASES", len(bases), base_bits, memory(bases, base_bits)),
    ]
