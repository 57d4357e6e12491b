# SPDX-License-Identifier: Apache-2.0
"""From a graph of codes to stages joined by streams."""

from fpgann.hardware.design import Design, Port, Stage, Stream
from fpgann.hardware.lowering import build_design
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy

__all__ = [
    "Design",
    "HardwareOptions",
    "LayerOptions",
    "Port",
    "Stage",
    "Strategy",
    "Stream",
    "build_design",
]
