# SPDX-License-Identifier: Apache-2.0
"""ScatterElements and ScatterND with computed indices: every update is compared with every place it can reach."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import Site
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.numerics.integers import IntArray


@dataclass(frozen=True)
class _Arrivals:
    """Data and updates as three axes: rows by themselves, places or updates, what moves together.

    Args:
        data: shape (rows, places, inner).
        updates: shape (rows, updates, inner).
        hits: 1 where an update goes to a place, shape (rows, updates, places, inner or 1).
    """

    data: str
    updates: str
    hits: str


def scatter_computed(site: Site) -> None:
    """Every element of the result gets the updates that go there, one after another."""
    reduction = site.text("reduction", "none")
    if reduction not in ("none", "add", "mul", "max", "min"):
        raise MalformedModelError(f"reduction '{reduction:.20}' does not exist")
    shape = site.shape_of(0)
    data, fresh = site.tensor(0), site.tensor(2)
    if site.op_type == "ScatterND":
        result = _combined(site, _of_slices(site, data, fresh), reduction)
        site.deliver(Reshape(shape), result)
        return
    arrivals, places = _of_elements(site, data, fresh)
    result = _combined(site, arrivals, reduction)
    index: IntArray = np.arange(prod(shape))
    index[places.reshape(-1)] = prod(shape) + np.arange(places.size)
    if np.all(index >= prod(shape)):
        site.deliver(Arrange((index - prod(shape)).reshape(shape), np.zeros(0), kind="scatter"), result)
    else:
        site.deliver(Arrange(index.reshape(shape), np.zeros(0), kind="scatter"), (data, result))


def _of_elements(site: Site, data: str, updates: str) -> tuple[_Arrivals, IntArray]:
    """Updates keep their position but for one axis; also the positions of the elements that they can reach."""
    shape, given = site.shape_of(0), site.shape(1)
    rank, axis = len(shape), site.integer("axis", 0)
    fits = -rank <= axis < rank == len(given) and given == site.shape_of(2)
    if not fits or any(g > s for i, (g, s) in enumerate(zip(given, shape, strict=True)) if i != axis % rank):
        raise MalformedModelError(f"indices of shape {list(given)} along axis {axis} do not fit its operands")
    axis %= rank
    kept = tuple(slice(s if i == axis else g) for i, (g, s) in enumerate(zip(given, shape, strict=True)))
    rows, inner = prod(given[:axis]), prod(given[axis + 1 :])
    places: IntArray = np.arange(prod(shape)).reshape(shape)[kept].reshape(rows, shape[axis], inner)
    part = site.apply(Arrange(places, np.zeros(0), kind="reached"), data, "reached")
    fresh = site.apply(Reshape((rows, given[axis], inner)), updates, "updates")
    hits = _hits(site, site.value(1), (rows, given[axis], 1, inner), shape[axis], "hits")
    return _Arrivals(part, fresh, hits), places


def _of_slices(site: Site, data: str, updates: str) -> _Arrivals:
    """The last axis of the indices names a place along the first axes of the data."""
    shape, given, fresh = site.shape_of(0), site.shape(1), site.shape_of(2)
    depth = given[-1] if given else 0
    if not 1 <= depth <= len(shape) or fresh != (*given[:-1], *shape[depth:]):
        raise MalformedModelError(f"indices of shape {list(given)} do not fit its operands")
    count, sizes = prod(given[:-1]), shape[:depth]
    places, inner = prod(sizes), prod(shape[depth:])
    bits = []
    for i, size in enumerate(sizes):
        column = np.arange(prod(given)).reshape(count, depth)[:, i]
        index = site.apply(Arrange(column.copy(), np.zeros(0), kind="column"), site.value(1), f"index_{i}")
        hits = _hits(site, index, (1, count, 1, 1), size, f"hits_{i}")
        digit = np.unravel_index(np.arange(places), sizes)[i]
        spread = np.arange(count * size).reshape(1, count, size, 1)[:, :, digit]
        bits.append(site.apply(Arrange(spread, np.zeros(0), kind="digits"), hits, f"digit_{i}"))
    hits = bits[0] if depth == 1 else site.apply(Extreme(greatest=False), tuple(bits), "hits")
    table = site.apply(Reshape((1, places, inner)), data, "table")
    return _Arrivals(table, site.apply(Reshape((1, count, inner)), updates, "updates"), hits)


def _hits(site: Site, index: str, shape: tuple[int, int, int, int], size: int, suffix: str) -> str:
    """1 where an index names a place, counted from the front or from the end; places take the third axis."""
    column = site.apply(Reshape(shape), index, f"{suffix}_index")
    numbers = np.arange(float(size)).reshape(size, 1)
    equal = Compare(Relation.EQUAL)
    front, back = (
        site.apply(equal, (column, site.constant(places, f"{suffix}_{name}_places")), f"{suffix}_{name}")
        for name, places in (("front", numbers), ("back", numbers - size))
    )
    return site.apply(Extreme(greatest=True), (front, back), suffix)


def _combined(site: Site, arrivals: _Arrivals, reduction: str) -> str:
    """The data after all updates, in the shape (rows, places, inner)."""
    rows, count, inner = site.shape_of_value(arrivals.updates)
    places = site.shape_of_value(arrivals.data)[1]
    fresh = site.apply(Reshape((rows, count, 1, inner)), arrivals.updates, "arriving")
    if reduction in ("none", "mul"):
        value = arrivals.data
        for i in range(count):
            hits, update = (_row(site, name, i) for name in (arrivals.hits, fresh))
            if reduction == "none":
                value = site.apply(Select(), (hits, update, value), "replaced")
            else:
                factor = site.apply(Select(), (hits, update, site.constant(np.ones(()), "one")), "factor")
                value = site.apply(Multiply(), (value, factor), "multiplied")
        return value
    old = site.apply(Reshape((rows, 1, places, inner)), arrivals.data, "old")
    neutral = site.constant(np.zeros(()), "nothing") if reduction == "add" else old
    taken = site.apply(Select(), (arrivals.hits, fresh, neutral), "taken")
    kinds = {"add": Reduction.SUM, "max": Reduction.MAXIMUM, "min": Reduction.MINIMUM}
    total = site.apply(Reduce(kinds[reduction], (-3,)), taken, "total")
    op = Add() if reduction == "add" else Extreme(greatest=reduction == "max")
    return site.apply(Reshape((rows, places, inner)), site.apply(op, (old, total), reduction), "combined")


def _row(site: Site, value: str, index: int) -> str:
    """All about one update: its axis is dropped."""
    shape = site.shape_of_value(value)
    numbers = np.arange(prod(shape)).reshape(shape)[:, index]
    return site.apply(Arrange(numbers.copy(), np.zeros(0), kind="update"), value, "update")
