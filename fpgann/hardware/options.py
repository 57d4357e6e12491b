# SPDX-License-Identifier: Apache-2.0
"""What the user decides about the hardware."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Strategy(enum.Enum):
    """How a layer's kernel is built."""

    AUTO = "auto"
    UNROLLED = "unrolled"
    FOLDED = "folded"


class Io(enum.Enum):
    """Interfaces of the top entity."""

    PARALLEL = "parallel"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class LayerOptions:
    """Options of one layer; None leaves the choice to the compiler.

    Args:
        strategy: form of the kernel.
        reuse_factor: multiplications that share one multiplier, at most; folded kernels only.
    """

    strategy: Strategy = Strategy.AUTO
    reuse_factor: int | None = None


@dataclass(frozen=True, slots=True)
class HardwareOptions:
    """Options of a design.

    Args:
        default: options of every layer that has none of its own.
        layers: options by layer name (the name in the model, or its HDL identifier).
        adders_per_stage: adders in a row between two pipeline registers of an unrolled kernel.
        io: interfaces of the top entity.
        stream_width_bits: width of tdata of AXI4-Stream; None takes one element a beat.
    """

    default: LayerOptions = LayerOptions()
    layers: Mapping[str, LayerOptions] = field(default_factory=dict)
    adders_per_stage: int = 2
    io: Io = Io.PARALLEL
    stream_width_bits: int | None = None
