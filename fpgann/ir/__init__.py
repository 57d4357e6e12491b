# SPDX-License-Identifier: Apache-2.0
"""The tensor graph between the frontends and the hardware: operators, shapes, exact types."""

from fpgann.ir.graph import Graph, GraphBuilder, Node, Value
from fpgann.ir.operator import Operator
from fpgann.ir.types import Constant, Encoding, TensorType

__all__ = ["Constant", "Encoding", "Graph", "GraphBuilder", "Node", "Operator", "TensorType", "Value"]
