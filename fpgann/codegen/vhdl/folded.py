# SPDX-License-Identifier: Apache-2.0
"""Folded layers: neurons, their memories, requantizers, gathering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.literals import boolean, memory, packed
from fpgann.codegen.vhdl.requantizers import MemoryView, RequantizerView, view_requantizer
from fpgann.hardware.design import FoldedKernel, Stage
from fpgann.hardware.names import printable
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True)
class FoldedView:
    """Vocabulary of templates/vhdl/folded.vhd.j2."""

    entity: str
    layers: str
    inputs: int
    outputs: int
    pe: int
    simd: int
    steps: int
    groups: int
    latency_cycles: int
    in_bits: int
    out_bits: int
    element_bits: int
    in_signed: str
    weight_bits: int
    bias_bits: int
    acc_bits: int
    sum_bits: int
    group_width: int
    memories: tuple[MemoryView, ...]
    declarations: tuple[str, ...]
    requantizers: tuple[RequantizerView, ...]
    last: str


@dataclass(frozen=True, slots=True)
class RowsView:
    """Vocabulary of templates/vhdl/rows.vhd.j2."""

    entity: str
    row_entity: str
    layers: str
    copies: int
    in_bits: int
    out_bits: int
    total_in_bits: int
    total_out_bits: int


def render_folded(stage: Stage, entity: str) -> dict[str, str]:
    """The entities of a folded stage, by name; the last one is the stage's own."""
    kernel = stage.kernel
    assert isinstance(kernel, FoldedKernel)
    row_entity = entity if kernel.copies == 1 else f"{entity}_row"
    files = {row_entity: render("vhdl/folded.vhd.j2", _view(stage, kernel, row_entity))}
    if kernel.copies > 1:
        layers = printable(stage.layers)
        in_bits, out_bits = stage.source.bits // kernel.copies, stage.target.bits // kernel.copies
        totals = (stage.source.bits, stage.target.bits)
        view = RowsView(entity, row_entity, layers, kernel.copies, in_bits, out_bits, *totals)
        files[entity] = render("vhdl/rows.vhd.j2", view)
    return files


def weight_words(kernel: FoldedKernel) -> list[list[int]]:
    """Weights in the order in which the neurons read them: one row a step, element pe * SIMD + simd."""
    inputs, outputs = kernel.weights.shape
    blocks = kernel.weights.reshape(inputs // kernel.simd, kernel.simd, outputs // kernel.pe, kernel.pe)
    ordered: IntArray = blocks.transpose(2, 0, 3, 1).reshape(kernel.steps, -1)
    return [[int(w) for w in row] for row in ordered]


def _view(stage: Stage, kernel: FoldedKernel, entity: str) -> FoldedView:
    inputs, outputs = kernel.weights.shape
    weight_bits, bias_bits = _signed_bits(kernel.weights), _signed_bits(kernel.bias)
    words = [packed(row, weight_bits) for row in weight_words(kernel)]
    biases = [packed(group, bias_bits) for group in kernel.bias.reshape(kernel.groups, kernel.pe).tolist()]
    word_bits, bias_word_bits = weight_bits * kernel.pe * kernel.simd, bias_bits * kernel.pe
    memories = [
        MemoryView("WEIGHTS", len(words), word_bits, memory(words, word_bits)),
        MemoryView("BIASES", len(biases), bias_word_bits, memory(biases, bias_word_bits)),
    ]
    group_bits = max(1, (kernel.groups - 1).bit_length())
    sum_codes = kernel.requantizers[0].source if kernel.requantizers else stage.target.codes
    acc_bits = CodeRange(min(kernel.accumulator.low, -1), kernel.accumulator.high).width_bits
    declarations = [
        f"signal accumulators : std_ulogic_vector({kernel.pe * acc_bits - 1} downto 0);",
        f"signal sums_data : std_ulogic_vector({kernel.pe * sum_codes.width_bits - 1} downto 0);",
        "signal sums_valid : std_ulogic;",
        f"signal sums_group : std_ulogic_vector({group_bits - 1} downto 0);",
    ]
    lanes = [[group * kernel.pe + pe for group in range(kernel.groups)] for pe in range(kernel.pe)]
    views: list[RequantizerView] = []
    last = "sums"
    for number, requantizer in enumerate(kernel.requantizers):
        view = view_requantizer(requantizer, f"rounded_{number}", last, lanes, group_bits)
        memories += view.memories
        declarations += view.declarations
        views.append(view)
        last = view.name
    return FoldedView(
        entity=entity,
        layers=printable(stage.layers),
        inputs=inputs,
        outputs=outputs,
        pe=kernel.pe,
        simd=kernel.simd,
        steps=kernel.steps,
        groups=kernel.groups,
        latency_cycles=stage.latency_cycles,
        in_bits=stage.source.bits // kernel.copies,
        out_bits=stage.target.bits // kernel.copies,
        element_bits=stage.source.element_bits,
        in_signed=boolean(stage.source.codes.signed),
        weight_bits=weight_bits,
        bias_bits=bias_bits,
        acc_bits=acc_bits,
        sum_bits=sum_codes.width_bits,
        group_width=kernel.pe * stage.target.element_bits,
        memories=tuple(memories),
        declarations=tuple(declarations),
        requantizers=tuple(views),
        last=last,
    )


def _signed_bits(codes: IntArray) -> int:
    return CodeRange(min(-1, int(np.min(codes))), max(0, int(np.max(codes)))).width_bits
