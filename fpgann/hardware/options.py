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
    """

    default: LayerOptions = LayerOptions()
    layers: Mapping[str, LayerOptions] = field(default_factory=dict)
    adders_per_stage: int = 2
