# SPDX-License-Identifier: Apache-2.0
"""What the user decides about the hardware."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from fpgann.hardware.names import identifier
from fpgann.kernel.matrix_product import Effort


class Strategy(enum.Enum):
    """How a layer's kernel is built."""

    AUTO = "auto"
    UNROLLED = "unrolled"
    FOLDED = "folded"


class Io(enum.Enum):
    """Interfaces of the top entity."""

    PARALLEL = "parallel"
    STREAM = "stream"


class TernaryAdders(enum.Enum):
    """How an adder of three operands is written."""

    PORTABLE = "portable"
    """As logic and a sum that every tool understands."""
    CARRY4 = "carry4"
    """LUT6_2 and CARRY4 of AMD's 7 series by name, where a register follows."""
    CARRY8 = "carry8"
    """LUT6_2 and CARRY8 of AMD's UltraScale and later by name, where a register follows."""


class Weights(enum.Enum):
    """How long weights and biases hold."""

    CONSTANT = "constant"
    """Part of the circuit."""
    RUNTIME = "runtime"
    """In memories that are written over AXI4-Lite."""


class Recurrences(enum.Enum):
    """How the steps of a recurrence are built."""

    UNROLLED = "unrolled"
    """A circuit for every step: a new sequence can start before the last one is done."""
    FOLDED = "folded"
    """One circuit for all steps, with registers for the states."""


class Rows(enum.Enum):
    """How what a network does alike for every point, node or token is built."""

    UNROLLED = "unrolled"
    """A circuit for every row."""
    FOLDED = "folded"
    """One circuit for all rows, one after another."""


class Multipliers(enum.Enum):
    """What multipliers are made of."""

    AUTO = "auto"
    """Left to synthesis: blocks for all but small products."""
    DSP = "dsp"
    LUT = "lut"


class Memory(enum.Enum):
    """Where constant memories are kept."""

    AUTO = "auto"
    """By size, as synthesis does."""
    BLOCK = "block"
    DISTRIBUTED = "distributed"
    """In LUTs."""
    REGISTERS = "registers"
    """As logic: no memory of any kind."""


@dataclass(frozen=True, slots=True)
class LayerOptions:
    """Options of one layer; None leaves the choice to the compiler.

    Args:
        strategy: form of the kernel.
        reuse_factor: multiplications that share one multiplier, at most; folded kernels only.
        weights: how long its weights hold; None takes the choice for the design.
        multipliers: what its multipliers are made of; folded kernels and tables only.
        memory: where its constant memories are kept; likewise.
    """

    strategy: Strategy = Strategy.AUTO
    reuse_factor: int | None = None
    weights: Weights | None = None
    multipliers: Multipliers = Multipliers.AUTO
    memory: Memory = Memory.AUTO


@dataclass(frozen=True, slots=True)
class HardwareOptions:
    """Options of a design.

    Args:
        default: options of every layer that has none of its own.
        layers: options by layer name (the name in the model, or its HDL identifier).
        adders_per_stage: adders in a row between two pipeline registers of an unrolled kernel.
        io: interfaces of the top entity.
        stream_width_bits: width of tdata of AXI4-Stream; None takes one element a beat.
        weights: how long weights hold, of layers that do not say.
        ternary_adders: how adders of three operands are written.
        effort: how long to search for fewer adders.
        recurrence: how the steps of recurrences are built.
        rows: how rows are built that are computed alike.
        noise: inputs that generators of normal random numbers drive, each with its seed.
    """

    default: LayerOptions = LayerOptions()
    layers: Mapping[str, LayerOptions] = field(default_factory=dict)
    adders_per_stage: int = 2
    io: Io = Io.PARALLEL
    stream_width_bits: int | None = None
    weights: Weights = Weights.CONSTANT
    ternary_adders: TernaryAdders = TernaryAdders.PORTABLE
    effort: Effort = Effort.DEFAULT
    recurrence: Recurrences = Recurrences.UNROLLED
    rows: Rows = Rows.UNROLLED
    noise: Mapping[str, int] = field(default_factory=dict)

    def key_of(self, layer: str) -> str | None:
        """The name under which a layer has options of its own: that in the model, or its HDL identifier."""
        return next((key for key in (layer, identifier(layer, "layer")) if key in self.layers), None)

    def weights_of(self, layer: str) -> Weights:
        """How long the weights of a layer hold."""
        key = self.key_of(layer)
        return (None if key is None else self.layers[key].weights) or self.weights
