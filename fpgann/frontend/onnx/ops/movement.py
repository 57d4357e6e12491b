# SPDX-License-Identifier: Apache-2.0
"""Operators that only move elements: Concat, Split, Slice, Gather, Expand, Tile, Pad and the like.

What such an operator does is found by running it on the positions of its elements: ONNX's reference evaluator gets
positive numbers in place of computed data, negative ones in place of constants, and what lies between is a number that
the operator puts in. All are float64, for older operators move nothing else.
"""

from __future__ import annotations

import numpy as np

from fpgann.frontend.onnx.constants import Array, Known
from fpgann.frontend.onnx.evaluate import check_size, evaluate
from fpgann.frontend.onnx.ops.gather import import_gather
from fpgann.frontend.onnx.ops.interpolation import interpolate
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
    """Wires, but for gathering at computed positions."""
    if site.op_type.startswith("Gather") and not site.is_known(1):
        import_gather(site)
        return
    data = _MOVERS[site.op_type]
    fill = site.number("value", 0.0) if site.op_type == "Pad" and site.opset < 11 else 0.0
    move(site, tuple(range(len(site.node.inputs))) if data is None else data, fill)


@IMPORTERS.register((STANDARD, "Resize"))
def import_resize(site: Site) -> None:
    """Wires, where every element of the result is one of the operand's; constant weights with mode = linear."""
    mode, places = site.text("mode", "nearest"), site.text("coordinate_transformation_mode", "half_pixel")
    if mode == "linear" and places != "tf_crop_and_resize":
        interpolate(site)
        return
    if mode != "nearest" or places == "tf_crop_and_resize":
        site.refuse(f"it interpolates (mode '{mode:.20}', {places:.40})", "resize with mode = nearest or linear")
    move(site, data=(0,))


def move(site: Site, data: tuple[int, ...], fill: float = 0.0) -> None:
    """Add one arrangement per output.

    Args:
        site: the node.
        data: operands whose elements move; all others must be constants.
        fill: the number that the operator puts in by itself.
    """
    base = float(np.ceil(abs(fill))) + 1  # of the positions, which must not be taken for the number put in
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
            start = -base - sum(c.size for c in constants)
            positions.append(start - np.arange(constant.size).reshape(constant.shape))
            constants.append(constant.reshape(-1))
        else:
            shape = site.shape(i)
            start = base + sum(int(np.prod(site.shape_of_value(value))) for value in values)
            positions.append(start + np.arange(int(np.prod(shape))).reshape(shape))
            values.append(site.value(i))
    if site.op_type == "Pad":
        _crop(positions)
    check_size(site, positions)
    pool = np.concatenate([np.array([fill]), *constants])
    for output, result in enumerate(evaluate(site, positions)):
        if site.has_output(output):
            marks = np.where(result >= base, result - base + 1, np.where(result <= -base, result + base - 1, 0))
            _deliver(site, marks.astype(np.int64), values, pool, output)


def _crop(positions: list[Array | None]) -> None:
    """Cut off what negative widths of a Pad take away, as onnxruntime does; the rest stays to be padded."""
    data, widths = positions[0], positions[1] if len(positions) > 1 else None
    if data is None or widths is None or widths.size % 2 or not np.any(widths < 0):
        return
    axes = positions[3] if len(positions) > 3 else None
    over = range(data.ndim) if axes is None else (axes.reshape(-1) % data.ndim).tolist()
    for axis, before, after in zip(over, *np.minimum(widths.reshape(2, -1), 0), strict=False):
        data = np.take(data, range(-before, data.shape[axis] + after), axis)
    positions[0], positions[1] = data, np.maximum(widths, 0)


def _deliver(site: Site, result: Array, values: list[str], pool: Array, output: int) -> None:
    """Positions 1, 2, ... are elements of the values, 0, -1, -2, ... those of a pool of constants."""
    if result.size == 0:
        site.settle(Known(np.zeros(result.shape)), output)  # it has no elements, so nothing is computed
        return
    total = sum(int(np.prod(site.shape_of_value(value))) for value in values)
    if (
        result.size == total
        and len(values) == 1
        and site.shape_of_value(values[0]) == result.shape
        and np.array_equal(result.reshape(-1), 1 + np.arange(total))
    ):
        site.alias(values[0], output)
        return
    index = np.where(result > 0, result - 1, total - result)
    used = np.unique(index[index >= total])
    places = np.where(index >= total, total + np.searchsorted(used, index), index)
    site.deliver(Arrange(places, pool[used - total], kind=site.op_type.lower()), tuple(values), output)


def _role(index: int) -> str:
    return f"operand {index}"
