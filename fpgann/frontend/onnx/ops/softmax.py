# SPDX-License-Identifier: Apache-2.0
"""Softmax, LogSoftmax and Hardmax."""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir import Operator
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.softmax import Softmax


@IMPORTERS.register((STANDARD, "Softmax"), (STANDARD, "LogSoftmax"), (STANDARD, "Hardmax"))
def import_softmax(site: Site) -> None:
    """One axis; before opset 13 all axes from `axis` on count as one."""
    shape = site.shape(0)
    rank = len(shape)
    axis = site.integer("axis", -1 if site.opset >= 13 else 1)
    if not -rank <= axis < max(rank, 1) or rank == 0:
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(shape)}")
    axis %= rank
    value = site.value(0)
    if site.opset >= 13 or sum(size > 1 for size in shape[axis:]) <= 1:
        long_axes = [i for i in range(axis, rank) if shape[i] > 1]
        along = axis if site.opset >= 13 or not long_axes else long_axes[0]
        _apply(site, value, along - rank)
        return
    flat = site.apply(Reshape((prod(shape[:axis]), prod(shape[axis:]))), value, "flattened")
    site.deliver(Reshape(shape), _apply(site, flat, -1, inside=True))


def _apply(site: Site, value: str, axis: int, *, inside: bool = False) -> str:
    """Softmax along one axis, as the node's output or inside it."""
    op: Operator = Softmax(axis, log=site.op_type == "LogSoftmax")
    operands: tuple[str, ...] = (value,)
    if site.op_type == "Hardmax":
        op, operands = Compare(Relation.EQUAL), _positions(site, value, axis)
    if inside:
        return site.apply(op, operands, "softmax")
    site.deliver(op, operands)
    return ""


def _positions(site: Site, value: str, axis: int) -> tuple[str, str]:
    """The position of the first maximum, and every element's own."""
    shape = site.shape_of_value(value)
    first = site.apply(ArgExtreme(greatest=True, axis=axis), value, "position")
    numbers = np.arange(shape[axis]).reshape(-1, *(1,) * (-1 - axis))
    index = np.broadcast_to(prod(site.shape_of_value(first)) + numbers, shape)
    own = site.apply(Arrange(index.copy(), np.arange(float(shape[axis])), kind="constant"), first, "own")
    return first, own
