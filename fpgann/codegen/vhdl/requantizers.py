# SPDX-License-Identifier: Apache-2.0
"""Library requantizers as the templates see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpgann.codegen.vhdl.literals import boolean, memory, packed, rounding, vector
from fpgann.hardware.design import Requantizer
from fpgann.hardware.options import Memory, Multipliers
from fpgann.kernel.requantize import LinesForm, MultiplyForm, RunsForm, ShiftForm, TableForm, ThresholdForm
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.runs import Runs
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
    in_bits, out_bits, form = requantizer.source.width_bits, requantizer.target.width_bits, requantizer.form
    upper = name.upper()
    parts = _parts(requantizer, upper, lanes)
    generics = (
        f"IN_WIDTH => {in_bits}",
        f"OUT_WIDTH => {out_bits}",
        f"IN_SIGNED => {boolean(requantizer.source.signed)}",
        *parts.generics,
        *_styles(requantizer),
    )
    memories, ports = parts.memories, parts.ports
    count = len(lanes)
    declarations = [f"signal {name}_source : std_ulogic_vector({count * in_bits - 1} downto 0);"]
    if ports:
        declarations.append(f"signal {name}_parameters : std_ulogic_vector({memories[0].width - 1} downto 0);")
    declarations.append(f"signal {name}_data : std_ulogic_vector({count * out_bits - 1} downto 0);")
    declarations.append(f"signal {name}_valid : std_ulogic;")
    if group_bits:
        declarations.append(f"signal {name}_group : std_ulogic_vector({group_bits - 1} downto 0);")
    # in a pointwise stage every lane has one channel, whose numbers are constants
    has_parameters = requantizer.has_parameters and group_bits > 0
    shared = bool(ports) and not requantizer.has_parameters
    several_channels = len(lanes[0]) > 1 and (
        (isinstance(form, ThresholdForm) and len(form.staircases) > 1)
        or (isinstance(form, RunsForm) and len(form.runs) > 1)
    )
    return RequantizerView(
        name=name,
        source=source,
        entity=parts.entity,
        lanes=count,
        in_bits=in_bits,
        source_bits=count * in_bits,
        out_bits=out_bits,
        total_cycles=requantizer.latency_cycles + has_parameters,
        generics=generics,
        memories=memories,
        declarations=tuple(declarations),
        has_parameters=has_parameters,
        has_constant_parameters=bool(ports) and not has_parameters,
        has_parameter_ports=bool(ports),
        parameter_bits=parts.parameter_bits,
        parameter_memory=f"{upper}_CONSTANTS",
        lane_parameters=f"{name}_parameters"
        if shared
        else f"{name}_parameters((lane + 1) * {parts.parameter_bits} - 1 downto lane * {parts.parameter_bits})",
        parameter_ports=ports,
        lane_generics=parts.lane_generics if len(parts.lane_generics) > 1 else parts.lane_generics * count,
        has_lane_generics=bool(parts.lane_generics),
        channel=f"u_unsigned({source}_group)" if several_channels else '"0"',
        has_group=group_bits > 0,
        group_bits=group_bits,
    )


def _styles(requantizer: Requantizer) -> list[str]:
    """Generics of what the user chose for multipliers and memories; defaults are left out."""
    found = []
    if isinstance(requantizer.form, MultiplyForm | LinesForm | Interpolation):
        found += dsp_style(requantizer.multipliers)
    searched = isinstance(requantizer.form, ThresholdForm) and requantizer.is_search
    if searched or isinstance(requantizer.form, TableForm | RunsForm | Interpolation):
        found += memory_style("STYLE", requantizer.memory)
    return found


def dsp_style(choice: Multipliers) -> list[str]:
    """The generic of where multipliers are wanted."""
    names = {Multipliers.DSP: "yes", Multipliers.LUT: "no"}
    return [f'DSP_STYLE => "{names[choice]}"'] if choice in names else []


def memory_style(generic: str, choice: Memory) -> list[str]:
    """The generic of where a memory is wanted."""
    return [] if choice is Memory.AUTO else [f'{generic} => "{choice.value}"']


@dataclass(frozen=True, slots=True)
class _Parts:
    """What differs between the forms: the entity, its further generics, memories, ports for parameters."""

    entity: str
    generics: tuple[str, ...] = ()
    memories: tuple[MemoryView, ...] = ()
    ports: tuple[str, ...] = ()
    parameter_bits: int = 0
    lane_generics: tuple[tuple[str, ...], ...] = ()


def _parts(requantizer: Requantizer, upper: str, lanes: Sequence[Sequence[int]]) -> _Parts:
    match requantizer.form:
        case ShiftForm() as form:
            generics = (f"SHIFT => {form.shift}", f"ROUNDING => {rounding(form)}")
            bounds = _bounds(form.low, form.high, requantizer.target)
            return _Parts("fpgann_requantize_shift", (*generics, *bounds))
        case MultiplyForm() as form:
            return _multiply(form, requantizer, upper, lanes)
        case LinesForm() as form:
            return _lines(form, requantizer, upper, lanes)
        case ThresholdForm() as form if requantizer.is_search:
            return _search(form, requantizer, upper, lanes)
        case ThresholdForm() as form:
            return _thresholds(form, requantizer, upper, lanes)
        case RunsForm() as form:
            return _runs(form, requantizer, upper, lanes)
        case Interpolation() as form:
            return _interpolation(form, requantizer, upper)
        case TableForm() as form:
            return _table(form, requantizer, upper)


def _signed_bits(numbers: IntArray) -> int:
    return CodeRange(min(-1, int(numbers.min())), max(0, int(numbers.max()))).width_bits


def _multiply(form: MultiplyForm, requantizer: Requantizer, upper: str, lanes: Sequence[Sequence[int]]) -> _Parts:
    widths = [_signed_bits(form.factor), _signed_bits(form.offset)]
    generics = [f"FACTOR_WIDTH => {widths[0]}", f"OFFSET_WIDTH => {widths[1]}", f"SHIFT => {form.shift}"]
    generics += _bounds(form.low, form.high, requantizer.target)
    pairs = zip(form.factor, form.offset, strict=True)
    rows = [_word([(int(factor), widths[0]), (int(offset), widths[1])]) for factor, offset in pairs]
    memory_view = _parameters(upper, rows, sum(widths), lanes)
    ports = _slices(["factor", "offset"], widths)
    return _Parts("fpgann_requantize_multiply", tuple(generics), (memory_view,), tuple(ports), sum(widths))


def _lines(form: LinesForm, requantizer: Requantizer, upper: str, lanes: Sequence[Sequence[int]]) -> _Parts:
    factor_bits, offset_bits, break_bits = (
        _signed_bits(form.factor),
        _signed_bits(form.offset),
        requantizer.source.width_bits + 1,
    )
    pieces = form.factor.shape[1]
    generics = [
        f"PIECES => {pieces}",
        f"FACTOR_WIDTH => {factor_bits}",
        f"OFFSET_WIDTH => {offset_bits}",
        f"SHIFT => {form.shift}",
        *_bounds(form.low, form.high, requantizer.target),
    ]
    rows = []
    for breaks, factors, offsets in zip(form.breaks, form.factor, form.offset, strict=True):
        fields = [(value, break_bits) for value in (0, *breaks)]
        fields += [(value, factor_bits) for value in factors] + [(value, offset_bits) for value in offsets]
        rows.append(_word([(int(value), width) for value, width in fields]))
    widths = [pieces * bits for bits in (break_bits, factor_bits, offset_bits)]
    memory_view = _parameters(upper, rows, sum(widths), lanes)
    ports = _slices(["breaks", "factors", "offsets"], widths)
    return _Parts("fpgann_requantize_lines", tuple(generics), (memory_view,), tuple(ports), sum(widths))


def _thresholds(form: ThresholdForm, requantizer: Requantizer, upper: str, lanes: Sequence[Sequence[int]]) -> _Parts:
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    steps = max(1, form.steps)
    rows = [_threshold_word(s, steps, in_bits + 1, out_bits + 1) for s in form.staircases]
    widths = [steps * (in_bits + 1), 1, out_bits + 1]
    memory_view = _parameters(upper, rows, sum(widths), lanes)
    ports = _slices(["thresholds", "falling", "base"], widths)
    return _Parts("fpgann_requantize_thresholds", (f"STEPS => {steps}",), (memory_view,), tuple(ports), sum(widths))


def _search(form: ThresholdForm, requantizer: Requantizer, upper: str, lanes: Sequence[Sequence[int]]) -> _Parts:
    count = requantizer.search_bits
    memories: list[MemoryView] = []
    lane_generics = []
    for lane, channels in enumerate(_distinct(lanes, len(form.staircases))):
        rows = [form.staircases[c % len(form.staircases)] for c in channels]
        memories += _search_memories(f"{upper}_{lane}", rows, count, requantizer)
        falling = packed((not s.rising for s in rows), 1)
        lane_generics.append(
            (
                f"CHANNELS => {len(rows)}",
                f"THRESHOLDS => {upper}_{lane}_THRESHOLDS",
                f"BASES => {upper}_{lane}_BASES",
                f"FALLING => {vector(falling, len(rows))}",
            )
        )
    entity = "fpgann_requantize_search"
    return _Parts(entity, (f"BITS => {count}",), tuple(memories), lane_generics=tuple(lane_generics))


def _runs(form: RunsForm, requantizer: Requantizer, upper: str, lanes: Sequence[Sequence[int]]) -> _Parts:
    memories: list[MemoryView] = []
    lane_generics = []
    for lane, channels in enumerate(_distinct(lanes, len(form.runs))):
        rows = [form.runs[c % len(form.runs)] for c in channels]
        memories += _run_memories(f"{upper}_{lane}", rows, requantizer)
        names = (f"STARTS => {upper}_{lane}_STARTS", f"RESULTS => {upper}_{lane}_RESULTS")
        lane_generics.append((f"CHANNELS => {len(rows)}", *names))
    generics = (f"BITS => {requantizer.search_bits}",)
    return _Parts("fpgann_requantize_runs", generics, tuple(memories), lane_generics=tuple(lane_generics))


def _table(form: TableForm, requantizer: Requantizer, upper: str) -> _Parts:
    in_bits, out_bits = requantizer.source.width_bits, requantizer.target.width_bits
    words = [int(w) for w in form.words]
    memory_view = MemoryView(f"{upper}_WORDS", len(words), out_bits, memory(words, out_bits))
    generics = (
        f"WORDS => {upper}_WORDS",
        f"LOW => {vector(form.low, in_bits + 1)}",
        f"HIGH => {vector(form.high, in_bits + 1)}",
        f"SYMMETRIC => {boolean(form.mirror is not None)}",
        f"MIRROR => {vector(form.mirror or 0, out_bits + 1)}",
    )
    return _Parts("fpgann_table", generics, (memory_view,))


def _run_memories(upper: str, runs: list[Runs], requantizer: Requantizer) -> list[MemoryView]:
    """Starts of all runs but the first, filled up with what every code reaches, and results."""
    width, out_bits = requantizer.source.width_bits + 1, requantizer.target.width_bits
    size = (1 << requantizer.search_bits) - 1
    starts: list[int] = []
    results: list[int] = []
    for row in runs:
        missing = size - len(row.starts)
        starts += [-(1 << (width - 1))] * missing + [int(start) for start in row.starts]
        results += [int(row.values[0])] * missing + [int(value) for value in row.values]
    return [
        MemoryView(f"{upper}_STARTS", len(starts), width, memory(starts, width)),
        MemoryView(f"{upper}_RESULTS", len(results), out_bits, memory(results, out_bits)),
    ]


def _interpolation(form: Interpolation, requantizer: Requantizer, upper: str) -> _Parts:
    source, target = requantizer.source, requantizer.target
    # a function that several layers share may have segments that no code of this one reaches
    reach = CodeRange(min(source.low, form.low), max(source.high, form.high)).width_bits
    code_bits = max(source.width_bits + 1, reach + (min(source.low, form.low) >= 0))
    inner = [form.below, form.above, form.least, form.greatest, form.mirror or 0]
    result_bits = CodeRange(min(-1, *inner), max(0, *inner)).width_bits
    index_bits = max(1, (len(form.slopes) - 1).bit_length())
    rest_bits = form.rest_bits.bit_length()
    segment_bits = form.slope_bits + form.offset_bits
    segments = [
        _word([(int(slope), form.slope_bits), (int(offset), form.offset_bits)])
        for slope, offset in zip(form.slopes, form.offsets, strict=True)
    ]
    regions = [0]
    if not form.uniform:
        pairs = zip(form.segment_bits, form.bases, strict=True)
        regions = [_word([(int(bits), rest_bits), (int(base), index_bits)]) for bits, base in pairs]
    tables = (
        MemoryView(f"{upper}_SEGMENTS", len(segments), segment_bits, memory(segments, segment_bits)),
        MemoryView(f"{upper}_REGIONS", len(regions), index_bits + rest_bits, memory(regions, index_bits + rest_bits)),
    )
    generics = (
        f"REST_WIDTH => {form.rest_bits}",
        f"SLOPE_WIDTH => {form.slope_bits}",
        f"OFFSET_WIDTH => {form.offset_bits}",
        f"RESULT_WIDTH => {result_bits}",
        f"SHIFT => {form.shift}",
        f"SEGMENTS => {upper}_SEGMENTS",
        f"SPLIT => {boolean(not form.uniform)}",
        f"REGIONS => {upper}_REGIONS",
        f"BITS_WIDTH => {rest_bits}",
        f"LOW => {vector(form.low, code_bits)}",
        f"HIGH => {vector(form.high, code_bits)}",
        f"BELOW => {vector(form.below, result_bits)}",
        f"ABOVE => {vector(form.above, result_bits)}",
        f"LEAST => {vector(form.least, result_bits)}",
        f"GREATEST => {vector(form.greatest, result_bits)}",
        f"FOLDED => {boolean(form.folded)}",
        f"MIRRORED => {boolean(form.mirror is not None)}",
        f"MIRROR => {vector(form.mirror or 0, result_bits)}",
        f"BOTTOM => {vector(max(form.bottom, target.low), target.width_bits + 1)}",
        f"TOP => {vector(min(form.top, target.high), target.width_bits + 1)}",
    )
    return _Parts("fpgann_interpolate", generics, tables)


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
