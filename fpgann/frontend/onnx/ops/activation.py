# SPDX-License-Identifier: Apache-2.0
"""Relu, Sigmoid and Tanh."""

from __future__ import annotations

from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function

_FUNCTIONS = {"Relu": Function.RELU, "Sigmoid": Function.SIGMOID, "Tanh": Function.TANH}


@IMPORTERS.register(*((STANDARD, op_type) for op_type in _FUNCTIONS))
def import_activation(site: Site) -> None:
    """One scalar function on every element."""
    site.deliver(Activation(_FUNCTIONS[site.op_type]), site.value(0))
