# SPDX-License-Identifier: Apache-2.0
"""Gather, GatherElements and GatherND at computed positions."""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import Site
from fpgann.ir import Constant, Encoding
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.gather import Gather
from fpgann.ir.ops.reshape import Reshape
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import IntArray
from fpgann.numerics.interval import CodeRange


def import_gather(site: Site) -> None:
    """Positions that are computed; the tensor itself may be a constant."""
    {"Gather": _slices, "GatherElements": _elements, "GatherND": _tuples}[site.op_type](site)


def _slices(site: Site) -> None:
    """result[o, *m, i] = x[o, position[*m], i]."""
    shape, places = site.shape_of(0), site.shape(1)
    axis = _axis(site, len(shape))
    sizes = (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
    x = _shaped(site, site.tensor(0), sizes, "table")
    position = _shaped(site, site.value(1), (1, prod(places), 1), "positions")
    _deliver(site, x, position, (*shape[:axis], *places, *shape[axis + 1 :]))


def _elements(site: Site) -> None:
    """result[o, m, i] = x[o, position[o, m, i], i]; the positions may cover less of the other axes."""
    shape, places = site.shape_of(0), site.shape(1)
    axis = _axis(site, len(shape))
    fits = len(places) == len(shape) and all(
        p <= s for i, (p, s) in enumerate(zip(places, shape, strict=False)) if i != axis
    )
    if not fits:
        raise MalformedModelError(f"indices of shape {list(places)} do not fit data of shape {list(shape)}")
    kept = tuple(s if i == axis else p for i, (p, s) in enumerate(zip(places, shape, strict=True)))
    elements: IntArray = np.arange(prod(shape)).reshape(shape)[tuple(slice(size) for size in kept)]
    outer, inner = prod(kept[:axis]), prod(kept[axis + 1 :])
    x = _moved(site, site.tensor(0), elements.reshape(outer, shape[axis], inner), "table")
    position = _shaped(site, site.value(1), (outer, places[axis], inner), "positions")
    _deliver(site, x, position, places)


def _tuples(site: Site) -> None:
    """result[b, *m, *i] = x[b, *position[b, *m], *i]: the last axis of the positions names a place along several."""
    shape, places, batch = site.shape_of(0), site.shape(1), site.integer("batch_dims", 0)
    depth = places[-1] if places else 0
    fits = 0 <= batch < min(len(shape), len(places)) and places[:batch] == shape[:batch]
    if not fits or not 1 <= depth <= len(shape) - batch:
        raise MalformedModelError(f"indices of shape {list(places)} do not fit data of shape {list(shape)}")
    outer, table = prod(shape[:batch]), shape[batch : batch + depth]
    elements: IntArray = np.arange(prod(shape)).reshape(outer, *table, -1)
    position = _shaped(site, site.value(1), (outer, prod(places[batch:-1]), depth), "positions")
    if depth == 1:
        x = _shaped(site, site.tensor(0), (outer, table[0], elements.shape[-1]), "table")
    else:
        # every place twice along each axis, so that negative indices are places as well: digit = index + size
        for axis in range(1, depth + 1):
            elements = np.concatenate([elements, elements], axis=axis)
        x = _moved(site, site.tensor(0), elements.reshape(outer, -1, elements.shape[-1]), "table")
        position = site.apply(_number(table), position, "numbers")
    _deliver(site, x, position, (*shape[:batch], *places[batch:-1], *shape[batch + depth :]))


def _number(sizes: tuple[int, ...]) -> Dense:
    """The number that digits between -size and size - 1 stand for, each shifted by its size."""
    steps = np.array([prod(2 * size for size in sizes[i + 1 :]) for i in range(len(sizes))], np.int64)
    shift = np.array([int(steps @ np.array(sizes, np.int64))], np.int64)
    weight, bias = (
        Constant(codes, Encoding.of(FixedType.holding(CodeRange(0, int(codes.max())), 0)))
        for codes in (steps.reshape(-1, 1), shift)
    )
    return Dense(weight, bias)


def _axis(site: Site, rank: int) -> int:
    axis = site.integer("axis", 0)
    if not -rank <= axis < rank:
        raise MalformedModelError(f"axis {axis} does not exist in {rank} dimensions")
    return axis % rank


def _shaped(site: Site, value: str, shape: tuple[int, ...], suffix: str) -> str:
    return value if site.shape_of_value(value) == shape else site.apply(Reshape(shape), value, suffix)


def _moved(site: Site, value: str, index: IntArray, suffix: str) -> str:
    if np.array_equal(index.reshape(-1), np.arange(prod(site.shape_of_value(value)))):
        return _shaped(site, value, index.shape, suffix)
    return site.apply(Arrange(index, np.zeros(0), kind="table"), value, suffix)


def _deliver(site: Site, x: str, position: str, shape: tuple[int, ...]) -> None:
    site.deliver(Reshape(shape), site.apply(Gather(), (x, position), "taken"))
