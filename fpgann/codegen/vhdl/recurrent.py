# SPDX-License-Identifier: Apache-2.0
"""Stages that run a pipeline once per step: registers around it."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.hardware.design import Port, RecurrentKernel, Stage, StepKernel, Stream
from fpgann.hardware.names import printable
from fpgann.numerics.interval import CodeRange


@dataclass(frozen=True, slots=True)
class CopyView:
    """Elements of one vector become elements of another, which are as wide or wider."""

    label: str
    elements: int
    target: str
    target_low: int
    target_bits: int
    source: str
    source_low: int
    source_bits: int
    number: str


@dataclass(frozen=True, slots=True)
class CorePortView:
    """A data port of the pipeline, and the bits that belong to it."""

    name: str
    vector: str
    high: int
    low: int


@dataclass(frozen=True, slots=True)
class RecurrentView:
    """Vocabulary of templates/vhdl/recurrent.vhd.j2."""

    entity: str
    core: str
    layers: str
    steps: int
    step_cycles: int
    latency_cycles: int
    in_bits: int
    out_bits: int
    state_bits: int
    slice_bits: int
    items_bits: int
    held_bits: int
    result_bits: int
    fresh_bits: int
    has_states: bool
    is_paced: bool
    has_items: bool
    has_held: bool
    is_stacked: bool
    is_final: bool
    entries: tuple[CopyView, ...]
    returns: tuple[CopyView, ...]
    core_inputs: tuple[CorePortView, ...]
    core_outputs: tuple[CorePortView, ...]
    delivery: CopyView


def render_recurrent(stage: Stage, entity: str, core: str) -> str:
    """The entity of a stage around a pipeline.

    Args:
        stage: the stage.
        entity: its name.
        core: entity of the pipeline.
    """
    kernel = stage.kernel
    assert isinstance(kernel, RecurrentKernel)
    inputs = [port.stream for port in kernel.core.inputs]
    states, rest = inputs[: kernel.states], inputs[kernel.states :]
    scanned, held = rest[: kernel.scanned], rest[kernel.scanned :]
    slice_bits, state_bits = sum(s.bits for s in scanned), sum(s.bits for s in states)
    outputs = [port.stream for port in kernel.core.outputs]
    delivery = _result(stage, kernel, outputs)
    return render(
        "vhdl/recurrent.vhd.j2",
        RecurrentView(
            entity=entity,
            core=core,
            layers=printable(stage.layers),
            steps=kernel.steps,
            step_cycles=kernel.step_cycles,
            latency_cycles=stage.latency_cycles,
            in_bits=stage.in_bits,
            out_bits=stage.target.bits,
            state_bits=state_bits,
            slice_bits=slice_bits,
            items_bits=slice_bits * kernel.steps,
            held_bits=sum(s.bits for s in held),
            result_bits=sum(s.bits for s in outputs),
            fresh_bits=delivery.elements * delivery.target_bits,
            has_states=bool(states),
            is_paced=not states,
            has_items=bool(scanned),
            has_held=bool(held),
            is_stacked=kernel.delivered is None,
            is_final=kernel.delivered is not None,
            entries=tuple(_entries(stage, kernel)),
            returns=tuple(_returns(outputs, states)),
            core_inputs=_core_inputs(kernel),
            core_outputs=_ports(kernel.core.outputs, "result"),
            delivery=delivery,
        ),
    )


@dataclass(frozen=True, slots=True)
class StepView:
    """Vocabulary of templates/vhdl/step.vhd.j2."""

    entity: str
    core: str
    layers: str
    steps: int
    latency_cycles: int
    in_bits: int
    out_bits: int
    state_bits: int
    slice_bits: int
    result_bits: int
    copies: tuple[CopyView, ...]
    core_inputs: tuple[CorePortView, ...]
    core_outputs: tuple[CorePortView, ...]
    delivery: CopyView


def render_step(stage: Stage, entity: str, core: str) -> str:
    """The entity of a stage whose states stay between items; see `render_recurrent`."""
    kernel = stage.kernel
    assert isinstance(kernel, StepKernel)
    *states, taken = (port.stream for port in kernel.core.inputs)
    outputs = [port.stream for port in kernel.core.outputs]
    ((low, codes), *_) = stage.fields()
    ports = kernel.core.inputs
    return render(
        "vhdl/step.vhd.j2",
        StepView(
            entity=entity,
            core=core,
            layers=printable(stage.layers),
            steps=kernel.steps,
            latency_cycles=stage.latency_cycles,
            in_bits=stage.in_bits,
            out_bits=stage.target.bits,
            state_bits=sum(s.bits for s in states),
            slice_bits=taken.bits,
            result_bits=sum(s.bits for s in outputs),
            copies=(_copy("g_slice", taken, "slice", 0, "in_data", low, codes), *_returns(outputs, states)),
            core_inputs=(*_ports(ports[:-1], "state_now"), *_ports(ports[-1:], "slice")),
            core_outputs=_ports(kernel.core.outputs, "result"),
            delivery=_delivery(stage, outputs, len(outputs) - 1),
        ),
    )


def _entries(stage: Stage, kernel: RecurrentKernel) -> list[CopyView]:
    """From the operands to the registers: states, slices of all steps, what stays."""
    fields = stage.fields()
    inputs = [port.stream for port in kernel.core.inputs]
    places = {"state": 0, "items": 0, "held": 0}
    slice_bits = sum(s.bits for s in inputs[kernel.states : kernel.states + kernel.scanned])
    copies: list[CopyView] = []
    for index, (stream, start) in enumerate(zip(inputs, kernel.starts, strict=True)):
        is_scanned = kernel.states <= index < kernel.states + kernel.scanned
        target = "state" if index < kernel.states else "items" if is_scanned else "held"
        for step in range(kernel.steps if is_scanned else 1):
            low, codes = fields[start + step * stream.elements]
            label = f"g_entry_{len(copies)}"
            place = places[target] + step * slice_bits
            copies.append(_copy(label, stream, f"entry_{target}", place, "in_data", low, codes))
        places[target] += stream.bits
    return copies


def _copy(label: str, stream: Stream, target: str, place: int, source: str, low: int, codes: CodeRange) -> CopyView:
    number = "u_signed" if codes.signed else "u_unsigned"
    return CopyView(label, stream.elements, target, place, stream.element_bits, source, low, codes.width_bits, number)


def _returns(outputs: list[Stream], states: list[Stream]) -> list[CopyView]:
    """From the results of a step to the states of the next."""
    copies, place, low = [], 0, 0
    for index, (state, result) in enumerate(zip(states, outputs, strict=False)):
        copies.append(_copy(f"g_state_{index}", state, "next_state", place, "result", low, result.codes))
        place, low = place + state.bits, low + result.bits
    return copies


def _core_inputs(kernel: RecurrentKernel) -> tuple[CorePortView, ...]:
    ports, first = kernel.core.inputs, kernel.states + kernel.scanned
    return (
        *_ports(ports[: kernel.states], "state_now"),
        *_ports(ports[kernel.states : first], "items"),
        *_ports(ports[first:], "held"),
    )


def _ports(ports: tuple[Port, ...], vector: str) -> tuple[CorePortView, ...]:
    views, low = [], 0
    for port in ports:
        views.append(CorePortView(port.name, vector, low + port.stream.bits - 1, low))
        low += port.stream.bits
    return tuple(views)


def _result(stage: Stage, kernel: RecurrentKernel, outputs: list[Stream]) -> CopyView:
    """From a result of a step to what is delivered: one value, or one of a stack."""
    return _delivery(stage, outputs, len(outputs) - 1 if kernel.delivered is None else kernel.delivered)


def _delivery(stage: Stage, outputs: list[Stream], index: int) -> CopyView:
    """From the result of that number to what is delivered of a step."""
    source, low = outputs[index], sum(stream.bits for stream in outputs[:index])
    number = "u_signed" if source.codes.signed else "u_unsigned"
    width = stage.target.element_bits
    return CopyView("g_result", source.elements, "fresh", 0, width, "result", low, source.element_bits, number)
