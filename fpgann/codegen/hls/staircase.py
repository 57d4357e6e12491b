# SPDX-License-Identifier: Apache-2.0
"""Maps of codes as C++ functions: the form that the hardware would have, of `fpgann/kernel/requantize.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch

import numpy as np

from fpgann.codegen.hls.block import Block
from fpgann.codegen.hls.literals import ConstantArray, constant_array, literal, range_of, type_of
from fpgann.kernel.requantize import (
    FEW_STEPS,
    LinesForm,
    MultiplyForm,
    RunsForm,
    ShiftForm,
    TableForm,
    ThresholdForm,
)
from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation


@dataclass
class StaircaseWriter:
    """The body of one function as it is written.

    Args:
        name: C++ name of the function.
        source: codes that enter.
        target: codes that leave.
        kind: C++ type of what leaves.
        storage: directive for a constant array of that name, if there is a wish.
    """

    name: str
    source: CodeRange
    target: CodeRange
    kind: str
    storage: Callable[[str], str | None]
    code: Block = field(default_factory=Block)
    constants: list[ConstantArray] = field(default_factory=list)
    uses_channel: bool = False

    def array(self, suffix: str, numbers: IntArray, comment: str, *, stored: bool = False) -> str:
        """A constant array with a row for each channel; the expression of the row, or of the whole if there is one."""
        name = f"{self.name}_{suffix}"
        several = len(numbers) > 1
        rows = numbers if several else numbers[0]
        scalar = np.ndim(rows) == 0
        if scalar:
            return literal(int(rows))
        self.constants.append(constant_array(name, integers(rows), comment))
        directive = self.storage(name) if stored else None
        if directive is not None:
            self.code.pragma(directive)
        elif several or not stored:
            self.code.pragma(f"ARRAY_PARTITION variable={name} complete dim=0")
        self.uses_channel |= several
        return f"{name}[channel]" if several else name

    def finish(self, value: str, codes: CodeRange, low: int, high: int) -> None:
        """Return a value, saturated where its range leaves the bounds."""
        if low <= codes.low and codes.high <= high:
            self.code.give(f"fpgann::narrow<{self.kind}>({value})")
            return
        self.code.let("auto", "value", value)
        number = type_of(range_of(low, high, 0, -1))
        bounds = ", ".join(f"fpgann::narrow<{number}>({literal(bound)})" for bound in (low, high))
        self.code.give(f"fpgann::clamp<{self.kind}>(value, {bounds})")


@singledispatch
def write_form(form: object, writer: StaircaseWriter) -> None:
    """Write the body of a form."""
    raise TypeError(f"{type(form).__name__} is no form of a map that '{writer.name}' could have")


@write_form.register
def _shift(form: ShiftForm, writer: StaircaseWriter) -> None:
    codes = writer.source
    if form.shift <= 0:
        reached = codes.shifted(-form.shift)
        value = f"fpgann::shift_left<{type_of(reached)}, {-form.shift}>(code)"
    else:
        step = 1 << form.shift
        whole = type_of(CodeRange(min(codes.low, 0) - step, max(codes.high, 0) + step))
        reached = CodeRange(codes.low >> form.shift, -(-codes.high >> form.shift))
        mode = f"fpgann::Rounding::{form.rounding.value}"
        writer.code.line(f"using wide_t = {whole};")
        value = f"fpgann::round_shift<{type_of(reached)}, wide_t, {form.shift}, {mode}>(code)"
    writer.finish(value, reached, form.low, form.high)


def _line(codes: CodeRange, factor: IntArray, offset: IntArray) -> CodeRange:
    """The range of code * factor + offset, for each factor with its offset."""
    pairs = zip(factor.reshape(-1).tolist(), offset.reshape(-1).tolist(), strict=True)
    return CodeRange.hull(codes.scaled(int(f)) + CodeRange(int(o), int(o)) for f, o in set(pairs))


def _multiply_shift(writer: StaircaseWriter, sums: CodeRange, factor: str, offset: str, shift: int) -> str:
    # the sum's type holds its operands as well
    writer.code.let(type_of(sums), "sum", f"fpgann::affine<{type_of(sums)}>(code, {factor}, {offset})")
    return f"fpgann::shift_right<{type_of(sums.shifted(-shift))}, {shift}>(sum)"


@write_form.register
def _multiply(form: MultiplyForm, writer: StaircaseWriter) -> None:
    factor = writer.array("factor", form.factor, "factor of each channel")
    offset = writer.array("offset", form.offset, "offset of each channel")
    sums = _line(writer.source, form.factor, form.offset)
    whole = _holding(sums, writer.source, form.factor, form.offset)
    value = _multiply_shift(writer, whole, factor, offset, form.shift)
    writer.finish(value, whole.shifted(-form.shift), form.low, form.high)


def _holding(sums: CodeRange, codes: CodeRange, factor: IntArray, offset: IntArray) -> CodeRange:
    """A range that holds sums, products and what they are made of."""
    products = CodeRange.hull(codes.scaled(int(f)) for f in (factor.min(), factor.max()))
    numbers = range_of(*(int(n) for a in (factor, offset) for n in (a.min(), a.max())))
    return CodeRange.hull([sums, codes, products, numbers])


@write_form.register
def _lines(form: LinesForm, writer: StaircaseWriter) -> None:
    breaks = writer.array("breaks", form.breaks, "first code of every piece but the first") if form.breaks.size else ""
    factors, offsets = writer.array("factor", form.factor, "slopes"), writer.array("offset", form.offset, "offsets")
    sums = _line(writer.source, form.factor, form.offset)
    whole = _holding(sums, writer.source, form.factor, form.offset)
    piece = f"fpgann::count_reached({breaks}, code)" if breaks else "0"
    writer.code.let("int", "piece", piece)
    value = _multiply_shift(writer, whole, f"{factors}[piece]", f"{offsets}[piece]", form.shift)
    writer.finish(value, whole.shifted(-form.shift), form.low, form.high)


@write_form.register
def _thresholds(form: ThresholdForm, writer: StaircaseWriter) -> None:
    rows, steps = form.staircases, form.steps
    base = integers([row.base for row in rows])
    bases = writer.array("base", base, "result below all thresholds")
    target = writer.target.union(range_of(int(base.min()), int(base.max())))
    if steps == 0:
        writer.code.line("static_cast<void>(code);")
        writer.code.give(f"fpgann::narrow<{writer.kind}>({bases})")
        return
    beyond = writer.source.high + 1
    table = integers([[*map(int, row.thresholds), *[beyond] * (steps - len(row.thresholds))] for row in rows])
    thresholds = writer.array("thresholds", table, "thresholds", stored=steps > FEW_STEPS)
    count = "count_reached" if steps <= FEW_STEPS else "search"
    writer.code.let("int", "count", f"fpgann::{count}({thresholds}, code)")
    rising = [row.rising for row in rows]
    writer.code.line(f"using wide_t = {type_of(CodeRange(target.low - steps, target.high + steps))};")
    rising = [row.rising for row in rows]
    up, down = f"fpgann::sum<wide_t>({bases}, count)", f"fpgann::difference<wide_t>({bases}, count)"
    if all(rising) or not any(rising):
        writer.code.give(f"fpgann::narrow<{writer.kind}>({up if all(rising) else down})")
        return
    falling = writer.array("falling", integers([int(not r) for r in rising]), "whether a channel falls")
    writer.code.let("wide_t", "raised", up)
    writer.code.let("wide_t", "lowered", down)
    writer.code.give(f"fpgann::choose<{writer.kind}>({falling} != 0, lowered, raised)")


@write_form.register
def _runs(form: RunsForm, writer: StaircaseWriter) -> None:
    rows, steps, beyond = form.runs, form.steps, writer.source.high + 1
    values = integers([[*map(int, row.values), *[int(row.values[-1])] * (steps + 1 - len(row.values))] for row in rows])
    results = writer.array("results", values, "result of every run", stored=True)
    if steps == 0:
        writer.code.line("static_cast<void>(code);")
        writer.code.give(f"fpgann::narrow<{writer.kind}>({results}[0])")
        return
    table = integers([[*map(int, row.starts), *[beyond] * (steps - len(row.starts))] for row in rows])
    starts = writer.array("starts", table, "first code of every run but the first", stored=True)
    writer.code.let("int", "run", f"fpgann::search({starts}, code)")
    writer.code.give(f"fpgann::narrow<{writer.kind}>({results}[run])")


@write_form.register
def _table(form: TableForm, writer: StaircaseWriter) -> None:
    words = writer.array("words", integers(form.words)[None], "results of all codes", stored=True)
    reach = writer.source.union(-writer.source)
    kind = type_of(reach.union(range_of(form.low, form.high, form.low - form.high, form.high - form.low, -1)))
    writer.code.line(f"using wide_t = {kind};")
    writer.code.let("wide_t", "whole", "fpgann::narrow<wide_t>(code)")
    ends = f"fpgann::narrow<wide_t>({literal(form.low)}), fpgann::narrow<wide_t>({literal(form.high)})"
    if form.mirror is None:
        writer.code.let("wide_t", "inside", f"fpgann::clamp<wide_t>(whole, {ends})")
        place = f"fpgann::difference<wide_t>(inside, {literal(form.low)})"
        writer.code.give(f"fpgann::narrow<{writer.kind}>({words}[fpgann::subscript({place})])")
        return
    writer.code.let("wide_t", "size", "whole < 0 ? fpgann::difference<wide_t>(0, whole) : whole")
    writer.code.let("wide_t", "inside", f"fpgann::clamp<wide_t>(size, {ends})")
    _mirrored(writer, f"{words}[fpgann::subscript(inside)]", form.words, form.mirror)


def _mirrored(writer: StaircaseWriter, value: str, words: IntArray, mirror: int) -> None:
    """Return a result, or mirror minus it for a negative code."""
    ends = (int(words.min()), int(words.max()))
    kind = type_of(range_of(*ends, *(mirror - end for end in ends), mirror))
    writer.code.let(kind, "value", f"fpgann::narrow<{kind}>({value})")
    opposite = f"fpgann::difference<{kind}>({literal(mirror)}, value)"
    writer.code.give(f"fpgann::choose<{writer.kind}>(code < 0, {opposite}, value)")


@write_form.register
def _interpolation(form: Interpolation, writer: StaircaseWriter) -> None:
    rests = CodeRange(0, (1 << form.rest_bits) - 1)
    bases = writer.array("bases", integers(form.bases)[None], "first segment of every region", stored=True)
    free = writer.array("bits", integers(form.segment_bits)[None], "bits of a rest that choose no segment", stored=True)
    slopes = writer.array("slopes", integers(form.slopes)[None], "slope of every segment", stored=True)
    offsets = writer.array("offsets", integers(form.offsets)[None], "offset of every segment", stored=True)
    reach = writer.source.union(-writer.source) if form.folded else writer.source
    ends = range_of(form.low, form.high, form.low - form.high, form.high - form.low, -1)
    writer.code.line(f"using wide_t = {type_of(reach.union(ends))};")
    writer.code.let("wide_t", "whole", "fpgann::narrow<wide_t>(code)")
    size = "whole < 0 ? fpgann::difference<wide_t>(0, whole) : whole" if form.folded else "whole"
    writer.code.let("wide_t", "size", size)
    bounds = f"fpgann::narrow<wide_t>({literal(form.low)}), fpgann::narrow<wide_t>({literal(form.high)})"
    writer.code.let("wide_t", "inside", f"fpgann::clamp<wide_t>(size, {bounds})")
    writer.code.let("wide_t", "distance", f"fpgann::difference<wide_t>(inside, {literal(form.low)})")
    writer.code.let("wide_t", "number", f"fpgann::shift_right<wide_t, {form.rest_bits}>(distance)")
    writer.code.let("wide_t", "start", f"fpgann::shift_left<wide_t, {form.rest_bits}>(number)")
    writer.code.let("int", "region", "fpgann::subscript(number)")
    writer.code.let("int", "rest", "fpgann::subscript(fpgann::difference<wide_t>(distance, start))")
    writer.code.let("int", "first", f"fpgann::subscript({bases}[region])")
    writer.code.let("int", "free", f"fpgann::subscript({free}[region])")
    writer.code.let("int", "segment", "first + (rest >> free)")
    lines = _holding(_products(rests, form), rests, form.slopes, form.offsets)
    kind = type_of(lines)
    writer.code.let(kind, "sum", f"fpgann::affine<{kind}>(rest, {slopes}[segment], {offsets}[segment])")
    results = range_of(form.least, form.greatest, form.below, form.above, form.bottom, form.top, -1)
    writer.code.line(f"using result_t = {type_of(results)};")
    bounds = ", ".join(f"fpgann::narrow<result_t>({literal(n)})" for n in (form.least, form.greatest))
    shifted = f"fpgann::shift_right<{kind}, {form.shift}>(sum)"
    writer.code.let("result_t", "line", f"fpgann::clamp<result_t>({shifted}, {bounds})")
    outside = f"size < {literal(form.low)} ? fpgann::narrow<result_t>({literal(form.below)}) : line"
    writer.code.let("result_t", "lower", outside)
    outside = f"{literal(form.high)} < size ? fpgann::narrow<result_t>({literal(form.above)}) : lower"
    writer.code.let("result_t", "value", outside)
    if form.mirror is None:
        writer.code.give(f"fpgann::narrow<{writer.kind}>(value)")
        return
    _clamped_mirror(form, writer, results)


def _clamped_mirror(form: Interpolation, writer: StaircaseWriter, results: CodeRange) -> None:
    mirror = int(form.mirror or 0)
    both = results.union(CodeRange(mirror - results.high, mirror - results.low)).union(range_of(mirror, 0))
    writer.code.line(f"using both_t = {type_of(both)};")
    opposite = f"fpgann::difference<both_t>({literal(mirror)}, value)"
    writer.code.let("both_t", "mirrored", f"fpgann::choose<both_t>(code < 0, {opposite}, value)")
    bounds = ", ".join(f"fpgann::narrow<both_t>({literal(n)})" for n in (form.bottom, form.top))
    writer.code.give(f"fpgann::clamp<{writer.kind}>(mirrored, {bounds})")


def _products(rests: CodeRange, form: Interpolation) -> CodeRange:
    pairs = zip(form.slopes.tolist(), form.offsets.tolist(), strict=True)
    return CodeRange.hull(rests.scaled(int(s)) + CodeRange(int(o), int(o)) for s, o in pairs)
