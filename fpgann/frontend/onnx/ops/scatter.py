# SPDX-License-Identifier: Apache-2.0
"""Scatter, ScatterElements and ScatterND.

With constant indices they are wires, and operators where updates are combined; others are compared with every place.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Array
from fpgann.frontend.onnx.scatter_computed import scatter_computed
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir import Operator
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.multiply import Multiply

_COMBINED: dict[str, tuple[Operator, float]] = {
    "add": (Add(), 0.0),
    "mul": (Multiply(), 1.0),
    "max": (Extreme(greatest=True), np.nan),
    "min": (Extreme(greatest=False), np.nan),
}
"""Reduction -> operator, and what changes nothing; where that is no number the element itself stands in for it."""


@IMPORTERS.register((STANDARD, "Scatter"), (STANDARD, "ScatterElements"), (STANDARD, "ScatterND"))
def import_scatter(site: Site) -> None:
    """Every element of the result gets the updates that go there, one after another."""
    if not site.is_known(1):
        scatter_computed(site)
        return
    shape, updates = site.shape_of(0), site.shape_of(2)
    indices = site.known(1, "indices").data.astype(np.int64)
    targets = (_of_slices if site.op_type == "ScatterND" else _of_elements)(site, shape, indices, updates)
    if np.any((targets < 0) | (targets >= int(np.prod(shape)))):
        raise MalformedModelError("its indices lie outside of its data")
    reduction = site.text("reduction", "none")
    if reduction != "none" and reduction not in _COMBINED:
        raise MalformedModelError(f"reduction '{reduction:.20}' does not exist")
    arrivals: dict[int, list[int]] = defaultdict(list)  # element of the result -> updates, in order
    for update, target in enumerate(targets.tolist()):
        arrivals[target].append(update)
    data, fresh = site.tensor(0), site.tensor(2)
    start = int(np.prod(shape))  # of the updates, behind the data
    if reduction == "none":
        index = np.arange(start)
        for target, sources in arrivals.items():
            index[target] = start + sources[-1]
        site.deliver(Arrange(index.reshape(shape), np.zeros(0), kind=site.op_type.lower()), (data, fresh))
        return
    op, neutral = _COMBINED[reduction]
    value = data
    for layer in range(max(map(len, arrivals.values()), default=0)):
        # the element itself, or a constant behind the updates, where nothing arrives any more
        index = np.arange(start) if np.isnan(neutral) else np.full(start, start + targets.size)
        for target, sources in arrivals.items():
            if layer < len(sources):
                index[target] = start + sources[layer]
        constants = np.zeros(0) if np.isnan(neutral) else np.array([neutral])
        moved = site.apply(Arrange(index.reshape(shape), constants, kind="scatter"), (data, fresh), "updates")
        value = site.apply(op, (value, moved), reduction)
    site.alias(value)


def _of_elements(site: Site, shape: tuple[int, ...], indices: Array, updates: tuple[int, ...]) -> Array:
    """Where each update goes: its own position but for one axis."""
    rank, axis = len(shape), site.integer("axis", 0)
    if not -rank <= axis < rank or indices.ndim != rank or indices.shape != updates:
        raise MalformedModelError(f"indices of shape {list(indices.shape)} along axis {axis} do not fit its operands")
    axis %= rank
    places: list[Array] = list(np.indices(indices.shape))
    places[axis] = np.where(indices < 0, indices + shape[axis], indices)
    if any(np.any((place < 0) | (place >= size)) for place, size in zip(places, shape, strict=True)):
        raise MalformedModelError("its indices lie outside of its data")
    return np.ravel_multi_index(places, shape).reshape(-1)


def _of_slices(site: Site, shape: tuple[int, ...], indices: Array, updates: tuple[int, ...]) -> Array:
    """Where each update goes: the last axis of the indices names a place along the first axes of the data."""
    del site
    depth = indices.shape[-1] if indices.ndim else 0
    if not 1 <= depth <= len(shape) or updates != (*indices.shape[:-1], *shape[depth:]):
        raise MalformedModelError(f"indices of shape {list(indices.shape)} do not fit its operands")
    sizes = np.array(shape[:depth])
    places = np.where(indices < 0, indices + sizes, indices)
    if np.any((places < 0) | (places >= sizes)):
        raise MalformedModelError("its indices lie outside of its data")
    inner = int(np.prod(shape[depth:]))
    first = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), tuple(shape[:depth]))
    return (np.asarray(first)[..., None] * inner + np.arange(inner)).reshape(-1)
