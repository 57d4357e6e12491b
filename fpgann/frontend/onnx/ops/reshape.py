# SPDX-License-Identifier: Apache-2.0
"""Reshape, Flatten, Squeeze, Unsqueeze, and nodes that hand their input on."""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.reshape import Reshape

_INFERENCE = "export the model for inference (model.eval() in PyTorch)"


@IMPORTERS.register((STANDARD, "Reshape"))
def import_reshape(site: Site) -> None:
    """0 copies a size of the input (unless `allowzero`), -1 stands for the rest."""
    old = site.shape(0)
    wanted = [int(size) for size in site.known(1, "new shape").data.reshape(-1)]
    if not site.integer("allowzero", 0):
        wanted = [old[i] if size == 0 and i < len(old) else size for i, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        others = -prod(wanted)
        wanted = [prod(old) // others if size == -1 and others else size for size in wanted]
    if any(size < 1 for size in wanted) or prod(wanted) != prod(old):
        site.refuse(
            f"{prod(old)} elements of shape {list(old)} do not fit the new shape {wanted}",
            "export the model with a batch size of 1, or with -1 as the batch size of its reshapes",
        )
    _deliver(site, tuple(wanted))


@IMPORTERS.register((STANDARD, "Flatten"))
def import_flatten(site: Site) -> None:
    """To two axes: those before `axis` and the rest."""
    old = site.shape(0)
    axis = site.integer("axis", 1)
    if not -len(old) <= axis <= len(old):
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(old)}")
    axis = axis + len(old) if axis < 0 else axis
    _deliver(site, (prod(old[:axis]), prod(old[axis:])))


@IMPORTERS.register((STANDARD, "Squeeze"))
def import_squeeze(site: Site) -> None:
    """Drop axes of size 1."""
    old = site.shape(0)
    axes = _axes(site, len(old))
    if axes is None:
        axes = {i for i, size in enumerate(old) if size == 1}
    if any(old[axis] != 1 for axis in axes):
        raise MalformedModelError(f"it drops axes {sorted(axes)} of shape {list(old)}, which are not all of size 1")
    _deliver(site, tuple(size for i, size in enumerate(old) if i not in axes))


@IMPORTERS.register((STANDARD, "Unsqueeze"))
def import_unsqueeze(site: Site) -> None:
    """Insert axes of size 1."""
    old = site.shape(0)
    count = _axes_count(site)
    axes = _axes(site, len(old) + count)
    if not axes or len(axes) != count:
        raise MalformedModelError("its axes are missing or named twice")
    sizes = iter(old)
    _deliver(site, tuple(1 if i in axes else next(sizes) for i in range(len(old) + len(axes))))


@IMPORTERS.register((STANDARD, "Shape"))
def import_shape(site: Site) -> None:
    """A constant, for every shape is known; legacy exporters compute the sizes of a Reshape from it."""
    shape = site.shape(0)
    start, end = site.integer("start", 0), site.integer("end", len(shape))
    site.settle(Known(np.array(shape[start:end], np.int64)))


@IMPORTERS.register((STANDARD, "Size"))
def import_size(site: Site) -> None:
    """A constant likewise."""
    site.settle(Known(np.array(prod(site.shape(0)), np.int64)))


@IMPORTERS.register((STANDARD, "Identity"))
def import_identity(site: Site) -> None:
    """Another name."""
    site.alias(site.value(0))


@IMPORTERS.register((STANDARD, "Dropout"))
def import_dropout(site: Site) -> None:
    """Nothing at inference."""
    training = site.opset == 6 and not site.integer("is_test", 0)
    if site.opset >= 12 and site.has(2):
        training = bool(site.known(2, "training mode").data.any())
    if training:
        site.refuse("it is in training mode", _INFERENCE)
    site.refuse_outputs(_INFERENCE)
    site.alias(site.value(0))


def _axes_count(site: Site) -> int:
    return len(site.integers("axes") or ()) if site.opset < 13 else site.known(1, "axes").data.size


def _axes(site: Site, rank: int) -> set[int] | None:
    """The axes, an attribute before opset 13 and an operand since; None if they are left out."""
    if site.opset >= 13:
        axes = [int(axis) for axis in np.ravel(site.known(1, "axes").data)] if site.has(1) else None
    else:
        given = site.integers("axes")
        axes = None if given is None else list(given)
    if axes is None:
        return None
    if any(not -rank <= axis < rank for axis in axes):
        raise MalformedModelError(f"axes {axes} do not exist in {rank} dimensions")
    return {axis % rank for axis in axes}


def _deliver(site: Site, shape: tuple[int, ...]) -> None:
    if shape == site.shape(0):
        site.alias(site.value(0))
    else:
        site.deliver(Reshape(shape), site.value(0))
