# SPDX-License-Identifier: Apache-2.0
"""Operators that only move elements: Concat, Split, Slice, Gather, Expand, Tile, Pad and the like.

What such an operator does is found by running it on the positions of its elements: ONNX's reference evaluator gets
1, 2, 3, ... in place of data, and 0 stands for a zero that the operator puts in. They are float64 numbers, for older
operators move nothing else.
"""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Array
from fpgann.frontend.onnx.evaluate import check_size, evaluate
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.arrange import Arrange

# operator -> operands that are data; None: all of them
_MOVERS: dict[str, tuple[int, ...] | None] = {
    "Concat": None,
    "Split": (0,),
    "Slice": (0,),
    "Gather": (0,),
    "GatherElements": (0,),
    "GatherND": (0,),
    "Expand": (0,),
    "Tile": (0,),
    "Pad": (0, 2),
    "DepthToSpace": (0,),
    "SpaceToDepth": (0,),
    "Trilu": (0,),
    "ReverseSequence": (0,),
    "Compress": (0,),
    "Upsample": (0,),
}


@IMPORTERS.register(*((STANDARD, op_type) for op_type in _MOVERS))
def import_movement(site: Site) -> None:
    """Wires."""
    data = _MOVERS[site.op_type]
    move(site, data=tuple(range(len(site.node.inputs))) if data is None else data)


@IMPORTERS.register((STANDARD, "Resize"))
def import_resize(site: Site) -> None:
    """Wires, where every element of the result is one of the operand's."""
    mode, places = site.text("mode", "nearest"), site.text("coordinate_transformation_mode", "half_pixel")
    if mode != "nearest" or places == "tf_crop_and_resize":
        site.refuse(f"it interpolates (mode '{mode:.20}', {places:.40})", "resize with mode = nearest")
    move(site, data=(0,))


def move(site: Site, data: tuple[int, ...]) -> None:
    """Add one arrangement per output.

    Args:
        site: the node.
        data: operands whose elements move; all others must be constants.
    """
    positions: list[Array | None] = []
    values: list[str] = []
    constants: list[Array] = []
    for i in range(len(site.node.inputs)):
        if not site.has(i):
            positions.append(None)
        elif i not in data:
            positions.append(site.known(i, _role(i)).data)
        elif site.is_known(i):
            constant = site.known(i, "operand").reals
            start = -1.0 - sum(c.size for c in constants)
            positions.append(start - np.arange(constant.size).reshape(constant.shape))
            constants.append(constant.reshape(-1))
        else:
            shape = site.shape(i)
            start = 1.0 + sum(int(np.prod(site.shape_of_value(value))) for value in values)
            positions.append(start + np.arange(int(np.prod(shape))).reshape(shape))
            values.append(site.value(i))
    check_size(site, positions)
    for output, result in enumerate(evaluate(site, positions)):
        if site.has_output(output):
            _deliver(site, result.astype(np.int64), values, constants, output)


def _deliver(site: Site, result: Array, values: list[str], constants: list[Array], output: int) -> None:
    """Positions 1, 2, ... are elements of the values, -1, -2, ... constants, and 0 is zero."""
    if result.size == 0:
        raise MalformedModelError(f"its result of shape {list(result.shape)} is empty")
    total = sum(int(np.prod(site.shape_of_value(value))) for value in values)
    if (
        result.size == total
        and len(values) == 1
        and site.shape_of_value(values[0]) == result.shape
        and np.array_equal(result.reshape(-1), 1 + np.arange(total))
    ):
        site.alias(values[0], output)
        return
    pool = np.concatenate([np.zeros(1), *constants])
    index = np.where(result > 0, result - 1, total - result)
    used = np.unique(index[index >= total])
    places = np.where(index >= total, total + np.searchsorted(used, index), index)
    site.deliver(Arrange(places, pool[used - total], kind=site.op_type.lower()), tuple(values), output)


def _role(index: int) -> str:
    return f"operand {index}"
