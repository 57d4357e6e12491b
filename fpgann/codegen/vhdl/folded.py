# SPDX-License-Identifier: Apache-2.0
"""Folded layers: neurons, their memories, requantizers, gathering."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.literals import boolean, memory, packed
from fpgann.codegen.vhdl.requantizers import (
    MemoryView,
    RequantizerView,
    dsp_style,
    memory_style,
    view_requantizer,
)
from fpgann.hardware.code_book import code_book
from fpgann.hardware.design import FoldedKernel, Stage
from fpgann.hardware.loading import AddressMap, weight_rows
from fpgann.hardware.names import printable
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True)
class LoadView:
    """How weights are loaded, with addresses in words of 32 bits."""

    is_possible: bool
    address_bits: int = 1
    words: int = 1
    data_bits: int = 32
    weights_base: int = 0
    biases_base: int = 0


@dataclass(frozen=True, slots=True)
class ShareView:
    """How a layer uses neurons that others use too."""

    is_shared: bool
    pause_cycles: int = 0
    input_bits: int = 1
    request_bits: int = 1
    sum_bits: int = 1


@dataclass(frozen=True, slots=True)
class FoldedView:
    """Vocabulary of templates/vhdl/folded.vhd.j2."""

    entity: str
    layers: str
    array: str
    inputs: int
    outputs: int
    pe: int
    simd: int
    steps: int
    wires: tuple[str, ...]
    items: str
    results: str
    is_cut: bool
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
    generics: tuple[str, ...]
    load: LoadView
    share: ShareView
    is_gathered: bool


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
    load: LoadView


def render_folded(stage: Stage, entity: str, loading: AddressMap | None) -> dict[str, str]:
    """The entities of a folded stage, by name; the last one is the stage's own.

    Args:
        stage: the stage.
        entity: name of its entity.
        loading: addresses of the weights that are loaded at run time, if the design has such.
    """
    kernel = stage.kernel
    assert isinstance(kernel, FoldedKernel)
    load = _load(stage, loading)
    row_entity = entity if kernel.copies == 1 else f"{entity}_row"
    files = {row_entity: render("vhdl/folded.vhd.j2", _view(stage, kernel, row_entity, load))}
    if kernel.copies > 1:
        layers = printable(stage.layers)
        in_bits, out_bits = stage.source.bits // kernel.copies, stage.target.bits // kernel.copies
        totals = (stage.source.bits, stage.target.bits)
        view = RowsView(entity, row_entity, layers, kernel.copies, in_bits, out_bits, *totals, load)
        files[entity] = render("vhdl/rows.vhd.j2", view)
    return files


def _load(stage: Stage, loading: AddressMap | None) -> LoadView:
    windows = [] if loading is None else [layer for layer in loading.layers if layer.name == stage.name]
    if loading is None or not windows:
        return LoadView(is_possible=False)
    (layer,) = windows
    return LoadView(
        is_possible=True,
        address_bits=loading.address_bits - 2,
        words=loading.load_words,
        data_bits=32 * loading.load_words,
        weights_base=layer.weights.base // 4,
        biases_base=layer.biases.base // 4,
    )


def _view(stage: Stage, kernel: FoldedKernel, entity: str, load: LoadView) -> FoldedView:
    inputs, outputs = kernel.weights.shape
    weight_bits, bias_bits = kernel.weight_bits, kernel.bias_bits
    book = code_book(kernel)
    lane_bits = weight_bits if book is None else book.index_bits
    rows = weight_rows(kernel.weights, kernel.pe, kernel.simd) if book is None else book.indices
    words = [packed(row, lane_bits) for row in rows.tolist()]
    biases = [packed(group, bias_bits) for group in kernel.bias.reshape(kernel.groups, kernel.pe).tolist()]
    word_bits, bias_word_bits = lane_bits * kernel.pe * kernel.simd, bias_bits * kernel.pe
    memories = [
        MemoryView("WEIGHTS", len(words), word_bits, memory(words, word_bits)),
        MemoryView("BIASES", len(biases), bias_word_bits, memory(biases, bias_word_bits)),
    ]
    book_lines: tuple[str, ...] = ()
    if book is not None:
        values = [packed([value], weight_bits) for value in book.values.tolist()]
        memories.append(MemoryView("BOOK", len(values), weight_bits, memory(values, weight_bits)))
        book_lines = (f"BOOK_SIZE    => {len(values)}", "BOOK         => BOOK")
    group_bits = max(1, (kernel.groups - 1).bit_length())
    sum_codes = kernel.requantizers[0].source if kernel.requantizers else stage.target.codes
    own_bits = CodeRange(min(kernel.accumulator.low, -1), kernel.accumulator.high).width_bits
    acc_bits = own_bits if kernel.shared is None else kernel.shared.sum_bits
    declarations = [
        *([] if kernel.shared else [f"signal accumulators : std_ulogic_vector({kernel.pe * acc_bits - 1} downto 0);"]),
        f"signal sums_data : std_ulogic_vector({kernel.pe * sum_codes.width_bits - 1} downto 0);",
        "signal sums_valid : std_ulogic;",
        f"signal sums_group : std_ulogic_vector({group_bits - 1} downto 0);",
    ]
    wires = _wires(kernel, stage.source.element_bits)
    if wires:
        ring_bits = kernel.ring_elements * stage.source.element_bits
        declarations.append(f"signal items : std_ulogic_vector({ring_bits - 1} downto 0);")
    if kernel.idle_outputs:
        result_bits = outputs * stage.target.element_bits
        declarations.append(f"signal results : std_ulogic_vector({result_bits - 1} downto 0);")
    views: list[RequantizerView] = []
    last = "sums"
    for number, requantizer in enumerate(kernel.requantizers):
        view = view_requantizer(requantizer, f"rounded_{number}", last, kernel.lanes, group_bits)
        memories += view.memories
        declarations += view.declarations
        views.append(view)
        last = view.name
    return FoldedView(
        entity=entity,
        layers=printable(stage.layers),
        array=_array(kernel),
        inputs=inputs,
        outputs=outputs,
        pe=kernel.pe,
        simd=kernel.simd,
        steps=kernel.steps,
        wires=wires,
        items="items" if wires else "in_data",
        results="results" if kernel.idle_outputs else "out_data",
        is_cut=kernel.idle_outputs > 0,
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
        generics=(
            *book_lines,
            *([] if kernel.shared else dsp_style(kernel.multipliers)),
            *memory_style("ROM_STYLE" if kernel.loadable is None else "RAM_STYLE", kernel.memory),
        ),
        load=load,
        share=_share(kernel),
        is_gathered=kernel.is_gathered,
    )


def _share(kernel: FoldedKernel) -> ShareView:
    if kernel.shared is None:
        return ShareView(is_shared=False)
    array = kernel.shared
    return ShareView(True, kernel.pause_cycles, array.in_bits, array.request_bits, array.pe * array.sum_bits)


def _array(kernel: FoldedKernel) -> str:
    """The entity with the neurons."""
    if kernel.loadable is not None:
        return "fpgann_dense_loadable"
    if kernel.shared is not None:
        return "fpgann_dense_member"
    return "fpgann_depthwise_folded" if kernel.parts > 1 else "fpgann_dense_folded"


def _ring(kernel: FoldedKernel) -> list[int | None]:
    """Which input of the layer each element that passes by the neurons is; None for one that only idle products see."""
    inputs = kernel.inputs
    if kernel.parts == 1:
        return [*range(inputs), *[None] * kernel.idle_inputs]
    found: list[int | None] = []
    for step in range(kernel.steps):
        group, fold = divmod(step, kernel.folds)
        for neuron in range(kernel.pe):
            output = group * kernel.pe + neuron
            part = output * kernel.parts // kernel.outputs
            taps = range(fold * kernel.simd, (fold + 1) * kernel.simd)
            found += [part * inputs + tap if output < kernel.outputs and tap < inputs else None for tap in taps]
    return found


def _wires(kernel: FoldedKernel, bits: int) -> tuple[str, ...]:
    """Assignments of runs of elements to `items`; none where the inputs pass by as they come."""
    ring = _ring(kernel)
    if ring == list(range(kernel.inputs * kernel.parts)):
        return ()
    lines, start = [], 0
    while start < len(ring):
        end, first = start + 1, ring[start]
        while end < len(ring) and ring[end] == (None if first is None else first + end - start):
            end += 1
        target = f"items({end * bits - 1} downto {start * bits})"
        if first is None:
            lines.append(f"{target} <= (others => '0');")
        else:
            lines.append(f"{target} <= in_data({(first + end - start) * bits - 1} downto {first * bits});")
        start = end
    return tuple(lines)
