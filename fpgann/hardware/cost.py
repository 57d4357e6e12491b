# SPDX-License-Identifier: Apache-2.0
"""What kind of circuit each node of a design becomes, and how much of it: the first-order view of `fpgann check`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fpgann.hardware.code_book import code_book
from fpgann.hardware.design import FoldedKernel, PointwiseKernel, Requantizer, Stage, UnrolledKernel
from fpgann.hardware.estimate import estimate
from fpgann.kernel.netlist import Netlist, Opcode
from fpgann.kernel.requantize import LinesForm, MultiplyForm, RunsForm, ShiftForm, TableForm, ThresholdForm
from fpgann.numerics.piecewise import Interpolation


class CostClass(enum.Enum):
    """What a node mostly consists of."""

    NONE = "none"  # a constant, or done by the host
    WIRES = "wires"
    ADDERS = "adders"
    COMPARATORS = "comparators"
    MULTIPLIERS = "multipliers"
    TABLE = "table"
    MEMORY = "memory"
    LOGIC = "logic"  # of any kind


@dataclass(frozen=True, slots=True)
class Cost:
    """Kind and amount of hardware.

    Args:
        kind: what it mostly consists of.
        counts: how many of each, by name: `multiplications` (of one inference), `multipliers`, `adders`,
            `comparators`, `selectors`, `tables`, `table_bits`, `memory_bits`, `luts`.
    """

    kind: CostClass
    counts: Mapping[str, int] = field(default_factory=dict)


def costs_of(stage: Stage) -> tuple[Cost, ...]:
    """The cost of each layer of a stage, in their order; one that shares the circuit of the first has no counts."""
    match stage.kernel:
        case UnrolledKernel(pipeline=pipeline):
            first = _netlist(pipeline.netlist)
            return (first, *[Cost(first.kind)] * (len(stage.layers) - 1))
        case FoldedKernel() as kernel:
            copies, multipliers = kernel.copies, kernel.multiplier_count
            counts = {
                "multiplications": kernel.multiplications,
                "multipliers": multipliers,
                "memory_bits": kernel.steps * kernel.weight_bits * multipliers,
            }
            book = code_book(kernel)
            if book is not None:
                counts["memory_bits"] = kernel.steps * book.index_bits * multipliers
                counts |= {"tables": multipliers, "table_bits": len(book.values) * kernel.weight_bits * multipliers}
            staircases = [_requantizer(r, kernel.pe * copies, kernel.groups) for r in kernel.requantizers]
            return (Cost(CostClass.MULTIPLIERS, counts), *staircases)
        case PointwiseKernel(requantizer=requantizer, channels=channels):
            return (_requantizer(requantizer, len(channels), 1),)
        case _:
            return (_estimated(stage), *[Cost(CostClass.LOGIC)] * (len(stage.layers) - 1))


_COUNTED = {  # the most expensive first: it names the kind
    CostClass.MULTIPLIERS: (Opcode.MULTIPLY,),
    CostClass.ADDERS: (Opcode.ADD, Opcode.ADD3),
    CostClass.COMPARATORS: (Opcode.CLAMP, Opcode.AT_LEAST, Opcode.NOT_BELOW, Opcode.MAXIMUM, Opcode.MINIMUM),
    CostClass.LOGIC: (Opcode.CHOOSE,),
}


def _netlist(netlist: Netlist) -> Cost:
    found = {kind: int(np.count_nonzero(np.isin(netlist.opcode, opcodes))) for kind, opcodes in _COUNTED.items()}
    names = {CostClass.LOGIC: "selectors"}
    counts = {names.get(kind, kind.value): count for kind, count in found.items() if count}
    return Cost(next((kind for kind, count in found.items() if count), CostClass.WIRES), counts)


def _requantizer(requantizer: Requantizer, copies: int, groups: int) -> Cost:
    """A staircase, `copies` times side by side, each for `groups` channels one after another."""
    match requantizer.form:
        case ShiftForm():
            return Cost(CostClass.ADDERS, {"adders": copies, "comparators": 2 * copies})
        case MultiplyForm():
            return Cost(CostClass.MULTIPLIERS, {"multiplications": copies * groups, "multipliers": copies})
        case TableForm(words=words):
            bits = len(words) * requantizer.target.width_bits
            return Cost(CostClass.TABLE, {"tables": copies, "table_bits": bits * copies})
        case ThresholdForm(steps=steps):
            if requantizer.is_search:
                bits = steps * groups * requantizer.source.width_bits
                comparators = requantizer.search_bits * copies
                return Cost(CostClass.MEMORY, {"memory_bits": bits * copies, "comparators": comparators})
            return Cost(CostClass.COMPARATORS, {"comparators": steps * copies})
        case RunsForm(steps=steps):
            width = requantizer.source.width_bits + requantizer.target.width_bits
            comparators = requantizer.search_bits * copies
            return Cost(CostClass.MEMORY, {"memory_bits": steps * groups * width * copies, "comparators": comparators})
        case LinesForm(breaks=breaks):
            counts = {"multipliers": copies, "comparators": breaks.shape[1] * copies}
            return Cost(CostClass.MULTIPLIERS, {"multiplications": copies * groups, **counts})
        case Interpolation() as lines:
            bits = len(lines.slopes) * (lines.slope_bits + lines.offset_bits)
            counts = {"multipliers": copies, "memory_bits": bits * copies}
            return Cost(CostClass.MULTIPLIERS, {"multiplications": copies * groups, **counts})
    raise AssertionError(requantizer.form)


def _estimated(stage: Stage) -> Cost:
    """By the estimate, for kernels that are counted in no finer way; what costs nothing is wires."""
    resources = estimate(stage)
    counts = {"multipliers": resources.dsp, "memory_bits": round(resources.bram36 * 36_864), "luts": resources.lut}
    counts = {name: count for name, count in counts.items() if count}
    kinds = {"multipliers": CostClass.MULTIPLIERS, "memory_bits": CostClass.MEMORY, "luts": CostClass.LOGIC}
    return Cost(kinds[next(iter(counts))] if counts else CostClass.WIRES, counts)
