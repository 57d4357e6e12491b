# SPDX-License-Identifier: Apache-2.0
"""Transformations of graphs. A pass is a frozen dataclass: its fields are its options."""

from fpgann.passes.calibrate import Plan, QuantizationPoint, choose_plan
from fpgann.passes.expand_softmax import ExpandSoftmax
from fpgann.passes.fold_affine import FoldAffine
from fpgann.passes.fuse_gates import FuseGates
from fpgann.passes.hoist_quantize import HoistQuantize
from fpgann.passes.move_transposes import MoveTransposes
from fpgann.passes.quantize import Meanings, QuantizeGraph, plan_and_lower, quantization_points
from fpgann.passes.quantize_early import QuantizeEarly
from fpgann.passes.softmax_reach import within_reach
from fpgann.passes.strip_softmax import StripSoftmax

__all__ = [
    "ExpandSoftmax",
    "FoldAffine",
    "FuseGates",
    "HoistQuantize",
    "Meanings",
    "MoveTransposes",
    "Plan",
    "QuantizationPoint",
    "QuantizeEarly",
    "QuantizeGraph",
    "StripSoftmax",
    "choose_plan",
    "plan_and_lower",
    "quantization_points",
    "within_reach",
]
