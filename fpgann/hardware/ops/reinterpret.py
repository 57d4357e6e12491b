# SPDX-License-Identifier: Apache-2.0
"""Reinterpretation: the same codes, so nothing happens."""

from __future__ import annotations

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.reinterpret import Reinterpret


@BUILDERS.register(Reinterpret)
def build_reinterpret(builder: DesignBuilder, node: Node) -> None:
    """The same stream."""
    builder.alias(node)
