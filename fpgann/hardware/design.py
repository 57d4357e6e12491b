# SPDX-License-Identifier: Apache-2.0
"""A design: stages joined by streams, with predicted latency and initiation interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from fpgann.hardware.neurons import Loadable, Share, SharedArray
from fpgann.hardware.noise import Noise
from fpgann.hardware.options import Memory, Multipliers, Strategy
from fpgann.hardware.wiring import WiringKernel
from fpgann.ir import Graph
from fpgann.kernel.pipelining import PipelinedNetlist
from fpgann.kernel.requantize import (
    FEW_STEPS,
    Form,
    LinesForm,
    MultiplyForm,
    RunsForm,
    ShiftForm,
    TableForm,
    ThresholdForm,
)
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation


@dataclass(frozen=True, slots=True)
class Stream:
    """All elements of one tensor side by side, element 0 in the low bits, valid for one cycle.

    Args:
        name: HDL name of the stream.
        value: name of the graph value it carries.
        elements: number of elements, row-major.
        codes: range of every element.
        delay_cycles: clock cycles from the acceptance of an input until this stream is valid.
    """

    name: str
    value: str
    elements: int
    codes: CodeRange
    delay_cycles: int

    @property
    def element_bits(self) -> int:
        """Bits of one element."""
        return self.codes.width_bits

    @property
    def bits(self) -> int:
        """Bits of all elements."""
        return self.elements * self.element_bits


@dataclass(frozen=True, slots=True)
class Requantizer:
    """One staircase in hardware, as a pipeline of library entities.

    Args:
        form: how it is computed.
        source: codes that enter.
        target: codes that leave.
        multipliers: what its multiplier is made of.
        memory: where its tables are kept.
    """

    form: Form
    source: CodeRange
    target: CodeRange
    multipliers: Multipliers = Multipliers.AUTO
    memory: Memory = Memory.AUTO

    @property
    def is_search(self) -> bool:
        """Whether the thresholds are searched rather than compared side by side."""
        return isinstance(self.form, ThresholdForm) and self.form.steps > FEW_STEPS

    @property
    def has_parameters(self) -> bool:
        """Whether each channel brings numbers of its own to a shared data path."""
        if isinstance(self.form, MultiplyForm | LinesForm):
            return len(self.form.factor) > 1
        return isinstance(self.form, ThresholdForm) and not self.is_search and len(self.form.staircases) > 1

    @property
    def search_bits(self) -> int:
        """Comparisons of a search."""
        assert isinstance(self.form, ThresholdForm | RunsForm)
        return max(1, self.form.steps.bit_length())

    @property
    def latency_cycles(self) -> int:
        """Latency of the library entity (the headers in hdl/ say the same)."""
        match self.form:
            case ShiftForm():
                return 1
            case MultiplyForm() | TableForm():
                return 3
            case ThresholdForm():
                return self.search_bits + 1 if self.is_search else 2
            case RunsForm():
                return self.search_bits + 2
            case LinesForm():
                return 4
            case Interpolation(uniform=uniform):
                return 5 if uniform else 7


@dataclass(frozen=True, slots=True)
class UnrolledKernel:
    """Every operation is a circuit of its own; a new item each cycle.

    Args:
        pipeline: the registered netlist.
        carry_cell: bits of the carry cells of AMD's devices that adders of three operands name; None for none.
    """

    pipeline: PipelinedNetlist
    carry_cell: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FoldedKernel:
    """An array of multiply-accumulate neurons with weights in memory.

    Where neurons or multipliers do not divide the layer, zeros fill up the last round.

    Args:
        weights: codes, shape (inputs, outputs), with the zeros.
        bias: codes, shape (outputs,), likewise.
        pe: neurons side by side.
        simd: multipliers of a neuron.
        accumulator: range of the sums.
        requantizers: staircases that follow each neuron.
        copies: how many independent rows of a tensor are processed side by side.
        loadable: what weights and biases may become at run time; None if they are constant.
        multipliers: what its multipliers are made of.
        memory: where its constant weights are kept.
        idle_inputs: how many inputs of `weights` the layer does not have, at the end.
        idle_outputs: likewise.
        parts: equal parts of the inputs, each read by as many outputs in their order; above 1 every neuron has inputs
            of its own.
        shared: the neurons, where other layers use them too.
        pause_cycles: how long an item waits for them.
    """

    weights: IntArray
    bias: IntArray
    pe: int
    simd: int
    accumulator: CodeRange
    requantizers: tuple[Requantizer, ...]
    copies: int
    loadable: Loadable | None = None
    multipliers: Multipliers = Multipliers.AUTO
    memory: Memory = Memory.AUTO
    idle_inputs: int = 0
    idle_outputs: int = 0
    parts: int = 1
    shared: SharedArray | None = None
    pause_cycles: int = 0

    def sharing(self, share: Share) -> FoldedKernel:
        """The same layer on neurons that others use too."""
        kernel = self.folded(share.array.pe, share.array.simd)
        return replace(kernel, shared=share.array, pause_cycles=share.pause_cycles)

    def folded(self, pe: int, simd: int) -> FoldedKernel:
        """The same layer on so many neurons with so many multipliers each."""
        inputs, outputs = self.inputs, self.outputs
        idle = -inputs % simd, -outputs % pe
        filled = np.pad(self.weights[:inputs, :outputs], ((0, idle[0]), (0, idle[1])))
        bias = np.pad(self.bias[:outputs], (0, idle[1]))
        return replace(self, weights=filled, bias=bias, pe=pe, simd=simd, idle_inputs=idle[0], idle_outputs=idle[1])

    @property
    def inputs(self) -> int:
        """Inputs that each output of the layer has."""
        return int(self.weights.shape[0]) - self.idle_inputs

    @property
    def outputs(self) -> int:
        """Outputs of the layer."""
        return int(self.weights.shape[1]) - self.idle_outputs

    @property
    def ring_elements(self) -> int:
        """Inputs that pass by the neurons."""
        return int(self.weights.size if self.parts > 1 else self.weights.shape[0])

    @property
    def lanes(self) -> list[list[int]]:
        """For each neuron, the outputs that it computes one after another; idle ones take the numbers of the last."""
        last = self.outputs - 1
        return [[min(last, group * self.pe + pe) for group in range(self.groups)] for pe in range(self.pe)]

    @property
    def multiplier_count(self) -> int:
        """Multipliers of all neurons."""
        return self.pe * self.simd * self.copies

    @property
    def multiplications(self) -> int:
        """Products of an item, without those of the zeros."""
        return self.inputs * self.outputs * self.copies

    @property
    def weight_bits(self) -> int:
        """Bits of a (signed) weight in memory."""
        if self.shared is not None:
            return self.shared.weight_bits
        return _signed_bits(self.weights) if self.loadable is None else self.loadable.weights.width_bits

    @property
    def bias_bits(self) -> int:
        """Bits of a (signed) bias in memory."""
        if self.shared is not None:
            return self.shared.bias_bits
        return _signed_bits(self.bias) if self.loadable is None else self.loadable.biases.width_bits

    @property
    def folds(self) -> int:
        """Cycles of one sum."""
        return int(self.weights.shape[0]) // self.simd

    @property
    def groups(self) -> int:
        """Sums that one neuron computes for an item."""
        return int(self.weights.shape[1]) // self.pe

    @property
    def steps(self) -> int:
        """Cycles of an item: the reuse factor."""
        return self.folds * self.groups

    @property
    def is_gathered(self) -> bool:
        """Whether outputs wait for each other in registers of their own."""
        return self.shared is None or self.groups > 1

    @property
    def latency_cycles(self) -> int:
        """From the inputs to all outputs: products and sums, staircases, gathering."""
        staircases = sum(r.latency_cycles + r.has_parameters for r in self.requantizers)
        return self.pause_cycles + self.steps + (2 if self.simd == 1 else 3) + staircases + self.is_gathered


def _signed_bits(codes: IntArray) -> int:
    return CodeRange(min(-1, int(codes.min())), max(0, int(codes.max()))).width_bits


@dataclass(frozen=True, slots=True)
class PointwiseKernel:
    """One staircase on every element, each in a circuit of its own.

    Args:
        requantizer: the staircase.
        channels: channel of each element.
    """

    requantizer: Requantizer
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentKernel:
    """A pipeline that runs once per step, and registers for what it reads.

    Args:
        graph: one step.
        core: its pipeline; its inputs are states, slices, what every step reads; its outputs the new states, and what
            is stacked.
        starts: for each input of the core, where its elements start among those of all sources.
        states: how many inputs are states.
        scanned: how many inputs are slices, those of all steps one after another.
        steps: how many steps there are.
        delivered: the state whose last value is delivered; None for the stack.

    Without states a step starts as soon as the pipeline takes it, else when the step before is done.
    """

    graph: Graph
    core: Design
    starts: tuple[int, ...]
    states: int
    scanned: int
    steps: int
    delivered: int | None

    @property
    def step_cycles(self) -> int:
        """Cycles from one step to the next."""
        return self.core.interval_cycles if self.states == 0 else self.core.latency_cycles

    @property
    def interval_cycles(self) -> int:
        """Cycles of all steps."""
        return self.steps * self.step_cycles

    @property
    def latency_cycles(self) -> int:
        """Operands are stored, then steps computed, then the last result is stored."""
        return 1 + (self.steps - 1) * self.step_cycles + self.core.latency_cycles + 1


@dataclass(frozen=True, slots=True, eq=False)
class StepKernel:
    """A pipeline whose states stay between items: each item is a slice, and brings the result of its step.

    Args:
        graph: one step.
        core: its pipeline; its inputs are states, then the slice; its outputs the new states, then the result.
        steps: items after which states are zero again.
    """

    graph: Graph
    core: Design
    steps: int

    @property
    def states(self) -> int:
        """How many states there are."""
        return len(self.core.inputs) - 1

    @property
    def latency_cycles(self) -> int:
        """Cycles of a step, and from one to the next: it reads what the one before found."""
        return self.core.latency_cycles


Kernel: TypeAlias = UnrolledKernel | FoldedKernel | PointwiseKernel | WiringKernel | RecurrentKernel | StepKernel


@dataclass(frozen=True, slots=True)
class Stage:
    """One entity of the design.

    Args:
        name: HDL name.
        layers: graph nodes it computes, the one that names it first.
        op: operator stem of the naming node.
        kernel: what it computes.
        sources: streams it reads, each once.
        waits: cycles by which each source is delayed, so that all are valid together.
        target: stream it drives.
        latency_cycles: cycles from in_valid to out_valid.
        interval_cycles: least distance of items that it can take.
        strategy: form of its kernel.
    """

    name: str
    layers: tuple[str, ...]
    op: str
    kernel: Kernel
    sources: tuple[Stream, ...]
    waits: tuple[int, ...]
    target: Stream
    latency_cycles: int
    interval_cycles: int
    strategy: Strategy

    @property
    def source(self) -> Stream:
        """The only source."""
        (stream,) = self.sources
        return stream

    @property
    def is_joined(self) -> bool:
        """Whether sources must be put side by side, or one of them be delayed."""
        return len(self.sources) > 1 or any(self.waits)

    @property
    def in_elements(self) -> int:
        """Elements of all sources."""
        return sum(stream.elements for stream in self.sources)

    @property
    def in_bits(self) -> int:
        """Bits of all sources."""
        return sum(stream.bits for stream in self.sources)

    def fields(self) -> list[tuple[int, CodeRange]]:
        """Lowest bit and range of each element of all sources side by side."""
        found, position = [], 0
        for stream in self.sources:
            for _ in range(stream.elements):
                found.append((position, stream.codes))
                position += stream.element_bits
        return found


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the top entity.

    Args:
        name: HDL name of the port's data.
        model_name: name in the model.
        stream: the stream behind it.
        wait_cycles: registers added so that all outputs are valid together.
    """

    name: str
    model_name: str
    stream: Stream
    wait_cycles: int = 0


@dataclass(frozen=True)
class Design:
    """A pipeline with fixed latency.

    Args:
        name: HDL name of the top entity.
        inputs: ports, in the model's order.
        outputs: ports, in the model's order.
        stages: stages in the order of the data.
        latency_cycles: cycles from an accepted input to the valid outputs.
        interval_cycles: cycles from one accepted input to the next (initiation interval).
        streams: every graph value that exists as a stream.
        noise: inputs that generators drive.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    stages: tuple[Stage, ...]
    latency_cycles: int
    interval_cycles: int
    streams: Mapping[str, Stream]
    noise: tuple[Noise, ...] = ()

    @property
    def arrays(self) -> tuple[SharedArray, ...]:
        """Neurons that several stages use."""
        kernels = [stage.kernel for stage in self.stages if isinstance(stage.kernel, FoldedKernel)]
        return tuple({k.shared.name: k.shared for k in kernels if k.shared is not None}.values())
