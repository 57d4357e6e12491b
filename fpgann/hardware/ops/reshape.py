# SPDX-License-Identifier: Apache-2.0
"""Reshape: row-major order stays, so nothing happens."""

from __future__ import annotations

from fpgann.hardware.builder import DesignBuilder
from fpgann.hardware.tables import BUILDERS
from fpgann.ir import Node
from fpgann.ir.ops.reshape import Reshape


@BUILDERS.register(Reshape)
def build_reshape(builder: DesignBuilder, node: Node) -> None:
    """The same stream."""
    builder.alias(node)
